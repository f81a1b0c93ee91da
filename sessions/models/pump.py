"""What the pump did, and the plasma concentration that follows from it: estimated or measured."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from sessions.models.infusion import Infusion
from sessions.querysets import PumpEventQuerySet, StruckQuerySet, SupersededQuerySet

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class PumpEvent(models.Model):
    """One line of the pump log, with the time it was observed and the time it was entered.

    A row is never changed, except that it may be struck or superseded once. The log is the rows that are neither.
    """

    class Kind(models.TextChoices):
        START = "start", "Start"
        RATE = "rate", "Rate change"
        PAUSE = "pause", "Pause"
        RESUME = "resume", "Resume"
        BOLUS = "bolus", "Bolus"
        STOP = "stop", "Stop"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="pump_events")
    kind = models.CharField(max_length=6, choices=Kind)
    observed_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    rate_mg_per_min = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    bolus_mg = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    withdrawn_reason = models.CharField(max_length=200, blank=True)

    objects = PumpEventQuerySet.as_manager()

    class Meta:
        ordering = ["observed_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind__in=["start", "rate", "resume"], rate_mg_per_min__isnull=False, bolus_mg__isnull=True
                )
                | Q(kind="bolus", bolus_mg__isnull=False, rate_mg_per_min__isnull=True)
                | Q(kind__in=["pause", "stop"], rate_mg_per_min__isnull=True, bolus_mg__isnull=True),
                name="pump_event_has_its_value",
            ),
            models.CheckConstraint(
                condition=Q(rate_mg_per_min__isnull=True) | Q(rate_mg_per_min__gt=0, rate_mg_per_min__lte=20),
                name="pump_rate_in_range",
            ),
            models.CheckConstraint(
                condition=Q(bolus_mg__isnull=True) | Q(bolus_mg__gt=0, bolus_mg__lte=100),
                name="pump_bolus_in_range",
            ),
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(kind="start", withdrawn_at__isnull=True),
                name="one_start_per_infusion",
            ),
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(kind="stop", withdrawn_at__isnull=True),
                name="one_stop_per_infusion",
            ),
        ]


@pghistory.track()
class MeasuredLevel(models.Model):
    """A plasma ketamine level from a laboratory, ng/mL. A mistyped one is struck, once, and stays visible."""

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="measured_levels")
    observed_at = models.DateTimeField()
    ketamine_ng_ml = models.DecimalField(max_digits=7, decimal_places=1)
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    withdrawn_reason = models.CharField(max_length=200, blank=True)

    objects = StruckQuerySet.as_manager()

    class Meta:
        ordering = ["observed_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ketamine_ng_ml__gte=0, ketamine_ng_ml__lte=5000), name="measured_level_in_range"
            )
        ]


@pghistory.track()
class ClearanceEstimate(models.Model):
    """What the model said at one moment, with every input. One current row per infusion; older ones stay readable.

    `withheld`: why there is no clearance time (t_pk empty). infiltrated: the dose reached the tissue, nobody knows how
    much the blood. refused: the facts do not allow an estimate. A clinician then states when therapy may begin.
    """

    class Withheld(models.TextChoices):
        INFILTRATED = "infiltrated", "Line infiltrated"
        REFUSED = "refused", "Cannot be estimated"

    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="clearance_estimates")
    generation = models.PositiveIntegerField()
    model = models.CharField(max_length=24)
    threshold_ng_ml = models.DecimalField(max_digits=5, decimal_places=1)
    inputs = models.JSONField()
    provisional = models.BooleanField()
    aborted = models.BooleanField(default=False)
    withheld = models.CharField(max_length=12, choices=Withheld, blank=True)
    never_above = models.FloatField(null=True, blank=True)
    p5_at = models.DateTimeField(null=True, blank=True)
    p50_at = models.DateTimeField(null=True, blank=True)
    p95_at = models.DateTimeField(null=True, blank=True)
    t_pk = models.DateTimeField(null=True, blank=True)
    cmax_p50_ng_ml = models.FloatField(null=True, blank=True)
    delivered_mg = models.DecimalField(max_digits=6, decimal_places=2)
    warnings = models.JSONField(default=list)
    computed_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededQuerySet.as_manager()

    class Meta:
        ordering = ["-generation"]
        constraints = [
            models.UniqueConstraint(F("infusion"), F("generation"), name="estimate_generation_once"),
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_estimate_per_infusion",
            ),
            models.CheckConstraint(
                condition=Q(never_above__isnull=True) | Q(never_above__gte=0, never_above__lte=1),
                name="estimate_never_is_a_share",
            ),
            models.CheckConstraint(
                condition=Q(withheld="", t_pk__isnull=False)
                | Q(
                    withheld__in=["infiltrated", "refused"],
                    t_pk__isnull=True,
                    p5_at__isnull=True,
                    p50_at__isnull=True,
                    p95_at__isnull=True,
                ),
                name="estimate_says_a_time_or_why_not",
            ),
            models.CheckConstraint(
                condition=Q(threshold_ng_ml__in=[10, 20, 50]), name="estimate_threshold_known"
            ),
        ]
