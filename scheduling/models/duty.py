"""Who is reachable at a site when an answer needs a person now, and how they were told."""

from __future__ import annotations

import uuid
from typing import Any

import pghistory
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q

from patients.models import ContactPoint, Patient
from scheduling.querysets_duty import AlertQuerySet, DutyQuerySet
from sessions.models import OutcomeScore
from staff.fields import RowSealedTextField, Unreadable
from staff.models import Site

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class DutyShift(models.Model):
    """One person is reachable for one site during a half-open range. Rank 1 is told first, rank 2 when rank 1
    has not confirmed in time, and so on. A shift is taken back (`cancelled_at`), never deleted. The number is encrypted
    and bound to this shift: copied here from another it does not open.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="duty_shifts")
    user = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="duty_shifts")
    during: Any = DateTimeRangeField()  # both ends are always set, which the type stubs cannot express
    rank = models.PositiveSmallIntegerField(default=1)
    phone = RowSealedTextField(
        blank=True, bound_to=("code", "user_id", "site_id"), place="scheduling_dutyshift.phone"
    )
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    cancelled_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = DutyQuerySet.as_manager()

    class Meta:
        ordering = ["during", "rank"]
        constraints = [
            models.CheckConstraint(
                condition=Q(during__isempty=False, during__lower_inf=False, during__upper_inf=False),
                name="duty_shift_is_bounded",
            ),
            models.CheckConstraint(condition=Q(rank__gte=1, rank__lte=3), name="duty_rank_in_range"),
            ExclusionConstraint(
                name="one_person_per_duty_rank",
                expressions=[
                    ("site", RangeOperators.EQUAL),
                    ("rank", RangeOperators.EQUAL),
                    ("during", RangeOperators.OVERLAPS),
                ],
                condition=Q(cancelled_at__isnull=True),
            ),
        ]

    @property
    def texts(self) -> bool | None:
        """Whether this person is told by text, too; None when the stored number does not open."""
        try:
            return bool(self.phone)
        except Unreadable:
            return None


@pghistory.track()
class StaffAlert(models.Model):
    """Something about a patient that a person must look at now. It climbs until somebody confirms it.

    `level` is how many circles have been told: duty rank 1, 2, 3, then every clinician of the site.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    key = models.CharField(max_length=80, unique=True)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="alerts")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="alerts")
    score = models.ForeignKey(
        OutcomeScore, on_delete=models.PROTECT, related_name="alerts", null=True, blank=True
    )
    reason = models.CharField(max_length=200)
    raised_at = models.DateTimeField()
    level = models.PositiveSmallIntegerField(default=0)
    climbs_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-raised_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    acknowledged_at__isnull=True, acknowledged_by__isnull=True, climbs_at__isnull=False
                )
                | Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False, climbs_at__isnull=True),
                name="alert_climbs_until_confirmed",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="alert_says_why"),
        ]
        indexes = [
            models.Index(
                fields=["climbs_at"], condition=Q(acknowledged_at__isnull=True), name="alert_not_confirmed"
            )
        ]


@pghistory.track(exclude=["lease_until"])
class StaffNotice(models.Model):
    """One e-mail or text that tells one colleague of one alert at one level. Rather twice than never: it is
    tried until it has left or the alert is confirmed. The address is encrypted and bound to this notice.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Could not be delivered"
        DROPPED = "dropped", "Not needed any more"

    alert = models.ForeignKey(StaffAlert, on_delete=models.PROTECT, related_name="notices")
    user = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    level = models.PositiveSmallIntegerField()
    channel = models.CharField(max_length=5, choices=ContactPoint.Channel)
    address = RowSealedTextField(
        bound_to=("alert_id", "user_id", "level", "channel"), place="scheduling_staffnotice.address"
    )
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error_code = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "user", "level", "channel"], name="one_notice_per_person_and_level"
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_at__isnull=False), name="sent_notice_has_a_time"
            ),
        ]
        indexes = [models.Index(fields=["created_at"], condition=Q(state="waiting"), name="notice_waiting")]
