"""Moving a running series to a newer version of its protocol: each decision, signed, with the diff that was seen.

A series cannot change its version without such a row (trigger `series_version_moves_by_decision`); rows are never
changed (trigger `version_decision_is_fixed`).
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from protocols.models import ProtocolVersion
from scheduling.models.booking import TreatmentSeries

USER = settings.AUTH_USER_MODEL


class SeriesVersionMove(models.Model):
    """One decision about one series and one newer version. `diff` is what the person saw, `sha256` its digest."""

    class Decision(models.TextChoices):
        ACCEPTED = "accepted", "Moved"
        REFUSED = "refused", "Stays on its version"

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    series = models.ForeignKey(TreatmentSeries, on_delete=models.PROTECT, related_name="version_moves")
    from_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="+")
    to_version = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=8, choices=Decision)
    reason = models.CharField(max_length=300)
    diff = models.JSONField()
    sha256 = models.CharField(max_length=64)
    decided_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-decided_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision__in=["accepted", "refused"]), name="version_decision_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="version_decision_says_why"),
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="version_decision_names_its_diff"
            ),
            models.CheckConstraint(
                condition=~Q(from_version=F("to_version")), name="version_decision_between_two"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_decision_display()}: {self.reason}"
