"""A weight that was wrong, found after the pump started."""

from __future__ import annotations

import uuid

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from sessions.models.infusion import Infusion
from sessions.querysets import SupersededQuerySet

USER = settings.AUTH_USER_MODEL


@pghistory.track()
class WeightCorrection(models.Model):
    """The right weight of one record whose pump has run, by somebody else than who weighed (trigger
    `weight_is_corrected_by_another`).

    What was ordered and given stays as it was: the facts of the dose are not rewritten. Clearance, and what later
    records compare with, follow the current correction. Never edited: a newer one supersedes it.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    infusion = models.ForeignKey(Infusion, on_delete=models.PROTECT, related_name="weight_corrections")
    recorded_kg = models.DecimalField(max_digits=5, decimal_places=1)
    weight_kg = models.DecimalField(max_digits=5, decimal_places=1)
    reason = models.CharField(max_length=200)
    entered_at = models.DateTimeField()
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = SupersededQuerySet.as_manager()

    class Meta:
        ordering = ["entered_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion"],
                condition=Q(superseded_at__isnull=True),
                name="one_current_weight_correction",
            ),
            models.CheckConstraint(
                condition=Q(weight_kg__gte=20, weight_kg__lte=350), name="corrected_weight_in_range"
            ),
            models.CheckConstraint(
                condition=~Q(weight_kg=F("recorded_kg")), name="weight_correction_changes_it"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="weight_correction_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.recorded_kg} kg corrected to {self.weight_kg} kg"
