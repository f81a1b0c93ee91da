"""What the preparation visit before the first infusion agreed: goals, practice plan, expectations (clinic-day 29)."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from patients.models import Patient
from sessions.querysets import PatientFacts

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class PreparationRecord(models.Model):
    """A preparation visit as it was held, before the drug: not therapy. Written once; a later plan is a later row.

    `course` is the series' code, copied: the record never reads a plan.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="preparations")
    course = models.UUIDField()
    therapist = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    held_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    goals = models.TextField(blank=True)
    practice_plan = models.TextField("what is practised")
    practice_when = models.CharField("when in the day", max_length=200, blank=True)
    practice_a_week = models.PositiveSmallIntegerField("times a week", null=True, blank=True)
    expectations = models.TextField(blank=True)
    outside_therapist = models.CharField(max_length=200, blank=True)

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["-held_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(practice_plan=""), name="preparation_has_a_plan"),
            models.CheckConstraint(
                condition=Q(practice_a_week__isnull=True)
                | Q(practice_a_week__gte=1, practice_a_week__lte=42),
                name="preparation_practice_in_range",
            ),
        ]
