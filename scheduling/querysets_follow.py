"""Which windows, follow-ups, messages and items a person may see, and the filters of the pages. Only filters.

The care team sees its sites; somebody who is only a therapist sees assigned patients, patients without a
therapist at their sites, and the windows that they took.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Q

from patients.querysets import scope
from staff import roles

if TYPE_CHECKING:
    from staff.models import User


class WindowQuerySet(models.QuerySet[Any]):
    """Plasticity windows."""

    def visible_to(self, user: User) -> WindowQuerySet:
        """Windows of the patients this person may see, those they took, and for therapists those of their sites
        that were offered to everybody.
        """
        return self.filter(scope(user, "patient__") | Q(claimed_by=user) | _pool(user, "infusion__site__in"))

    def current(self) -> WindowQuerySet:
        """Not superseded."""
        return self.filter(superseded_at__isnull=True)

    def in_queue(self) -> WindowQuerySet:
        """Signed, and their core not over: opening, open or closing."""
        return self.current().filter(status__in=[self.model.Status.PENDING, self.model.Status.OPEN])

    def due_to_open(self, now: datetime) -> WindowQuerySet:
        """Signed windows whose therapy time is reached."""
        return self.current().filter(status=self.model.Status.PENDING, t0__lte=now)

    def over(self, now: datetime) -> WindowQuerySet:
        """Open windows whose core is over."""
        return self.current().filter(status=self.model.Status.OPEN, core_until__lte=now)


def _pool(user: User, site: str) -> Q:
    """Windows that close without therapy are open to every therapist of the site (services/escalation.py)."""
    if roles.THERAPIST not in user.role_names:
        return Q(pk__in=[])
    return Q(pool_at__isnull=False, status="open", superseded_at__isnull=True, **{site: user.site_ids()})


class FollowUpQuerySet(models.QuerySet[Any]):
    """Obligations after an infusion."""

    def visible_to(self, user: User) -> FollowUpQuerySet:
        """Follow-ups of the patients this person may see, those assigned to them, and therapy that was offered to
        every therapist of their sites.
        """
        windows = apps.get_model("scheduling", "PlasticityWindow").objects
        offered = windows.filter(_pool(user, "infusion__site__in")).values("infusion")
        seen = scope(user, "patient__") | Q(assignee=user)
        if roles.THERAPIST in user.role_names:
            seen |= Q(therapy=True, infusion__in=offered)
        return self.filter(seen)

    def open(self) -> FollowUpQuerySet:
        """Not done, missed, declined, dropped or withdrawn."""
        return self.filter(state__in=self.model.OPEN)

    def overdue(self, now: datetime) -> FollowUpQuerySet:
        """Released or fixed, and their last moment has passed."""
        return self.filter(
            state__in=[self.model.State.FIRM, self.model.State.RELEASED, self.model.State.BOOKED],
            hard_latest_at__lte=now,
        )


class MessageQuerySet(models.QuerySet[Any]):
    """The outbox."""

    def visible_to(self, user: User) -> MessageQuerySet:
        """Messages to the patients this person may see."""
        return self.filter(scope(user, "patient__"))

    def pending(self) -> MessageQuerySet:
        """Not yet in a final state."""
        return self.filter(state__in=self.model.PENDING)

    def in_trouble(self) -> MessageQuerySet:
        """Failed, unknown or expired, and nobody has dealt with it yet."""
        return self.filter(state__in=self.model.TROUBLE, acknowledged_at__isnull=True)


class WorkItemQuerySet(models.QuerySet[Any]):
    """Items for people."""

    def visible_to(self, user: User) -> WorkItemQuerySet:
        """One's own; the care team's sites; else, at one's sites, the items of one's roles for one's
        patients.
        """
        at_sites = Q(site_id__in=user.site_ids())
        if user.role_names & roles.CARE_TEAM:
            return self.filter(Q(owner=user) | at_sites)
        theirs = Q(patient__isnull=True) | scope(user, "patient__")
        return self.filter(Q(owner=user) | (at_sites & theirs & Q(role__in=user.role_names)))

    def open(self) -> WorkItemQuerySet:
        """Not yet resolved."""
        return self.filter(resolved_at__isnull=True)
