"""From rows to the inputs of the pure planner: the one place where the two meet.

`load_site` reads everything about the resources of one site over some local days in a fixed number of
queries. Weekly hours are wall-clock hours of the site; exceptions add or take away stretches of time;
closures and public holidays (library `holidays`, by the site's country and subdivision) empty whole days.
Free time is never stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

from scheduling.domain.availability import MIDNIGHT, WeeklyHours, closed_days, free_intervals
from scheduling.domain.availability import Closure as ClosedDays
from scheduling.domain.intervals import Interval, intersect, subtract, union
from scheduling.domain.localtime import resolve_local
from scheduling.domain.series_types import Resource as PlannerResource
from scheduling.models import (
    Appointment,
    Availability,
    AvailabilityException,
    Closure,
    Resource,
    ResourceBooking,
)
from staff.models import Licence, Site

FAR = date(2200, 1, 1)
LAST_MINUTE = time(23, 59)


@dataclass(frozen=True)
class LoadedResource:
    """One resource over the loaded days. free: on duty; busy: one entry per unit of load; starts: infusion
    starts.
    """

    row: Resource
    free: tuple[Interval, ...]
    busy: tuple[Interval, ...]
    starts: tuple[datetime, ...]
    bookings: tuple[ResourceBooking, ...]

    @property
    def code(self) -> str:
        """The opaque code, as the planner names it."""
        return str(self.row.code)

    def for_planner(self, allowed: Sequence[Interval] | None = None) -> PlannerResource:
        """The planner's resource; `allowed` (a licence's validity) limits its duty."""
        free = self.free if allowed is None else intersect(self.free, allowed)
        return PlannerResource(self.code, self.row.name, free, self.row.capacity, self.busy, self.starts)


@dataclass(frozen=True)
class SiteLoad:
    """Everything about the resources of a site on local dates in [first, until)."""

    site: Site
    zone: ZoneInfo
    first: date
    until: date
    closed: Mapping[date, str]
    resources: tuple[LoadedResource, ...]
    licences: Mapping[int, tuple[Licence, ...]]

    def of_kind(self, kind: str) -> tuple[LoadedResource, ...]:
        """Resources of one kind, in the order of their names."""
        return tuple(item for item in self.resources if item.row.kind == kind)

    def by_code(self, code: str) -> LoadedResource | None:
        """The resource with this code, if it belongs to the site and is in use."""
        return next((item for item in self.resources if item.code == code), None)

    @property
    def open_hours(self) -> tuple[Interval, ...]:
        """When at least one chair can be used."""
        return union(part for chair in self.of_kind(Resource.Kind.CHAIR) for part in chair.free)

    def licensed(self, item: LoadedResource, profession: str, jurisdiction: str) -> tuple[Interval, ...]:
        """When this person may practise there."""
        held = self.licences.get(item.row.user_id or 0, ())
        return union(
            Interval(
                _midnight(row.valid_during.lower, self.zone),
                _midnight(row.valid_during.upper or FAR, self.zone),
            )
            for row in held
            if row.profession == profession and row.jurisdiction == jurisdiction
        )


@dataclass(frozen=True)
class Duty:
    """When the resources of a site are there on local dates in [first, until), whatever is booked on them.

    `hours`: the stored weekly hours of these resources.
    """

    closed: Mapping[date, str]
    resources: tuple[LoadedResource, ...]
    hours: tuple[Availability, ...]


def zone_of(site: Site) -> ZoneInfo:
    """The site's time zone."""
    return ZoneInfo(site.time_zone)


def load_site(
    site: Site,
    *,
    first: date,
    until: date,
    without: Collection[int] = (),
    only: Collection[int] | None = None,
) -> SiteLoad:
    """Read the resources in use at `site` for local dates in [first, until); six queries, whatever their
    number.

    `without`: primary keys of appointments that are about to move or to be replaced. `only`: primary keys of the
    resources that are asked about, where those are known.
    """
    zone = zone_of(site)
    duty = load_duty(site, first=first, until=until, only=only)
    rows = [item.row for item in duty.resources]
    bookings = _grouped(_bookings(rows, (_midnight(first, zone), _midnight(until, zone)), without))
    loaded = tuple(_loaded(item.row, item.free, bookings.get(item.row.pk, ())) for item in duty.resources)
    return SiteLoad(site, zone, first, until, duty.closed, loaded, _licences(rows))


def load_duty(site: Site, *, first: date, until: date, only: Collection[int] | None = None) -> Duty:
    """The resources in use at `site` (`only`: of these primary keys) and when they are there; four queries.

    Bookings and licences are not read: for what asks about hours alone.
    """
    zone = zone_of(site)
    wanted = Resource.objects.filter(site=site, active=True)
    rows = list((wanted if only is None else wanted.filter(pk__in=only)).select_related("user"))
    span = (_midnight(first, zone), _midnight(until, zone))
    closures = [
        ClosedDays(item.days.lower, item.days.upper, item.reason or "closed")
        for item in Closure.objects.filter(site=site, days__overlap=(first, until))
    ]
    public = public_holidays(site, first, until)
    hours = _grouped(Availability.objects.filter(resource__in=rows))
    exceptions = _grouped(AvailabilityException.objects.filter(resource__in=rows, during__overlap=span))
    loaded = []
    for row in rows:
        weekly = [weekly_hours(item) for item in hours.get(row.pk, ())]
        regular = free_intervals(
            hours=weekly, zone=zone, first=first, until=until, closures=closures, holidays=public
        )
        free = _with_exceptions(regular, exceptions.get(row.pk, ()), Interval(*span))
        loaded.append(_loaded(row, free, ()))
    closed = closed_days(first, until, closures=closures, holidays=public)
    return Duty(closed, tuple(loaded), tuple(item for each in hours.values() for item in each))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return resolve_local(day, time(0), zone).instant


def weekly_hours(row: Availability) -> WeeklyHours:
    """A stored row as the planner reads it; 23:59 is how the end of the day is stored."""
    closes = MIDNIGHT if row.end_time >= LAST_MINUTE else row.end_time
    valid = row.valid_during
    return WeeklyHours(
        row.weekday, row.start_time, closes, valid.lower if valid else None, valid.upper if valid else None
    )


def _grouped(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.resource_id, []).append(row)
    return found


def _bookings(rows: Sequence[Resource], span: tuple[datetime, datetime], without: Collection[int]) -> Any:
    return (
        ResourceBooking.objects.of_resources([row.pk for row in rows])
        .touching(*span)
        .exclude(appointment_id__in=without)
        .select_related("appointment__patient", "resource")
        .order_by("during")
    )


def _with_exceptions(
    regular: tuple[Interval, ...], exceptions: Iterable[AvailabilityException], span: Interval
) -> tuple[Interval, ...]:
    """Away wins over the weekly hours, exceptionally there wins over everything, closures and holidays
    included.
    """
    away: list[Interval] = []
    there: list[Interval] = []
    for item in exceptions:
        (there if item.available else away).append(Interval(item.during.lower, item.during.upper))
    return intersect(union([*subtract(regular, away), *there]), [span])


def _loaded(row: Resource, free: tuple[Interval, ...], bookings: Sequence[ResourceBooking]) -> LoadedResource:
    starts = {
        item.appointment.during.lower
        for item in bookings
        if row.kind == Resource.Kind.NURSE and item.appointment.kind == Appointment.Kind.INFUSION
    }
    busy = tuple(Interval(item.during.lower, item.during.upper) for item in bookings)
    return LoadedResource(row, free, busy, tuple(sorted(starts)), tuple(bookings))


def _licences(rows: Sequence[Resource]) -> dict[int, tuple[Licence, ...]]:
    found: dict[int, list[Licence]] = {}
    for licence in Licence.objects.filter(user_id__in={row.user_id for row in rows if row.user_id}):
        found.setdefault(licence.user_id, []).append(licence)
    return {user: tuple(held) for user, held in found.items()}


def public_holidays(site: Site, first: date, until: date) -> dict[date, str]:
    """Public holidays on which the site is closed, on dates in [first, until)."""
    return {} if site.open_on_holidays else named_holidays(site, first, until)


def named_holidays(site: Site, first: date, until: date) -> dict[date, str]:
    """Public holidays of the site's country and subdivision on dates in [first, until), open or not."""
    names: dict[date, str] = {}
    for year in range(first.year, until.year + 1):
        names |= _holidays_of(site.country, site.subdivision, year)
    return {day: name for day, name in names.items() if first <= day < until}


@lru_cache(maxsize=256)
def _holidays_of(country: str, subdivision: str, year: int) -> dict[date, str]:
    """A country or subdivision that the library does not know has no holidays here: closures are entered by
    hand.
    """
    for subdiv in (subdivision or None, None):
        try:
            return dict(holidays.country_holidays(country, subdiv=subdiv, years=year, language="en_US"))
        except NotImplementedError:
            continue
    return {}
