"""A run of the clinic optimiser and what it proposes for each waiting patient. A proposal books nothing."""

from __future__ import annotations

import uuid
from typing import ClassVar

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q

from patients.models import Patient
from protocols.models import ProtocolVersion
from scheduling.models.booking import TreatmentSeries
from scheduling.querysets_clinic_plan import ClinicPlanQuerySet
from staff.models import Site

USER = settings.AUTH_USER_MODEL


@pghistory.track(exclude=["beat_at", "percent", "placed", "cost", "bound"])
class ClinicPlanRun(models.Model):
    """One job: waiting patients of a site planned together in the background. The row is its progress.

    cost and bound are points of the planner: no plan of these patients can cost less than `bound`. report: chairs in
    use on each day before and after, and the windows kept, once it has ended.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting to start"
        RUNNING = "running", "Running"
        DONE = "done", "Finished"
        FAILED = "failed", "Did not finish"

    GOING: ClassVar = frozenset({State.QUEUED, State.RUNNING})

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="clinic_plans")
    protocol_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="+")
    first_day = models.DateField("first visit not before")
    seconds = models.PositiveSmallIntegerField("time to search, seconds")
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    requested_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    beat_at = models.DateTimeField("last sign of life", null=True, blank=True)
    stop_asked_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    percent = models.PositiveSmallIntegerField("time used, %", default=0)
    placed = models.PositiveSmallIntegerField("series placed so far", default=0)
    cost = models.PositiveBigIntegerField(null=True, blank=True)
    bound = models.PositiveBigIntegerField(null=True, blank=True)
    report = models.JSONField(default=dict, blank=True)
    failure = models.CharField("why it did not finish", max_length=120, blank=True)
    objects = ClinicPlanQuerySet.as_manager()

    class Meta:
        ordering = ["-requested_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "done", "failed"]), name="clinic_plan_state_known"
            ),
            models.CheckConstraint(
                condition=Q(seconds__gte=1, seconds__lte=600), name="clinic_plan_seconds_in_range"
            ),
            models.CheckConstraint(condition=Q(percent__lte=100), name="clinic_plan_percent_in_range"),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | Q(state__in=["done", "failed"], finished_at__isnull=False),
                name="clinic_plan_ends_once",
            ),
            models.UniqueConstraint(
                fields=["site"],
                condition=Q(state__in=["queued", "running"]),
                name="one_clinic_plan_at_a_time_per_site",
            ),
        ]

    def __str__(self) -> str:
        return f"Clinic plan {self.code}"

    @property
    def going(self) -> bool:
        """Still waiting or running."""
        return self.state in self.GOING

    @property
    def percent_above_best(self) -> float | None:
        """At most so far above the best possible plan; None before there is one."""
        if self.cost is None or not self.bound:
            return None
        return 100.0 * (self.cost - self.bound) / self.bound


@pghistory.track()
class ClinicPlanEntry(models.Model):
    """One patient of a run. visits and therapy as the booking service takes them, instants in UTC."""

    class State(models.TextChoices):
        WAITING = "waiting", "Being planned"
        PROPOSED = "proposed", "Proposed"
        IMPOSSIBLE = "impossible", "No place found"
        BOOKED = "booked", "Booked"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    run = models.ForeignKey(ClinicPlanRun, on_delete=models.PROTECT, related_name="entries")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    weight_kg = models.DecimalField("weight used for planning, kg", max_digits=5, decimal_places=1)
    priority = models.PositiveSmallIntegerField(default=2)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    visits = models.JSONField(default=list, blank=True)
    therapy = models.JSONField(default=list, blank=True)
    reasons = models.JSONField("why not, in words", default=list, blank=True)
    series = models.OneToOneField(
        TreatmentSeries, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "clinic plan entries"
        constraints = [
            models.UniqueConstraint(fields=["run", "patient"], name="one_place_per_clinic_plan"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "proposed", "impossible", "booked"]),
                name="clinic_plan_entry_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="booked", series__isnull=False)
                | (~Q(state="booked") & Q(series__isnull=True)),
                name="clinic_plan_entry_booked_has_series",
            ),
            models.CheckConstraint(
                condition=Q(priority__gte=1, priority__lte=3), name="clinic_plan_entry_priority_in_range"
            ),
            models.CheckConstraint(
                condition=Q(weight_kg__gte=20, weight_kg__lte=350), name="clinic_plan_entry_weight_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"Place {self.code} in a clinic plan"
