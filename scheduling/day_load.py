"""When the people and chairs of a site are on duty on a few days, for pages that are drawn every twenty seconds.

The planner's `load_site` also reads bookings and licences, one query for each kind of row; here hours and absences come
along as JSON with their resource, so that a board costs two queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from scheduling.domain.availability import MIDNIGHT, WeeklyHours, closed_days, free_intervals
from scheduling.domain.availability import Closure as ClosedDays
from scheduling.domain.intervals import Interval, intersect, subtract, union
from scheduling.domain.localtime import resolve_local
from scheduling.loaders import LAST_MINUTE, LoadedResource, public_holidays, zone_of
from scheduling.models import Availability, AvailabilityException, Closure, Resource
from staff.models import Site


@dataclass(frozen=True)
class DayLoad:
    """Resources in use by primary key with their duty (no bookings), and why days are closed."""

    resources: Mapping[int, LoadedResource]
    hours: Mapping[int, tuple[WeeklyHours, ...]]
    closed: Mapping[date, str]

    @property
    def chairs(self) -> list[Resource]:
        """The chairs, in the order of their names."""
        return [item.row for item in self.resources.values() if item.row.kind == Resource.Kind.CHAIR]


def load_days(site: Site, *, first: date, until: date) -> DayLoad:
    """Duty on local dates in [first, until). Two queries, whatever the number of resources."""
    zone = zone_of(site)
    low, high = (resolve_local(day, time(0), zone).instant for day in (first, until))
    closures = [
        ClosedDays(item.days.lower, item.days.upper, item.reason or "closed")
        for item in Closure.objects.filter(site=site, days__overlap=(first, until))
    ]
    public = public_holidays(site, first, until)
    found: dict[int, LoadedResource] = {}
    hours: dict[int, tuple[WeeklyHours, ...]] = {}
    for row in _rows(site, low, high):
        weekly = tuple(_weekly(item) for item in row.weekly)
        regular = free_intervals(
            hours=weekly, zone=zone, first=first, until=until, closures=closures, holidays=public
        )
        free = _with_exceptions(regular, row.special, Interval(low, high))
        hours[row.pk], found[row.pk] = weekly, LoadedResource(row, free, (), (), ())
    return DayLoad(found, hours, closed_days(first, until, closures=closures, holidays=public))


def _rows(site: Site, low: datetime, high: datetime) -> Iterable[Any]:
    weekly = Availability.objects.filter(resource=OuterRef("pk")).order_by("weekday", "start_time")
    special = AvailabilityException.objects.filter(resource=OuterRef("pk"), during__overlap=(low, high))
    return (
        Resource.objects.filter(site=site, active=True)
        .annotate(
            weekly=ArraySubquery(
                weekly.values(
                    row=JSONObject(
                        weekday="weekday",
                        opens="start_time",
                        closes="end_time",
                        first="valid_during__startswith",
                        until="valid_during__endswith",
                    )
                )
            ),
            special=ArraySubquery(
                special.values(
                    row=JSONObject(available="available", start="during__startswith", end="during__endswith")
                )
            ),
        )
        .order_by("kind", "name", "pk")
    )


def _weekly(item: Mapping[str, Any]) -> WeeklyHours:
    closes = time.fromisoformat(item["closes"])
    first, until = (date.fromisoformat(item[key]) if item[key] else None for key in ("first", "until"))
    closing = MIDNIGHT if closes >= LAST_MINUTE else closes
    return WeeklyHours(item["weekday"], time.fromisoformat(item["opens"]), closing, first, until)


def _with_exceptions(
    regular: tuple[Interval, ...], special: Iterable[Mapping[str, Any]], days: Interval
) -> tuple[Interval, ...]:
    """Away wins over the weekly hours, exceptionally there wins over everything, as in the planner's loader."""
    away: list[Interval] = []
    there: list[Interval] = []
    for item in special:
        start, end = (datetime.fromisoformat(item[key]) for key in ("start", "end"))
        (there if item["available"] else away).append(Interval(start, end))
    return intersect(union([*subtract(regular, away), *there]), [days])


def hours_of_day(load: DayLoad, day: date, zone: ZoneInfo) -> tuple[int, int] | None:
    """First and last whole hour of the chairs on that weekday, (8, 18); None without any."""
    rows = [row for chair in load.chairs for row in load.hours[chair.pk] if row.weekday == day.weekday()]
    if not rows:
        return None
    ends = [24 if row.closes == MIDNIGHT else row.closes.hour + (row.closes.minute > 0) for row in rows]
    return min(row.opens.hour for row in rows), max(ends)
