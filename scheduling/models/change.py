"""What people changed in a plan, one row per act and one per booking it touched: for the history on every card, and
to take an act back exactly within two minutes.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models
from django.db.models import F, Q

from patients.models import Patient
from scheduling.models.booking import Appointment, TreatmentSeries
from scheduling.models.followup import FollowUp
from staff.models import Site

USER = settings.AUTH_USER_MODEL


class ScheduleChange(models.Model):
    """One act on booked visits of one patient: moved, postponed, skipped or not attended. Never edited, only undone."""

    class Kind(models.TextChoices):
        MOVE = "move", "Moved"
        CANCEL = "cancel", "Postponed without a date"
        OMIT = "omit", "Skipped"
        NO_SHOW = "no-show", "Did not attend"
        UNDO = "undo", "Moved back"
        VERSION = "version", "Moved to another protocol version"

    class Scope(models.TextChoices):
        THIS = "this", "Only this visit"
        CYCLE = "cycle", "This and the rest of this cycle"
        FOLLOWING = "following", "This and all that follow"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=8, choices=Kind)
    scope = models.CharField(max_length=9, choices=Scope, default=Scope.THIS)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="schedule_changes")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="schedule_changes")
    series = models.ForeignKey(
        TreatmentSeries, on_delete=models.PROTECT, related_name="changes", null=True, blank=True
    )
    reason = models.CharField(max_length=200)
    made_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["move", "cancel", "omit", "no-show", "undo", "version"]),
                name="change_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(scope__in=["this", "cycle", "following"]), name="change_scope_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="change_says_why"),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True, undone_by__isnull=True)
                | Q(undone_at__isnull=False, undone_by__isnull=False),
                name="change_undone_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.reason}"


class VisitChange(models.Model):
    """One booking before and after a change. `seat_before`: [resource key, load, start, end], ISO times."""

    change = models.ForeignKey(ScheduleChange, on_delete=models.PROTECT, related_name="rows")
    appointment = models.ForeignKey(Appointment, on_delete=models.PROTECT, related_name="changes")
    status_before = models.CharField(max_length=12)
    status_after = models.CharField(max_length=12)
    during_before: Any = DateTimeRangeField()  # both ends are always set
    during_after: Any = DateTimeRangeField()  # both ends are always set
    practitioner_before = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    predicted_before = models.DateTimeField(null=True, blank=True)
    seat_before = models.JSONField(default=list)
    place_before = models.CharField(max_length=200, blank=True)
    place_after = models.CharField(max_length=200, blank=True)
    follow_up = models.ForeignKey(FollowUp, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    version_after = models.PositiveIntegerField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(F("change"), F("appointment"), name="one_row_per_change_and_booking"),
        ]


class GapException(models.Model):
    """A longer gap before one infusion than the protocol's own: allowed by its text, approved by name."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    series = models.ForeignKey(TreatmentSeries, on_delete=models.PROTECT, related_name="gap_exceptions")
    ordinal = models.PositiveSmallIntegerField()
    max_hours = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=200)
    approved_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField()

    class Meta:
        ordering = ["series", "ordinal"]
        constraints = [
            models.UniqueConstraint(F("series"), F("ordinal"), name="one_long_gap_per_infusion"),
            models.CheckConstraint(
                condition=Q(max_hours__gte=24, max_hours__lte=24 * 28), name="long_gap_is_bounded"
            ),
            models.CheckConstraint(condition=~Q(reason="") & Q(ordinal__gte=2), name="long_gap_says_why"),
        ]

    def __str__(self) -> str:
        return f"Up to {self.max_hours} h before infusion {self.ordinal}"


class SpacingDecision(models.Model):
    """A prescriber's reason for an infusion less than 36 h from another, or the fourth within seven days.

    hours: to the nearest other start when less than 36; in_seven_days: how many, when more than three; lost: what of
    the plasticity window is cut off, as it was shown. Never edited.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    series = models.ForeignKey(TreatmentSeries, on_delete=models.PROTECT, related_name="spacing_decisions")
    ordinal = models.PositiveSmallIntegerField()
    hours = models.PositiveSmallIntegerField(null=True, blank=True)
    in_seven_days = models.PositiveSmallIntegerField(null=True, blank=True)
    lost = models.CharField(max_length=300)
    reason = models.CharField(max_length=200)
    decided_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["series", "ordinal", "pk"]
        constraints = [
            models.CheckConstraint(
                # a check that says neither yes nor no passes: nothing must be ruled out
                condition=Q(hours__isnull=False, hours__lt=36)
                | Q(in_seven_days__isnull=False, in_seven_days__gt=3),
                name="spacing_decision_is_about_something",
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & Q(ordinal__gte=1), name="spacing_decision_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"Infusion {self.ordinal}: {self.lost}"
