"""When a chair, a room or a person is there: weekly hours in the site's wall clock, as instants. Pure module.

Weekly hours say what the clock on the wall shows, so a day of a clock change is an hour shorter or longer and
09:00 stays 09:00. An exception replaces one day's hours, closures and public holidays empty days, existing
bookings are subtracted last. Free slots are always computed from these, never stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduling.domain.intervals import Interval, span, subtract, union
from scheduling.domain.localtime import local_date, resolve_local
from staff.errors import InvalidInput

MIDNIGHT = time(0, 0)
MAX_DAYS = 3660  # ten years: a range beyond that is a typing error, not a question


@dataclass(frozen=True)
class WeeklyHours:
    """[opens, closes) on one weekday (0 = Monday); closes 00:00 = the end of that day.

    Valid on dates in [valid_from, valid_until); None = without limit. Several rows for one weekday add up (a
    break is the time between two rows). Raises InvalidInput for hours that end before they begin.
    """

    weekday: int
    opens: time
    closes: time
    valid_from: date | None = None
    valid_until: date | None = None

    def __post_init__(self) -> None:
        if self.weekday not in range(7):
            raise InvalidInput("weekday must be 0 (Monday) to 6", field="weekday")
        _check_hours(self.opens, self.closes)

    def applies_on(self, day: date) -> bool:
        """True when these hours hold on that date."""
        if day.weekday() != self.weekday or (self.valid_from is not None and day < self.valid_from):
            return False
        return self.valid_until is None or day < self.valid_until


@dataclass(frozen=True)
class HoursException:
    """Replaces the weekly hours of one date: other hours, or away all day when both are None."""

    day: date
    opens: time | None = None
    closes: time | None = None

    def __post_init__(self) -> None:
        if (self.opens is None) != (self.closes is None):
            raise InvalidInput("give both hours, or neither for a day away", field="closes")
        if self.opens is not None and self.closes is not None:
            _check_hours(self.opens, self.closes)


@dataclass(frozen=True)
class Closure:
    """Nobody is there on dates in [first, until)."""

    first: date
    until: date
    reason: str = "closed"

    def __post_init__(self) -> None:
        if self.until <= self.first:
            raise InvalidInput("a closure must end after it begins", field="until")


def free_intervals(
    *,
    hours: Sequence[WeeklyHours],
    zone: ZoneInfo,
    first: date,
    until: date,
    exceptions: Sequence[HoursException] = (),
    closures: Iterable[Closure] = (),
    holidays: Mapping[date, str] | None = None,
    busy: Iterable[Interval] = (),
) -> tuple[Interval, ...]:
    """Free time on local dates in [first, until), sorted, disjoint. Raises InvalidInput for an endless range.

    An exception with hours opens even a closed date (an extra clinic on a holiday), by someone's deliberate
    entry.
    """
    closed = closed_days(first, until, closures=closures, holidays=holidays or {})
    special: dict[date, list[HoursException]] = {}
    for item in exceptions:
        special.setdefault(item.day, []).append(item)
    found: list[Interval] = []
    for day in _dates(first, until):
        if day in special:
            found += [part for item in special[day] for part in _on(day, item.opens, item.closes, zone)]
        elif day not in closed:
            for row in hours:
                if row.applies_on(day):
                    found += _on(day, row.opens, row.closes, zone)
    return subtract(union(found), busy)


def closed_days(
    first: date, until: date, *, closures: Iterable[Closure] = (), holidays: Mapping[date, str] | None = None
) -> dict[date, str]:
    """Closed dates in [first, until) and why; a closure's own reason wins over a holiday's name."""
    closed = {day: name for day, name in (holidays or {}).items() if first <= day < until}
    for closure in closures:
        for day in _dates(max(first, closure.first), min(until, closure.until)):
            closed[day] = closure.reason
    return closed


def _dates(first: date, until: date) -> Iterable[date]:
    if (until - first).days > MAX_DAYS:
        raise InvalidInput("a range of at most ten years", field="until")
    return (first + timedelta(days=n) for n in range((until - first).days))


def _on(day: date, opens: time | None, closes: time | None, zone: ZoneInfo) -> tuple[Interval, ...]:
    """Those hours of one local date; () for none, and on a date that the place skipped altogether."""
    if opens is None or closes is None:
        return ()
    start = resolve_local(day, opens, zone).instant
    end = _end_of(day, closes, zone)
    return span(start, end) if local_date(start, zone) == day else ()


def _end_of(day: date, closes: time, zone: ZoneInfo) -> datetime:
    last = day + timedelta(days=1) if closes == MIDNIGHT else day
    return resolve_local(last, closes, zone).instant


def _check_hours(opens: time, closes: time) -> None:
    if opens.tzinfo is not None or closes.tzinfo is not None:
        raise InvalidInput("weekly hours are wall clock times without a zone", field="opens")
    if closes not in (MIDNIGHT,) and closes <= opens:
        raise InvalidInput("closing time must come after opening time", field="closes")
