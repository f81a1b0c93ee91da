"""What the patient was told and agreed to."""

from __future__ import annotations

import uuid
from datetime import datetime

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models import Patient
from protocols.models import ProtocolDocument
from sessions.querysets import ConsentQuerySet, PatientFacts

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class Consent(models.Model):
    """A patient's consent to one version's text. Withdrawal is accepted at any moment."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="consents")
    document = models.ForeignKey(ProtocolDocument, on_delete=models.PROTECT, related_name="consents")
    given_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    recorded_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ["-given_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("given_at")), name="consent_valid_after_given"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gte=F("given_at")),
                name="consent_withdrawn_after_given",
            ),
        ]

    def in_force(self, at: datetime) -> bool:
        """Given, not expired (end exclusive) and not withdrawn at `at`; the queryset's rule, for rows already read."""
        return self.given_at <= at < self.valid_until and (
            self.withdrawn_at is None or self.withdrawn_at > at
        )


@pghistory.track()
class EducationRecord(models.Model):
    """Education given and taught back: three questions answered in the patient's own words."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="education_records")
    document = models.ForeignKey(ProtocolDocument, on_delete=models.PROTECT, related_name="education_records")
    taught_at = models.DateTimeField()
    experience_not_needed = models.BooleanField()
    work_happens_afterwards = models.BooleanField()
    no_driving_understood = models.BooleanField()
    recorded_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["-taught_at"]

    @property
    def complete(self) -> bool:
        """All three questions were answered rightly."""
        return self.experience_not_needed and self.work_happens_afterwards and self.no_driving_understood
