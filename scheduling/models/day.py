"""A site's day as a whole: the sheet kept for when the system is down, and who took over what when it was closed."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from staff.models import Site

USER = settings.AUTH_USER_MODEL


class DaySheet(models.Model):
    """The day's visits as one plain HTML page, made each morning: one per site and local day, the newest kept."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="day_sheets")
    day = models.DateField()
    made_at = models.DateTimeField()
    visits = models.PositiveSmallIntegerField()
    html = models.TextField()

    class Meta:
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(fields=["site", "day"], name="one_day_sheet_per_site_and_day"),
            models.CheckConstraint(condition=~Q(html=""), name="day_sheet_is_not_empty"),
        ]


class DayClosing(models.Model):
    """Everything that was open when the day was closed, each with its owner. One per site and local day.

    `operator`: the account on the server that closed it by command, in the name of `closed_by`, who did not sign in for
    it; empty when they closed it themselves.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="day_closings")
    day = models.DateField()
    closed_at = models.DateTimeField()
    closed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    operator = models.CharField("account on the server that closed it", max_length=60, blank=True, default="")
    items = models.JSONField(default=list)

    class Meta:
        ordering = ["-day"]
        constraints = [models.UniqueConstraint(fields=["site", "day"], name="one_closing_per_site_and_day")]
