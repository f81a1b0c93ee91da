"""What stands beside the severity scores: the nights after an infusion, and how daily life goes.

Rest and sleep come first after an infusion, so hours slept are data and not a remark; function, practice and the
patient's own goal say whether a lower score means anything in the day. None of them is ever added up to one number.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models import Patient
from sessions.models.infusion import Infusion
from sessions.querysets import PatientFacts, SupersededPatientFacts

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class NightReport(models.Model):
    """One of the first two nights after an infusion: hours slept (0 to 24) and how good the sleep was (1 to 5).

    A corrected report supersedes the one before it, which stays readable.
    """

    QUALITY: ClassVar = {1: "very poor", 2: "poor", 3: "fair", 4: "good", 5: "very good"}

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="night_reports")
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="night_reports")
    night = models.PositiveSmallIntegerField()
    hours_slept = models.DecimalField(max_digits=3, decimal_places=1)
    quality = models.PositiveSmallIntegerField(null=True, blank=True)
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededPatientFacts.as_manager()

    class Meta:
        ordering = ["infusion", "night", "entered_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion", "night"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_report_per_night",
            ),
            models.CheckConstraint(condition=Q(night__gte=1, night__lte=2), name="night_is_first_or_second"),
            models.CheckConstraint(
                condition=Q(hours_slept__gte=0, hours_slept__lte=24), name="hours_slept_in_range"
            ),
            models.CheckConstraint(
                condition=Q(quality__isnull=True) | Q(quality__gte=1, quality__lte=5),
                name="sleep_quality_in_range",
            ),
        ]

    @property
    def words(self) -> str:
        """`6.5 h, good`."""
        slept = f"{float(self.hours_slept):g}"
        return f"{slept} h" + (f", {self.QUALITY[self.quality]}" if self.quality else "")


@pghistory.track()
class ProgressReport(models.Model):
    """Daily life as the patient sees it: function 0 to 10, practice days of the last seven, own goal 0 to 10.

    Each may be left out; at least one is there. They are shown beside PHQ-9 and never totalled.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="progress_reports")
    function = models.PositiveSmallIntegerField(null=True, blank=True)
    practice_days = models.PositiveSmallIntegerField(null=True, blank=True)
    goal_rating = models.PositiveSmallIntegerField(null=True, blank=True)
    taken_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["taken_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(function__isnull=False)
                | Q(practice_days__isnull=False)
                | Q(goal_rating__isnull=False),
                name="progress_says_something",
            ),
            models.CheckConstraint(
                condition=(Q(function__isnull=True) | Q(function__lte=10))
                & (Q(practice_days__isnull=True) | Q(practice_days__lte=7))
                & (Q(goal_rating__isnull=True) | Q(goal_rating__lte=10)),
                name="progress_in_range",
            ),
            models.CheckConstraint(condition=Q(taken_at__lte=F("entered_at")), name="progress_not_ahead"),
        ]
        indexes = [models.Index(fields=["patient", "taken_at"], name="progress_of_patient")]
