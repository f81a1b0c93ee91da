"""What was checked, measured and observed at the chair."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from sessions.models.infusion import Infusion
from sessions.querysets import StruckQuerySet, SupersededQuerySet, VitalSignsQuerySet

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class VitalSigns(models.Model):
    """One row of the vitals grid. Dissociation and sedation scores are safety data, never an outcome."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="vital_signs")
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    systolic = models.PositiveSmallIntegerField()
    diastolic = models.PositiveSmallIntegerField()
    heart_rate = models.PositiveSmallIntegerField()
    spo2 = models.PositiveSmallIntegerField()
    moaas = models.PositiveSmallIntegerField(null=True, blank=True)
    cadss6 = models.PositiveSmallIntegerField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    objects = VitalSignsQuerySet.as_manager()

    class Meta:
        ordering = ["observed_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(systolic__gte=50, systolic__lte=300, diastolic__gte=20, diastolic__lte=200),
                name="vitals_pressure_in_range",
            ),
            models.CheckConstraint(
                condition=Q(diastolic__lt=F("systolic")), name="vitals_diastolic_below_systolic"
            ),
            models.CheckConstraint(
                condition=Q(heart_rate__gte=20, heart_rate__lte=250), name="vitals_heart_rate_in_range"
            ),
            models.CheckConstraint(condition=Q(spo2__gte=40, spo2__lte=100), name="vitals_spo2_in_range"),
            models.CheckConstraint(
                condition=Q(moaas__isnull=True) | Q(moaas__lte=5), name="vitals_moaas_in_range"
            ),
            models.CheckConstraint(
                condition=Q(cadss6__isnull=True) | Q(cadss6__lte=24), name="vitals_cadss6_in_range"
            ),
        ]


@pghistory.track()
class PreInfusionCheck(models.Model):
    """One answered line of the pre-infusion gate: who said what, when."""

    class Outcome(models.TextChoices):
        PASSED = "passed", "Yes"
        FAILED = "failed", "No"
        NOT_APPLICABLE = "not-applicable", "Not applicable"

    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="checks")
    kind = models.CharField(max_length=30)
    outcome = models.CharField(max_length=14, choices=Outcome)
    note = models.CharField(max_length=200, blank=True)
    reason_code = models.CharField("why it does not apply", max_length=20, blank=True)
    can_start_from = models.DateTimeField("end of the fasting time", null=True, blank=True)
    observed_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededQuerySet.as_manager()

    class Meta:
        ordering = ["observed_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion", "kind"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_check_of_a_kind",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["passed", "failed", "not-applicable"]), name="check_outcome_known"
            ),
        ]


@pghistory.track()
class AdverseEvent(models.Model):
    """Something untoward that happened to the patient, coded by what it asks for. A mistaken entry is struck."""

    class Severity(models.TextChoices):
        MILD = "mild", "Mild"
        SERIOUS = "serious", "Serious"
        STOP_RULE = "stop-rule", "Stop rule met"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="adverse_events")
    kind = models.CharField(max_length=40)
    severity = models.CharField(max_length=10, choices=Severity)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=500, blank=True)
    pauses_later = models.BooleanField("a prescriber holds later infusions for it", default=False)
    resolved_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    withdrawn_reason = models.CharField(max_length=200, blank=True)

    objects = StruckQuerySet.as_manager()

    class Meta:
        ordering = ["-observed_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(severity__in=["mild", "serious", "stop-rule"]),
                name="adverse_event_severity_known",
            )
        ]
