"""Who waits for an earlier or any time, which slots came free, and who was offered one until when."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models
from django.db.models import Q

from patients.models import Patient
from scheduling.models.availability import Resource
from scheduling.models.booking import Appointment, TreatmentSeries
from scheduling.querysets import WaitlistQuerySet
from staff.models import Site

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class WaitlistEntry(models.Model):
    """One infusion of a series that waits for a free slot: without a date, or with one that should be earlier."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        FILLED = "filled", "Has a time"
        WITHDRAWN = "withdrawn", "Taken off the list"
        EXPIRED = "expired", "Too late"

    class Urgency(models.IntegerChoices):
        ROUTINE = 1, "Routine"
        SOON = 2, "Soon"
        URGENT = 3, "Urgent"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="waitlist")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="waitlist")
    series = models.ForeignKey(TreatmentSeries, on_delete=models.PROTECT, related_name="waitlist")
    ordinal = models.PositiveSmallIntegerField()
    urgency = models.PositiveSmallIntegerField(choices=Urgency, default=Urgency.ROUTINE)
    part_of_day = models.CharField(max_length=10, blank=True)
    notice_hours = models.PositiveSmallIntegerField("notice that the patient needs, hours", default=2)
    latest_at = models.DateTimeField("of no use after")
    note = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    state_reason = models.CharField(max_length=200, blank=True)
    added_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    objects = WaitlistQuerySet.as_manager()

    class Meta:
        ordering = ["-urgency", "latest_at", "pk"]
        verbose_name_plural = "waitlist entries"
        constraints = [
            models.UniqueConstraint(
                fields=["series", "ordinal"], condition=Q(state="waiting"), name="one_place_on_the_waitlist"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "filled", "withdrawn", "expired"]),
                name="waitlist_state_known",
            ),
            models.CheckConstraint(
                condition=Q(urgency__gte=1, urgency__lte=3), name="waitlist_urgency_in_range"
            ),
            models.CheckConstraint(
                condition=Q(part_of_day__in=["", "morning", "afternoon"]), name="waitlist_part_of_day_known"
            ),
            models.CheckConstraint(
                condition=Q(state="waiting") | Q(closed_at__isnull=False), name="waitlist_closed_has_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["site"], condition=Q(state="waiting"), name="waitlist_open"),
        ]

    def __str__(self) -> str:
        return f"Infusion {self.ordinal} waits"


class FreedSlot(models.Model):
    """A stretch of a chair that came free by a change of plan. Looked at by the tick until it is taken or past.

    `visit`: the booked visit that still has it, because its patient said that it may not take place. Nothing is offered
    until that visit has let it go. `left_by`, `hold`: the visit that did, or that lost its date, and what keeps the
    place while that can be undone. `set_aside`: its patient had said so; taken back, it is set aside again.
    """

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="freed_slots")
    during: Any = DateTimeRangeField()  # both ends are always set
    visit = models.ForeignKey(
        Appointment, on_delete=models.PROTECT, related_name="times_set_aside", null=True, blank=True
    )
    left_by = models.ForeignKey(
        Appointment, on_delete=models.PROTECT, related_name="times_left", null=True, blank=True
    )
    hold = models.OneToOneField(
        Appointment, on_delete=models.PROTECT, related_name="kept_slot", null=True, blank=True
    )
    set_aside = models.BooleanField(default=False)
    freed_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["freed_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["visit"], condition=Q(done_at__isnull=True), name="one_time_set_aside_per_visit"
            ),
            models.CheckConstraint(
                condition=Q(hold__isnull=True) | Q(left_by__isnull=False), name="kept_for_undo_of_a_visit"
            ),
            models.CheckConstraint(
                condition=Q(visit__isnull=True) | Q(left_by__isnull=True), name="set_aside_or_left_not_both"
            ),
        ]
        indexes = [
            models.Index(fields=["freed_at"], condition=Q(done_at__isnull=True), name="freed_slot_open"),
        ]


@pghistory.track()
class WaitlistOffer(models.Model):
    """A freed slot kept for one patient until `expires_at`. `hold` is the appointment that keeps it."""

    class State(models.TextChoices):
        OPEN = "open", "Offered"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"
        EXPIRED = "expired", "Expired"

    CLOSED: ClassVar = frozenset({State.ACCEPTED, State.DECLINED, State.EXPIRED})

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    entry = models.ForeignKey(WaitlistEntry, on_delete=models.PROTECT, related_name="offers")
    slot = models.ForeignKey(FreedSlot, on_delete=models.PROTECT, related_name="offers")
    hold = models.OneToOneField(Appointment, on_delete=models.PROTECT, related_name="offer")
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    offered_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    reason = models.CharField(max_length=120, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["-offered_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["entry"], condition=Q(state="open"), name="one_open_offer_per_entry"
            ),
            models.UniqueConstraint(
                fields=["slot"], condition=Q(state="open"), name="one_open_offer_per_slot"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "accepted", "declined", "expired"]), name="offer_state_known"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("offered_at")), name="offer_expires_after_it_was_made"
            ),
        ]
