"""What stood before an infusion visit: a site's own gates, how people answered them, and the signed eligibility list.

An answer names the visit by its code, because the record does not know bookings; at check-in it is bound to the record.
"""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from patients.models import Patient
from protocols.models import ProtocolVersion
from sessions.models.infusion import Infusion
from sessions.querysets import EligibilityQuerySet, GateAnswerQuerySet, SiteGateQuerySet
from staff.models import Site

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class SiteGate(models.Model):
    """A gate that a site adds for itself (prior authorisation, ECG): its words, when it is due, whose task it is.

    A hard one is also asked by trigger `site_gates_before_start`: of every visit that arrives after it was added.
    """

    class Due(models.TextChoices):
        BOOKING = "booking", "At booking"
        BEFORE_48H = "before_48h", "48 hours before"
        CHECK_IN = "check_in", "At check-in"
        START = "start", "At the start"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="gates")
    label = models.CharField(max_length=80)
    due = models.CharField(max_length=10, choices=Due)
    owner_role = models.CharField(max_length=16)
    hard = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    retired_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = SiteGateQuerySet.as_manager()

    class Meta:
        ordering = ["label"]
        constraints = [
            models.UniqueConstraint(
                F("site"),
                Lower("label"),
                condition=Q(retired_at__isnull=True),
                name="site_gate_label_once",
            ),
            models.CheckConstraint(
                condition=Q(due__in=["booking", "before_48h", "check_in", "start"]),
                name="site_gate_due_known",
            ),
            models.CheckConstraint(
                condition=Q(owner_role__in=["coordinator", "nurse", "clinician", "therapist"]),
                name="site_gate_owner_known",
            ),
            models.CheckConstraint(condition=~Q(label=""), name="site_gate_has_words"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def key(self) -> str:
        """How answers name it."""
        return f"site:{self.code}"


@pghistory.track()
class GateAnswer(models.Model):
    """How a gate of one visit stands, as a person said it: met, not applicable, or overridden with a coded reason.

    A new answer supersedes the old one. `visit` is the code of the booked visit; an override at the pump start names
    its record alone.
    """

    class Outcome(models.TextChoices):
        MET = "met", "Met"
        NOT_APPLICABLE = "not-applicable", "Not applicable"
        OVERRIDDEN = "overridden", "Overridden"
        OPEN = "open", "Open again"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="gate_answers")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="gate_answers")
    visit = models.UUIDField(null=True, blank=True)
    infusion = models.ForeignKey(
        Infusion, on_delete=models.PROTECT, related_name="gate_answers", null=True, blank=True
    )
    gate = models.CharField(max_length=50)
    label = models.CharField(max_length=120)
    outcome = models.CharField(max_length=14, choices=Outcome)
    reason_code = models.CharField(max_length=24, blank=True)
    note = models.CharField(max_length=300, blank=True)
    answered_at = models.DateTimeField()
    answered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    answered_as = models.CharField(max_length=16)
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = GateAnswerQuerySet.as_manager()

    class Meta:
        ordering = ["answered_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["visit", "gate"],
                condition=Q(superseded_at__isnull=True, visit__isnull=False),
                name="one_current_answer_per_visit_and_gate",
            ),
            models.UniqueConstraint(
                fields=["infusion", "gate"],
                condition=Q(superseded_at__isnull=True, infusion__isnull=False),
                name="one_current_answer_per_record_and_gate",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["met", "not-applicable", "overridden", "open"]),
                name="gate_outcome_known",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="not-applicable") | ~Q(note=""), name="gate_not_applicable_says_why"
            ),
            models.CheckConstraint(
                condition=~Q(outcome="overridden") | ~Q(reason_code="") & Q(answered_as="clinician"),
                name="gate_override_has_reason_and_role",
            ),
            models.CheckConstraint(
                condition=~Q(reason_code="other") | ~Q(note=""), name="gate_other_reason_in_words"
            ),
            models.CheckConstraint(
                condition=Q(visit__isnull=False) | Q(infusion__isnull=False),
                name="gate_answer_is_about_a_visit",
            ),
        ]
        indexes = [
            models.Index(
                fields=["site", "answered_at"], condition=Q(outcome="overridden"), name="gate_override_report"
            )
        ]


@pghistory.track()
class EligibilitySignOff(models.Model):
    """A prescriber's signature under a version's eligibility checklist: every line answered, cautions with a reason.

    Holds for every version with the same list. A series starts only with one (trigger `series_needs_eligibility`).
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="eligibility_sign_offs")
    protocol_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="+")
    answers = models.JSONField()
    accepted = models.JSONField(default=list)
    reason = models.CharField(max_length=300, blank=True)
    signed_at = models.DateTimeField()
    signed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    signed_name = models.CharField(max_length=120)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    withdrawn_reason = models.CharField(max_length=300, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = EligibilityQuerySet.as_manager()

    class Meta:
        ordering = ["-signed_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(accepted=[]) | ~Q(reason=""), name="eligibility_cautions_have_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True)
                | Q(withdrawn_by__isnull=False) & ~Q(withdrawn_reason=""),
                name="eligibility_withdrawal_says_why",
            ),
        ]
