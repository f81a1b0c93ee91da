"""The outbox: one row is one thing sent once to one recipient on one channel. The row is the queue."""

from __future__ import annotations

import uuid
from typing import ClassVar

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from patients.models import ContactPoint, Patient
from scheduling.models.booking import Appointment
from scheduling.models.followup import FollowUp
from scheduling.querysets_follow import MessageQuerySet


@pghistory.track(exclude=["fence", "lease_until", "first_tried_at", "doubtful"])
class Message(models.Model):
    """State machine: scheduled, claimed, sending, then sent, cancelled, expired, unknown or dead.

    `due_at` and `expires_at` are instants; `due_local` and `time_zone` say what the patient's clock shows.
    A cancelled or moved message keeps its row; its successor has generation + 1. `subject` and `body` are filled when
    it leaves, so that what was sent stays readable. `first_tried_at` (real clock) and `doubtful` (an attempt may have
    arrived) bound repeats by how long the provider knows our key. `lease_until` (the database's own clock, never the
    moved one) is when a claim lapses, or for a scheduled row that failed once, when it may be tried again.
    """

    class State(models.TextChoices):
        SCHEDULED = "scheduled", "Scheduled"
        CLAIMED = "claimed", "About to be sent"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        CANCELLED = "cancelled", "Cancelled"
        EXPIRED = "expired", "Too late to send"
        UNKNOWN = "unknown", "Not known whether it arrived"
        DEAD = "dead", "Could not be delivered"
        HELD = "held", "Waiting for release"

    class Delivery(models.TextChoices):
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Not delivered"

    PENDING: ClassVar = frozenset({State.SCHEDULED, State.CLAIMED, State.SENDING, State.HELD})
    RECALLABLE: ClassVar = frozenset({State.SCHEDULED, State.CLAIMED, State.HELD})
    TROUBLE: ClassVar = frozenset({State.EXPIRED, State.UNKNOWN, State.DEAD})

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="messages", db_index=False
    )  # message_by_patient
    follow_up = models.ForeignKey(
        FollowUp, on_delete=models.PROTECT, related_name="messages", null=True, blank=True
    )
    appointment = models.ForeignKey(
        Appointment, on_delete=models.PROTECT, related_name="messages", null=True, blank=True
    )
    contact_point = models.ForeignKey(ContactPoint, on_delete=models.PROTECT, related_name="messages")
    channel = models.CharField(max_length=5, choices=ContactPoint.Channel)
    kind = models.CharField(max_length=24)
    ordinal = models.PositiveSmallIntegerField(default=1)
    generation = models.PositiveIntegerField(default=1)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    due_local = models.CharField(max_length=32)
    time_zone = models.CharField(max_length=64)
    about_at = models.DateTimeField("start of the visit it speaks of", null=True, blank=True)
    subject = models.CharField(max_length=120, blank=True)
    body = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.SCHEDULED)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    first_tried_at = models.DateTimeField(null=True, blank=True)
    doubtful = models.BooleanField("an attempt may have arrived", default=False)
    idem_key = models.CharField(max_length=120)
    provider_id = models.CharField(max_length=120, blank=True)
    delivery = models.CharField("what the provider reports", max_length=9, choices=Delivery, blank=True)
    delivery_at = models.DateTimeField(null=True, blank=True)
    last_error_code = models.CharField(max_length=60, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    closed_reason = models.CharField(max_length=120, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                F("follow_up"),
                F("kind"),
                F("ordinal"),
                F("contact_point"),
                F("channel"),
                F("generation"),
                name="one_message_per_key",
            ),
            models.UniqueConstraint(fields=["idem_key"], name="one_message_per_idem_key"),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "scheduled",
                        "claimed",
                        "sending",
                        "sent",
                        "cancelled",
                        "expired",
                        "unknown",
                        "dead",
                        "held",
                    ]
                ),
                name="message_state_known",
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("due_at")), name="message_expires_after_due"),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_at__isnull=False), name="sent_message_has_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["claimed", "sending"]) | Q(lease_until__isnull=False),
                name="claimed_message_has_a_lease",
            ),
            models.CheckConstraint(
                condition=Q(follow_up__isnull=False) | Q(appointment__isnull=False),
                name="message_has_a_cause",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["scheduled", "claimed", "sending"]),
                name="message_due",
            ),
            models.Index(fields=["patient", "sent_at"], name="message_by_patient"),
            models.Index(fields=["patient"], condition=Q(state="sending"), name="message_sending"),
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="message_by_provider_id"),
        ]


class Heartbeat(models.Model):
    """When a background loop last completed a round (database clock), or a step of it took its turn (app clock)."""

    name = models.CharField(max_length=40, primary_key=True)
    beat_at = models.DateTimeField()
    rounds = models.PositiveBigIntegerField(default=0)
