"""Links that patients, and whoever they named, follow without an account."""

from __future__ import annotations

import uuid

import pghistory
from django.db import models
from django.db.models import Q

from patients.models import ContactPoint, Patient
from protocols.models import ProtocolDocument
from scheduling.models.booking import Appointment
from scheduling.models.followup import FollowUp


@pghistory.track(exclude=["token_hash"])
class PatientLink(models.Model):
    """One link for one purpose. Only the SHA-256 of its token is stored; the token is made anew from the
    server's secret whenever the message is rendered, so that a repeated send carries the same link.
    """

    class Purpose(models.TextChoices):
        VISIT = "visit", "Answer about a visit"
        CHECK_IN = "check-in", "Next-morning check-in"
        QUESTIONNAIRE = "questionnaire", "Questionnaire"
        EDUCATION = "education", "Preparation and three questions"
        OPT_OUT = "opt-out", "No more messages"
        OUTSIDE = "outside", "Times for the therapist outside the clinic"
        ADDRESS = "address", "Is this your address"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="links")
    purpose = models.CharField(max_length=14, choices=Purpose)
    about = models.CharField("what it belongs to", max_length=80, unique=True)
    contact_point = models.ForeignKey(
        ContactPoint, on_delete=models.PROTECT, related_name="links", null=True, blank=True
    )
    follow_up = models.ForeignKey(
        FollowUp, on_delete=models.PROTECT, related_name="links", null=True, blank=True
    )
    appointment = models.ForeignKey(
        Appointment, on_delete=models.PROTECT, related_name="links", null=True, blank=True
    )
    about_at = models.DateTimeField("start of the visit it speaks of", null=True, blank=True)
    document = models.ForeignKey(
        ProtocolDocument, on_delete=models.PROTECT, related_name="links", null=True, blank=True
    )
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(token_hash__regex=r"^[0-9a-f]{64}$"),  # noqa: S106 - a pattern
                name="link_token_is_hashed",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="link_expires_after_it_was_made"
            ),
            models.CheckConstraint(
                condition=Q(
                    purpose__in=[
                        "visit",
                        "check-in",
                        "questionnaire",
                        "education",
                        "opt-out",
                        "outside",
                        "address",
                    ]
                ),
                name="link_purpose_known",
            ),
        ]
