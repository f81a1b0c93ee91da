"""Series and appointments. What is planned may never overlap: exclusion constraints, checked for every writer.

A blocking appointment has its `ResourceBooking` rows, a released one has none (deferred trigger both ways).
`PatientSpan` is written by triggers alone; it keeps planned therapy out of the no-therapy period.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import pghistory
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import Deferrable, F, Q

from patients.models import Patient
from protocols.models import ProtocolVersion
from scheduling.models.availability import Resource
from scheduling.querysets import AppointmentQuerySet, ResourceBookingQuerySet, TreatmentSeriesQuerySet
from sessions.models import Infusion, IntegrationSession
from staff.models import Site

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class TreatmentSeries(models.Model):
    """One patient on one protocol version. Active while infusions are still to be given."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        COMPLETED = "completed", "Completed"
        ENDED = "ended", "Ended early"

    LIVE: ClassVar = frozenset({Status.ACTIVE, Status.PAUSED})

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="series")
    protocol_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="series")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="series")
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    status_reason = models.CharField(max_length=200, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    pause_owner = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    review_on = models.DateField("look at the pause again on", null=True, blank=True)
    release_on = models.DateField("chairs are given back on", null=True, blank=True)
    weight_kg = models.DecimalField("weight used for planning, kg", max_digits=5, decimal_places=1)
    visits = models.PositiveSmallIntegerField()
    first_ordinal = models.PositiveSmallIntegerField(
        "number of the first infusion given here", default=1, db_default=1
    )
    prescriber = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    therapist = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    booked_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    booked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    objects = TreatmentSeriesQuerySet.as_manager()

    class Meta:
        ordering = ["-booked_at"]
        verbose_name_plural = "treatment series"
        constraints = [
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(status__in=["active", "paused"]),
                name="one_active_series_per_patient",
            ),
            models.CheckConstraint(
                condition=~Q(status="paused")
                | Q(paused_at__isnull=False, pause_owner__isnull=False, review_on__isnull=False)
                & ~Q(status_reason=""),
                name="paused_series_has_owner_and_review",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "paused", "completed", "ended"]), name="series_status_known"
            ),
            models.CheckConstraint(condition=Q(visits__gte=1, visits__lte=60), name="series_visits_in_range"),
            models.CheckConstraint(
                condition=Q(first_ordinal__gte=1, first_ordinal__lte=F("visits")),
                name="series_starts_within_its_visits",
            ),
            models.CheckConstraint(
                condition=Q(weight_kg__gte=20, weight_kg__lte=350), name="series_weight_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"Series of {self.visits}"

    @property
    def numbers(self) -> range:
        """The infusions given or to be given here, by ordinal. Those before the first were given elsewhere."""
        return range(self.first_ordinal, self.visits + 1)

    @property
    def given_elsewhere(self) -> int:
        """Infusions of this course that the patient came with (clinic-day 38)."""
        return self.first_ordinal - 1


@pghistory.track()
class Appointment(models.Model):
    """One booked visit. `during` is half-open; for an infusion it is the stay in the chair, without turnover."""

    class Kind(models.TextChoices):
        INFUSION = "infusion", "Infusion visit"
        THERAPY = "therapy", "Therapy session"
        PREPARATION = "preparation", "Preparation visit"
        HOLD = "hold", "Slot kept for the waitlist"

    class Status(models.TextChoices):
        RESERVED = "reserved", "Slot reserved"
        PROVISIONAL = "provisional", "Planned, waiting for sign-off"
        BOOKED = "booked", "Booked"
        ARRIVED = "arrived", "Arrived"
        INFUSING = "infusing", "Infusion running"
        RECOVERING = "recovering", "Recovering"
        IN_PROGRESS = "in-progress", "In progress"
        COMPLETED = "completed", "Completed"
        CANCELLED = "cancelled", "Cancelled"
        OMITTED = "omitted", "Skipped"
        NO_SHOW = "no-show", "Did not attend"
        DISPLACED = "displaced", "Displaced, needs a new time"

    BLOCKING: ClassVar = frozenset(
        {
            Status.RESERVED,
            Status.PROVISIONAL,
            Status.BOOKED,
            Status.ARRIVED,
            Status.INFUSING,
            Status.RECOVERING,
            Status.IN_PROGRESS,
        }
    )
    UPCOMING: ClassVar = frozenset({Status.RESERVED, Status.PROVISIONAL, Status.BOOKED})
    MOVABLE: ClassVar = frozenset({Status.PROVISIONAL, Status.BOOKED, Status.DISPLACED})
    SETTLED: ClassVar = frozenset({Status.COMPLETED, Status.OMITTED})
    CANCELLABLE: ClassVar = frozenset({Status.RESERVED, Status.PROVISIONAL, Status.BOOKED, Status.DISPLACED})

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    status = models.CharField(max_length=12, choices=Status)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="appointments")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="appointments")
    series = models.ForeignKey(
        TreatmentSeries, on_delete=models.PROTECT, related_name="appointments", null=True, blank=True
    )
    ordinal = models.PositiveSmallIntegerField(null=True, blank=True)
    during: Any = DateTimeRangeField()  # both ends are always set, which the type stubs cannot express
    predicted_t0 = models.DateTimeField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    practitioner = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="appointments", null=True, blank=True
    )
    mode = models.CharField(
        max_length=10, choices=IntegrationSession.Mode, default=IntegrationSession.Mode.IN_PERSON
    )
    infusion = models.OneToOneField(
        Infusion, on_delete=models.PROTECT, related_name="appointment", null=True, blank=True
    )
    integration = models.OneToOneField(
        IntegrationSession, on_delete=models.PROTECT, related_name="appointment", null=True, blank=True
    )
    reason = models.CharField(max_length=200, blank=True)
    owner = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    moved_from: Any = DateTimeRangeField(null=True, blank=True)  # type: ignore[misc]  # both ends, or none
    moved_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    booked_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    booked_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)
    objects = AppointmentQuerySet.as_manager()

    class Meta:
        ordering = ["during"]
        constraints = [
            models.UniqueConstraint(
                fields=["series"],
                condition=Q(kind="preparation")
                & ~Q(status__in=["cancelled", "omitted", "no-show", "displaced"]),
                name="one_preparation_per_series",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["infusion", "therapy", "preparation", "hold"]),
                name="appointment_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "reserved",
                        "provisional",
                        "booked",
                        "arrived",
                        "infusing",
                        "recovering",
                        "in-progress",
                        "completed",
                        "cancelled",
                        "omitted",
                        "no-show",
                        "displaced",
                    ]
                ),
                name="appointment_status_known",
            ),
            models.CheckConstraint(
                condition=Q(during__isempty=False, during__lower_inf=False, during__upper_inf=False),
                name="appointment_is_bounded",
            ),
            models.CheckConstraint(
                condition=~Q(status="reserved") | Q(held_until__isnull=False), name="reserved_slot_expires"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind="infusion", predicted_t0__isnull=False, series__isnull=False, ordinal__isnull=False
                )
                | Q(kind__in=["therapy", "preparation", "hold"], predicted_t0__isnull=True),
                name="infusion_visit_has_its_prediction",
            ),
            models.CheckConstraint(
                condition=Q(infusion__isnull=True) | Q(kind="infusion"),
                name="only_infusion_visits_have_a_record",
            ),
            models.CheckConstraint(
                condition=Q(integration__isnull=True) | Q(kind="therapy"),
                name="only_therapy_has_an_integration",
            ),
            models.UniqueConstraint(
                fields=["series", "ordinal"],
                condition=Q(kind="infusion") & ~Q(status__in=["cancelled", "omitted", "no-show"]),
                name="one_visit_per_series_and_ordinal",
            ),
            ExclusionConstraint(
                name="patient_is_in_one_place",
                expressions=[("patient", RangeOperators.EQUAL), ("during", RangeOperators.OVERLAPS)],
                condition=Q(
                    status__in=[
                        "reserved",
                        "provisional",
                        "booked",
                        "arrived",
                        "infusing",
                        "recovering",
                        "in-progress",
                    ]
                ),
                deferrable=Deferrable.IMMEDIATE,
            ),
        ]
        indexes = [
            models.Index(fields=["site", "kind", "status"], name="appointment_by_site"),
            GistIndex(fields=["site", "during"], name="appointment_at_site_in_span"),
            models.Index(
                fields=["held_until"], condition=Q(status="reserved"), name="appointment_hold_expiry"
            ),
        ]

    @property
    def protocol_version(self) -> ProtocolVersion:
        """The text that governs this infusion visit: its record's once there is one, else the series' own.

        A series that moves to another version leaves what was given on the text it was given by.
        """
        if self.infusion is not None:
            return self.infusion.protocol_version
        if self.series is None:
            raise ValueError("a visit without a series follows no protocol")
        return self.series.protocol_version

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.ordinal or ''}".strip()


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class ResourceBooking(models.Model):
    """One lane of one resource, taken for a half-open range (buffers and turnover included).

    Lanes 1..capacity are invisible to people: the service re-lanes a day whenever the load fits the capacity.
    """

    # No index of its own: by resource and span the exclusion constraint's index serves, whose cost follows the span;
    # an index of the resource alone tempts PostgreSQL to read all its years (bench/slots).
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="bookings", db_index=False)
    lane = models.PositiveSmallIntegerField()
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="resource_bookings")
    during: Any = DateTimeRangeField()  # both ends are always set, which the type stubs cannot express
    objects = ResourceBookingQuerySet.as_manager()

    class Meta:
        ordering = ["during"]
        constraints = [
            models.CheckConstraint(condition=Q(lane__gte=1), name="lane_from_one"),
            models.CheckConstraint(
                condition=Q(during__isempty=False, during__lower_inf=False, during__upper_inf=False),
                name="resource_booking_is_bounded",
            ),
            ExclusionConstraint(
                name="one_booking_per_lane",
                expressions=[
                    ("resource", RangeOperators.EQUAL),
                    ("lane", RangeOperators.EQUAL),
                    ("during", RangeOperators.OVERLAPS),
                ],
                deferrable=Deferrable.IMMEDIATE,
            ),
        ]


class PatientSpan(models.Model):
    """Derived by triggers only: planned therapy and no-therapy periods of a patient, which may not overlap."""

    class Kind(models.TextChoices):
        NO_THERAPY = "no_therapy", "No-therapy period"
        THERAPY = "therapy", "Therapy"

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="spans")
    kind = models.CharField(max_length=10, choices=Kind)
    during: Any = DateTimeRangeField()  # both ends are always set, which the type stubs cannot express
    source = models.CharField(max_length=40, unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["no_therapy", "therapy"]), name="span_kind_known"),
            models.CheckConstraint(
                condition=Q(during__isempty=False, during__lower_inf=False, during__upper_inf=False),
                name="span_is_bounded",
            ),
            ExclusionConstraint(
                name="no_therapy_before_clearance",
                expressions=[
                    ("patient", RangeOperators.EQUAL),
                    ("kind", RangeOperators.NOT_EQUAL),
                    ("during", RangeOperators.OVERLAPS),
                ],
                deferrable=Deferrable.IMMEDIATE,
            ),
        ]
