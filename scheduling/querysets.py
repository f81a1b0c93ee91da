"""Which bookings a person may see, and the filters that several places need. Only filters; no writes.

The care team sees its sites; somebody who is only a therapist sees assigned patients, patients without a
therapist at their sites, and visits that are their own.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Cast, Upper

from patients.querysets import scope

if TYPE_CHECKING:
    from staff.models import Site, User


def as_bigint(key: int) -> Cast:
    """A primary key as what its column is. A bare number is read as a four-byte one, for which the GiST indexes over
    (key, span) have no operator: PostgreSQL would go by the span alone, through the rows of every clinic.
    """
    return Cast(Value(key), models.BigIntegerField())


def with_resources() -> models.Prefetch[Any]:
    """Bookings of visits with what they take, in one query."""
    bookings = apps.get_model("scheduling", "ResourceBooking").objects
    return models.Prefetch("resource_bookings", queryset=bookings.select_related("resource"))


class ResourceQuerySet(models.QuerySet[Any]):
    """Chairs, rooms and people."""

    def visible_to(self, user: User) -> ResourceQuerySet:
        """Resources of the sites where this person works."""
        return self.filter(site_id__in=user.site_ids())

    def in_use(self) -> ResourceQuerySet:
        """Those that may still be booked."""
        return self.filter(active=True)


class TreatmentSeriesQuerySet(models.QuerySet[Any]):
    """Series of visits."""

    def visible_to(self, user: User) -> TreatmentSeriesQuerySet:
        """Series of the patients this person may see."""
        return self.filter(scope(user, "patient__"))

    def live(self) -> TreatmentSeriesQuerySet:
        """With infusions still to be given."""
        return self.filter(status__in=self.model.LIVE)

    def for_page(self) -> TreatmentSeriesQuerySet:
        """With what pages show of a series anyway."""
        return self.select_related("patient", "site", "protocol_version__template", "prescriber", "therapist")


class AppointmentQuerySet(models.QuerySet[Any]):
    """Booked visits of every kind."""

    def visible_to(self, user: User) -> AppointmentQuerySet:
        """Visits of the patients this person may see, and those that are their own."""
        return self.filter(scope(user, "patient__") | Q(practitioner=user))

    def blocking(self) -> AppointmentQuerySet:
        """Those that occupy their resources and their patient."""
        return self.filter(status__in=self.model.BLOCKING)

    def infusions(self) -> AppointmentQuerySet:
        """Infusion visits."""
        return self.filter(kind=self.model.Kind.INFUSION)

    def touching(self, start: datetime, end: datetime) -> AppointmentQuerySet:
        """Those that share an instant with [start, end)."""
        return self.filter(during__overlap=(start, end))

    def at_site(self, site: Site) -> AppointmentQuerySet:
        """Those at this site, so that with `touching` one index serves both."""
        return self.filter(site=as_bigint(site.pk))

    def overdue_holds(self, at: datetime) -> AppointmentQuerySet:
        """Reserved slots whose time is up at `at`."""
        return self.filter(status=self.model.Status.RESERVED, held_until__lte=at)

    def for_page(self) -> AppointmentQuerySet:
        """With what pages and the API show of a visit anyway; two queries."""
        return self.select_related(
            "patient",
            "site",
            "series__protocol_version__template",
            "practitioner",
            "infusion__protocol_version",
            "moved_by",
        ).prefetch_related(with_resources())


class ResourceBookingQuerySet(models.QuerySet[Any]):
    """Taken lanes."""

    def visible_to(self, user: User) -> ResourceBookingQuerySet:
        """Bookings of resources at the sites where this person works."""
        return self.filter(resource__site_id__in=user.site_ids())

    def touching(self, start: datetime, end: datetime) -> ResourceBookingQuerySet:
        """Those that share an instant with [start, end)."""
        return self.filter(during__overlap=(start, end))

    def of_resources(self, keys: Collection[int]) -> ResourceBookingQuerySet:
        """Those of these resources (primary keys), so that with `touching` one index serves both."""
        if len(keys) == 1:
            return self.filter(resource=as_bigint(next(iter(keys))))
        return self.filter(resource__in=keys)

    def ending_after(self, at: datetime) -> ResourceBookingQuerySet:
        """Those not yet over at `at`."""
        return self.annotate(until=Upper("during")).filter(until__gt=at)


class WaitlistQuerySet(models.QuerySet[Any]):
    """Infusions that wait for a slot."""

    def visible_to(self, user: User) -> WaitlistQuerySet:
        """Of the patients this person may see."""
        return self.filter(scope(user, "patient__"))
