"""Duty shifts and alerts: which of them a person may see, and who is reachable when. Only filters."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from staff.models import Site, User


class DutyQuerySet(models.QuerySet[Any]):
    """Duty shifts."""

    def visible_to(self, user: User) -> DutyQuerySet:
        """Those of one's own sites."""
        return self.filter(site_id__in=user.site_ids())

    def live(self) -> DutyQuerySet:
        """Not taken back, and the person still works here."""
        return self.filter(cancelled_at__isnull=True, user__is_active=True)

    def overlapping(self, site: Site, start: datetime, end: datetime) -> DutyQuerySet:
        """Live shifts of the site that overlap [start, end)."""
        return self.live().filter(site=site, during__overlap=(start, end))


class AlertQuerySet(models.QuerySet[Any]):
    """Alerts to staff."""

    def visible_to(self, user: User) -> AlertQuerySet:
        """Those of one's own sites: who is on duty may be anybody of the clinical staff there."""
        return self.filter(site_id__in=user.site_ids())

    def open(self) -> AlertQuerySet:
        """Nobody has confirmed them yet."""
        return self.filter(acknowledged_at__isnull=True)
