"""Runs of the clinic optimiser that a person may see. Only filters; no writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from staff.models import User


class ClinicPlanQuerySet(models.QuerySet[Any]):
    """Runs of the clinic optimiser."""

    def visible_to(self, user: User) -> ClinicPlanQuerySet:
        """Runs of the sites where this person works."""
        return self.filter(site_id__in=user.site_ids())

    def going(self) -> ClinicPlanQuerySet:
        """Waiting or running."""
        return self.filter(state__in=self.model.GOING)

    def for_page(self) -> ClinicPlanQuerySet:
        """With what pages and the API show of a run anyway."""
        return self.select_related("site", "protocol_version__template", "requested_by")
