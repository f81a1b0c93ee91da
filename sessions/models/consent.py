"""What the patient was told and agreed to."""

from __future__ import annotations

import uuid
from datetime import datetime

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models import LegalRepresentative, Patient
from protocols.models import ProtocolDocument
from sessions.querysets import ConsentQuerySet, PatientFacts

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class Consent(models.Model):
    """Consent to one version's text, signed by the patient or a legal representative. Withdrawn at any moment.

    `signed_by_name` and `relationship` are what the representative was called when they signed; empty = the patient.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="consents")
    document = models.ForeignKey(ProtocolDocument, on_delete=models.PROTECT, related_name="consents")
    given_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    representative = models.ForeignKey(
        LegalRepresentative, on_delete=models.PROTECT, related_name="consents", null=True, blank=True
    )
    signed_by_name = models.CharField(max_length=120, blank=True)
    relationship = models.CharField(max_length=60, blank=True)
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
            models.CheckConstraint(
                condition=Q(representative__isnull=True, signed_by_name="", relationship="")
                | Q(representative__isnull=False) & ~Q(signed_by_name="") & ~Q(relationship=""),
                name="consent_says_who_signed",
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
