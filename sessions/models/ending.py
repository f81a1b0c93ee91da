"""How an infusion visit ended, who looked after it, and what stands against the patient's next infusion."""

from __future__ import annotations

import uuid
from typing import ClassVar

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models import Patient
from sessions.models.infusion import Infusion
from sessions.models.observation import AdverseEvent
from sessions.querysets import InfusionFacts, PatientFacts, SupersededQuerySet

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class Disposition(models.Model):
    """The one coded ending of an infusion visit. A correction supersedes the old row, which stays readable."""

    class Outcome(models.TextChoices):
        DISCHARGED = "discharged", "Discharged"
        AGAINST_ADVICE = "against-advice", "Left against advice"
        UNSEEN = "unseen", "Left unseen"
        AMBULANCE = "ambulance", "Taken by ambulance"
        ADMITTED = "admitted", "Admitted to hospital"
        DIED = "died", "Died"

    UNPLANNED: ClassVar = frozenset(
        {Outcome.AGAINST_ADVICE, Outcome.UNSEEN, Outcome.AMBULANCE, Outcome.ADMITTED, Outcome.DIED}
    )

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="dispositions")
    outcome = models.CharField(max_length=14, choices=Outcome)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    condition = models.CharField("condition when last seen", max_length=300, blank=True)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededQuerySet.as_manager()

    class Meta:
        ordering = ["-entered_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_disposition_per_infusion",
            ),
            models.CheckConstraint(
                condition=Q(
                    outcome__in=[
                        "discharged",
                        "against-advice",
                        "unseen",
                        "ambulance",
                        "admitted",
                        "died",
                    ]
                ),
                name="disposition_outcome_known",
            ),
            models.CheckConstraint(
                condition=Q(outcome="discharged") | Q(last_seen_at__isnull=False) & ~Q(condition=""),
                name="unplanned_ending_says_when_last_seen",
            ),
        ]

    @property
    def unplanned(self) -> bool:
        """The patient did not leave by the discharge criteria."""
        return self.outcome in self.UNPLANNED


@pghistory.track()
class EndingAssessment(models.Model):
    """A clinician's assessment after an unplanned ending, in person or by phone. Only then may a window open."""

    class Manner(models.TextChoices):
        PHONE = "phone", "By phone"
        IN_PERSON = "in-person", "In person"
        VIDEO = "video", "By video"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="assessments")
    manner = models.CharField(max_length=10, choices=Manner)
    words = models.CharField(max_length=500)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")

    objects = InfusionFacts.as_manager()

    class Meta:
        ordering = ["-observed_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(words=""), name="assessment_says_something"),
            models.CheckConstraint(
                condition=Q(observed_at__lte=F("entered_at")), name="assessment_not_in_the_future"
            ),
        ]


@pghistory.track()
class TreatmentHold(models.Model):
    """No further infusion of this patient starts until a prescriber releases this, by one signed tap.

    `cause` names what raised it (an adverse event's code, an ending, a test); one open hold per cause.
    """

    class Kind(models.TextChoices):
        ADVERSE_EVENT = "adverse-event", "Adverse event"
        ENDING = "ending", "Unplanned ending"
        PREGNANCY = "pregnancy", "Pregnancy test positive"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="treatment_holds")
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="holds")
    kind = models.CharField(max_length=14, choices=Kind)
    cause = models.CharField(max_length=60)
    adverse_event = models.ForeignKey(
        AdverseEvent, on_delete=models.PROTECT, related_name="holds", null=True, blank=True
    )
    raised_at = models.DateTimeField()
    raised_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    released_reason = models.CharField(max_length=200, blank=True)

    objects = PatientFacts.as_manager()

    class Meta:
        ordering = ["raised_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cause"], condition=Q(released_at__isnull=True), name="one_open_hold_per_cause"
            ),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True, released_by__isnull=True)
                | Q(released_at__isnull=False, released_by__isnull=False) & ~Q(released_reason=""),
                name="hold_is_released_by_somebody_with_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["adverse-event", "ending", "pregnancy"]), name="hold_kind_known"
            ),
        ]


@pghistory.track()
class Handover(models.Model):
    """One nurse offers a patient to another, who accepts. What is open travels as it stood when accepted."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="handovers")
    from_nurse = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    to_nurse = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="handovers_received")
    words = models.CharField("what the receiving nurse must know", max_length=300, blank=True)
    offered_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    open_items = models.JSONField(default=list)
    over_capacity = models.BooleanField(default=False)

    objects = InfusionFacts.as_manager()

    class Meta:
        ordering = ["offered_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(from_nurse=F("to_nurse")), name="handover_is_to_another_person"
            ),
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(accepted_at__isnull=True, withdrawn_at__isnull=True),
                name="one_handover_offered_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(withdrawn_at__isnull=True),
                name="handover_is_accepted_or_withdrawn",
            ),
        ]
