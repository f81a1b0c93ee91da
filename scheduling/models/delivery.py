"""What the dispatcher remembers about the world outside: channels that fail, and which database this is."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q


class ChannelPause(models.Model):
    """A channel whose other end does not answer is left alone until `until` (the database's own clock).

    So a server that hangs costs one attempt now and then, and never the time of another channel.
    """

    channel = models.CharField(max_length=5, primary_key=True)
    until = models.DateTimeField()
    failures = models.PositiveIntegerField(default=1)


class DatabaseMark(models.Model):
    """The single row that says which database server wrote here last (`services/restores.py`)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    fingerprint = models.CharField(max_length=80)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="database_mark_is_one_row")]


class ProviderReport(models.Model):
    """A signed report of a provider that has been taken: its token belongs to this text and no other."""

    key = models.CharField(max_length=80, primary_key=True)
    body_sha256 = models.CharField(max_length=64)
    received_at = models.DateTimeField(db_index=True)


@pghistory.track()
class RestoreHold(models.Model):
    """This database was restored: what was due before `detected_at` waits until a person has decided."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", "Waiting for a person"
        RELEASED = "released", "Released"
        DISCARDED = "discarded", "Not sent"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    detected_at = models.DateTimeField()
    fingerprint_before = models.CharField(max_length=80)
    fingerprint_now = models.CharField(max_length=80)
    held = models.PositiveIntegerField("messages held when it was noticed", default=0)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.WAITING)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-detected_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["outcome"], condition=Q(outcome="waiting"), name="one_restore_hold_waits"
            ),
            models.CheckConstraint(
                condition=Q(outcome="waiting", decided_at__isnull=True, decided_by__isnull=True)
                | Q(
                    outcome__in=["released", "discarded"],
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                ),
                name="restore_hold_is_decided_by_a_person",
            ),
        ]
