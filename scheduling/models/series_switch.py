"""Switching a patient to another protocol: one series ends and another begins, signed in one act.

Never changed (trigger `switch_is_fixed`). Both series are the same patient's, the first is over, and they follow two
different protocols (trigger `switch_joins_two_series`).
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from scheduling.models.booking import TreatmentSeries

USER = settings.AUTH_USER_MODEL


class SeriesSwitch(models.Model):
    """From one series to the next. `diff` is what the person saw, `sha256` its digest.

    `infusions`, `delivered_mg`, `last_infusion_at`: the patient's exposure at that moment, in all series.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    from_series = models.OneToOneField(TreatmentSeries, on_delete=models.PROTECT, related_name="switched_to")
    to_series = models.OneToOneField(TreatmentSeries, on_delete=models.PROTECT, related_name="switched_from")
    reason = models.CharField(max_length=300)
    diff = models.JSONField()
    sha256 = models.CharField(max_length=64)
    infusions = models.PositiveSmallIntegerField()
    delivered_mg = models.DecimalField(max_digits=8, decimal_places=2)
    last_infusion_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["-decided_at", "-pk"]
        verbose_name_plural = "series switches"
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="switch_says_why"),
            models.CheckConstraint(
                condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="switch_names_its_diff"
            ),
            models.CheckConstraint(condition=~Q(from_series=F("to_series")), name="switch_between_two"),
            models.CheckConstraint(
                condition=Q(infusions=0, last_infusion_at__isnull=True)
                | Q(infusions__gt=0, last_infusion_at__isnull=False),
                name="switch_knows_the_last_infusion",
            ),
        ]

    def __str__(self) -> str:
        return f"Switched: {self.reason}"
