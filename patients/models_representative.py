"""Who may decide for an adult patient: a legal representative, and what shows it (clinic-day 39)."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.querysets import OfPatientQuerySet

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class LegalRepresentative(models.Model):
    """A person who may sign for the patient and be written to. Ended with a reason, never changed or deleted."""

    class Relationship(models.TextChoices):
        COURT = "court", "Guardian appointed by a court"
        ATTORNEY = "attorney", "Health care power of attorney"
        RELATIVE = "relative", "Next of kin, by law"
        OTHER = "other", "Another legal ground"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey("patients.Patient", on_delete=models.PROTECT, related_name="representatives")
    name = models.CharField(max_length=120)
    relationship = models.CharField(max_length=10, choices=Relationship)
    authority = models.CharField("what shows it", max_length=200)
    recorded_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    ended_reason = models.CharField(max_length=200, blank=True)

    objects = OfPatientQuerySet.as_manager()

    class Meta:
        ordering = ["-recorded_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(authority=""), name="representative_is_named_and_shown"
            ),
            models.CheckConstraint(
                condition=Q(relationship__in=["court", "attorney", "relative", "other"]),
                name="representative_relationship_known",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True)
                | Q(ended_at__gte=F("recorded_at"), ended_by__isnull=False) & ~Q(ended_reason=""),
                name="representative_ended_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_relationship_display().lower()})"
