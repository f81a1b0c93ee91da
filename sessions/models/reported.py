"""Therapy as somebody outside the clinic reported it. It is never a session of this clinic."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models import ExternalTherapist, Patient
from sessions.models.infusion import Infusion
from sessions.querysets import PatientFacts

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class ReportedTherapy(models.Model):
    """A therapy session with the patient's therapist outside the clinic, as reported by their link or by phone.

    `held_at`: when it began. By phone somebody here wrote it down and names who said it. It is fixed; a mistake is
    withdrawn. `inside_no_therapy_at`: it lies inside a no-therapy period, known at this moment; then it counts nowhere.
    """

    class Via(models.TextChoices):
        LINK = "link", "By their link"
        PHONE = "phone", "By phone"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="reported_therapy")
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="reported_therapy")
    therapist = models.ForeignKey(
        ExternalTherapist, on_delete=models.PROTECT, related_name="reported_therapy"
    )
    held_at = models.DateTimeField()
    via = models.CharField(max_length=5, choices=Via)
    spoken_with = models.CharField(max_length=120, blank=True)
    recorded_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    recorded_at = models.DateTimeField()
    inside_no_therapy_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    withdrawn_reason = models.CharField(max_length=200, blank=True)

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["-held_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(held_at__lte=F("recorded_at")), name="reported_therapy_has_taken_place"
            ),
            models.CheckConstraint(
                condition=Q(via="link", recorded_by__isnull=True, spoken_with="")
                | Q(via="phone", recorded_by__isnull=False) & ~Q(spoken_with=""),
                name="reported_therapy_says_by_whom",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True)
                | Q(withdrawn_at__gte=F("recorded_at"), withdrawn_by__isnull=False) & ~Q(withdrawn_reason=""),
                name="withdrawn_report_says_why",
            ),
            models.UniqueConstraint(
                F("infusion"),
                F("held_at"),
                condition=Q(withdrawn_at__isnull=True),
                name="one_report_of_a_therapy_session",
            ),
        ]

    def __str__(self) -> str:
        return f"Reported by {self.therapist}"
