"""Contacts about safety, therapy as it happened, and outcome scores."""

from __future__ import annotations

import uuid
from typing import ClassVar

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models import Patient
from sessions.models.infusion import Infusion
from sessions.querysets import PatientFacts, SessionFacts

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class SafetyContact(models.Model):
    """A contact about safety, by any clinical role at any moment. Never refused, and not therapy."""

    class Manner(models.TextChoices):
        PHONE = "phone", "By phone"
        IN_PERSON = "in-person", "In person"
        VIDEO = "video", "By video"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="safety_contacts")
    occurred_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    manner = models.CharField(max_length=10, choices=Manner)
    cssrs = models.PositiveSmallIntegerField("suicidality screen (0 to 5)", null=True, blank=True)
    outcome = models.CharField(max_length=500)
    next_owner = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["-occurred_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(cssrs__isnull=True) | Q(cssrs__lte=5), name="safety_contact_cssrs_in_range"
            )
        ]


@pghistory.track()
class IntegrationSession(models.Model):
    """Post-infusion therapy as it happened: started, completed, by whom."""

    class Mode(models.TextChoices):
        IN_PERSON = "in-person", "In person"
        VIDEO = "video", "Video"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="integration_sessions")
    infusion = models.ForeignKey(
        Infusion, on_delete=models.PROTECT, related_name="integration_sessions", null=True, blank=True
    )
    therapist = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="integration_sessions")
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.IN_PERSON)
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    inside_no_therapy_at = models.DateTimeField(null=True, blank=True)

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(completed_at__isnull=True) | Q(completed_at__gte=F("started_at")),
                name="therapy_completed_after_start",
            ),
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(completed_at__isnull=True),
                name="one_running_therapy_per_patient",
            ),
        ]


@pghistory.track()
class IntegrationNote(models.Model):
    """The therapist's note: goals, the practice plan (what, when, how often), progress. Signed once complete; later
    changes are amendments.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    session = models.ForeignKey(IntegrationSession, on_delete=models.PROTECT, related_name="notes")
    goals = models.TextField(blank=True)
    practice_plan = models.TextField("what is practised", blank=True)
    practice_when = models.CharField("when in the day", max_length=200, blank=True)
    practice_a_week = models.PositiveSmallIntegerField("times a week", null=True, blank=True)
    progress = models.TextField(blank=True)
    author = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True, blank=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )

    objects = SessionFacts.as_manager()

    class Meta:
        ordering = ["-written_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(practice_a_week__isnull=True)
                | (Q(practice_a_week__gte=1, practice_a_week__lte=42) & ~Q(practice_plan="")),
                name="practice_says_what_and_how_often",
            )
        ]


@pghistory.track()
class OutcomeScore(models.Model):
    """A total of one instrument at one moment; items only where the licence allows embedding. `item_9`: the answer of
    the PHQ-9 about being better off dead, 0 to 3, also where only the total is known otherwise; null: not known.
    """

    INSTRUMENTS: ClassVar = ("phq9", "gad7", "qids_sr16", "madrs")

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="outcome_scores")
    instrument = models.CharField(max_length=10, choices=[(name, name) for name in INSTRUMENTS])
    total = models.PositiveSmallIntegerField()
    items = models.JSONField(null=True, blank=True)
    item_9 = models.PositiveSmallIntegerField(null=True, blank=True)
    taken_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["taken_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(instrument="phq9", total__lte=27)
                | Q(instrument="gad7", total__lte=21)
                | Q(instrument="qids_sr16", total__lte=27)
                | Q(instrument="madrs", total__lte=60),
                name="outcome_total_in_range",
            ),
            models.CheckConstraint(
                condition=Q(item_9__isnull=True)
                | Q(instrument="phq9", item_9__lte=3) & Q(item_9__lte=models.F("total")),
                name="item_9_of_phq9_within_total",
            ),
        ]
