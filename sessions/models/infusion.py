"""One administration and where it stands."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import ClassVar

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models import Patient
from protocols.models import ProtocolVersion
from sessions.querysets import InfusionQuerySet
from staff.models import Site

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class Infusion(models.Model):
    """One administration and its record, from arrival to signature."""

    class Status(models.TextChoices):
        ARRIVED = "arrived", "Arrived"
        READY = "ready", "Ready to start"
        INFUSING = "infusing", "Infusion running"
        PAUSED = "paused", "Infusion paused"
        RECOVERING = "recovering", "Recovering"
        SIGNED_OFF = "signed-off", "Signed off"
        NOT_GIVEN = "not-given", "Not given"

    STARTED: ClassVar = frozenset({Status.INFUSING, Status.PAUSED, Status.RECOVERING, Status.SIGNED_OFF})
    RUNNING: ClassVar = frozenset({Status.INFUSING, Status.PAUSED})
    BEFORE_START: ClassVar = frozenset({Status.ARRIVED, Status.READY})

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="infusions")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="infusions")
    protocol_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="infusions")
    ordinal = models.PositiveSmallIntegerField()
    # The series that it was checked in for, copied: the record never reads a plan.
    course = models.UUIDField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.ARRIVED)
    chair = models.CharField(max_length=60)
    arrived_at = models.DateTimeField()
    opened_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    planned_start = models.DateTimeField()
    weight_kg = models.DecimalField(max_digits=5, decimal_places=1, null=True, blank=True)
    weighed_at = models.DateTimeField(null=True, blank=True)
    weighed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    weight_confirmed_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    ordered_mg = models.DecimalField(max_digits=5, decimal_places=1, null=True, blank=True)
    bag_mg_per_ml = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    ordered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    ordered_at = models.DateTimeField(null=True, blank=True)
    order_cosigned_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    # The weight that the order was signed for; a change of more than 5 % voids the order.
    order_weight_kg = models.DecimalField(max_digits=5, decimal_places=1, null=True, blank=True)
    # Where the order is weaker than what was studied: coded reasons of sessions/order_reasons.py. Minutes and route
    # only where they are not the version's.
    order_low_reason = models.CharField(max_length=16, blank=True)
    order_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    order_short_reason = models.CharField(max_length=16, blank=True)
    order_route = models.CharField(max_length=10, blank=True)
    order_route_reason = models.CharField(max_length=16, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    delivered_mg = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    stated_delay_hours = models.DecimalField(max_digits=4, decimal_places=1, null=True, blank=True)
    stated_delay_reason = models.CharField(max_length=200, blank=True)
    not_given_reason = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = InfusionQuerySet.as_manager()

    class Meta:
        ordering = ["-planned_start"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "arrived",
                        "ready",
                        "infusing",
                        "paused",
                        "recovering",
                        "signed-off",
                        "not-given",
                    ]
                ),
                name="infusion_status_known",
            ),
            models.CheckConstraint(
                condition=Q(weight_kg__isnull=True) | Q(weight_kg__gte=20, weight_kg__lte=350),
                name="infusion_weight_in_range",
            ),
            models.CheckConstraint(
                condition=Q(ordered_mg__isnull=True) | Q(ordered_mg__gt=0, ordered_mg__lte=200),
                name="infusion_order_in_range",
            ),
            models.CheckConstraint(
                condition=Q(bag_mg_per_ml__isnull=True) | Q(bag_mg_per_ml__gt=0, bag_mg_per_ml__lte=100),
                name="infusion_bag_in_range",
            ),
            models.CheckConstraint(
                condition=Q(delivered_mg__isnull=True) | Q(delivered_mg__gte=0, delivered_mg__lte=250),
                name="infusion_delivered_in_range",
            ),
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True)
                | Q(started_at__isnull=False, stopped_at__gte=F("started_at")),
                name="infusion_stops_after_start",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["arrived", "ready", "not-given"], started_at__isnull=True)
                | Q(status__in=["infusing", "paused"], started_at__isnull=False, stopped_at__isnull=True)
                | Q(
                    status__in=["recovering", "signed-off"],
                    started_at__isnull=False,
                    stopped_at__isnull=False,
                ),
                name="infusion_status_fits_times",
            ),
            models.CheckConstraint(
                condition=Q(started_at__isnull=True)
                | Q(weight_kg__isnull=False, ordered_mg__isnull=False, ordered_by__isnull=False),
                name="infusion_starts_with_weight_and_order",
            ),
            models.CheckConstraint(
                condition=Q(started_at__isnull=True)
                | Q(
                    order_weight_kg__isnull=False,
                    weight_kg__gte=F("order_weight_kg") * Decimal("0.95"),
                    weight_kg__lte=F("order_weight_kg") * Decimal("1.05"),
                ),
                name="infusion_weight_fits_the_order",
            ),
            models.CheckConstraint(
                condition=Q(started_at__isnull=True)
                | ~Q(order_low_reason="")
                | Q(ordered_mg__gte=F("order_weight_kg") * Decimal("0.49")),
                name="low_order_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(order_minutes__isnull=True)
                | Q(order_minutes__gte=40, order_minutes__lte=100)
                | Q(order_minutes__gte=30, order_minutes__lt=40) & ~Q(order_short_reason=""),
                name="short_order_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(order_route__in=["", "iv"])
                | Q(order_route__in=["im", "sc", "oral", "intranasal"]) & ~Q(order_route_reason=""),
                name="other_route_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(order_cosigned_by__isnull=True) | ~Q(order_cosigned_by=F("ordered_by")),
                name="infusion_cosigner_is_another_person",
            ),
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(status__in=["arrived", "ready", "infusing", "paused"]),
                name="one_infusion_in_progress_per_patient",
            ),
        ]
        indexes = [
            models.Index(fields=["site", "arrived_at"], name="infusion_by_site_day"),
            models.Index(
                fields=["stopped_at"], condition=Q(status="recovering"), name="infusion_waiting_for_sign_off"
            ),
        ]

    def __str__(self) -> str:
        return f"Infusion {self.ordinal}"

    @property
    def ordered_minutes(self) -> int:
        """Over how many minutes: as ordered, else as the version says."""
        return self.order_minutes or self.protocol_version.read().dose.infusion_minutes

    @property
    def route(self) -> str:
        """By which route: as ordered, else as the version says."""
        return self.order_route or self.protocol_version.read().dose.route

    @property
    def started(self) -> bool:
        """The pump has run (signed or not)."""
        return self.started_at is not None
