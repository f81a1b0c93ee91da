"""Elapsed time and wall-clock time, kept apart, and the way from one to the other. Pure module.

`Duration` counts real minutes; `WallClock` is what a clock on the wall of a place shows on a date. Adding one
to the other is a TypeError: 24 hours after 20:30 is not always 20:30 (decisions 1.12). A wall clock becomes
an instant only through a zone, by `resolve_local`:
- a time skipped by a clock change moves forward by the length of the gap and is flagged `moved` (02:30 in a
  one-hour gap becomes 03:30; on a date that a place skipped altogether, the same time on the next date);
- a time that occurs twice is the earlier of the two and is flagged `ambiguous`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from protocols.definition import Elapsed, LocalClock, Moment
from scheduling.domain.intervals import Interval, as_utc
from staff.errors import InvalidInput

MORNING = time(7, 0)


@dataclass(frozen=True, order=True)
class Duration:
    """Elapsed time in whole minutes; may be negative. `instant + duration` is an instant in UTC."""

    minutes: int

    @classmethod
    def of(cls, *, days: int = 0, hours: int = 0, minutes: int = 0) -> Duration:
        """Days of 24 hours, hours and minutes together."""
        return cls((days * 24 + hours) * 60 + minutes)

    @property
    def delta(self) -> timedelta:
        """As a timedelta, for use with instants in UTC only."""
        return timedelta(minutes=self.minutes)

    def __add__(self, other: Duration) -> Duration:
        return Duration(self.minutes + other.minutes) if isinstance(other, Duration) else NotImplemented

    def __neg__(self) -> Duration:
        return Duration(-self.minutes)

    def __radd__(self, instant: datetime) -> datetime:
        return as_utc(instant) + self.delta if isinstance(instant, datetime) else NotImplemented

    def __rsub__(self, instant: datetime) -> datetime:
        return as_utc(instant) - self.delta if isinstance(instant, datetime) else NotImplemented


@dataclass(frozen=True)
class Resolved:
    """An instant (UTC) found for a wall clock. moved: that clock time did not exist; ambiguous: it occurred
    twice.
    """

    instant: datetime
    moved: bool = False
    ambiguous: bool = False


@dataclass(frozen=True)
class WallClock:
    """A date and a time of day in a place still to be named. Adds to days, never to a Duration."""

    day: date
    clock: time

    def __post_init__(self) -> None:
        if self.clock.tzinfo is not None:
            raise InvalidInput("a wall clock time carries no time zone", field="clock")

    def plus_days(self, days: int) -> WallClock:
        """The same time of day, `days` calendar days later."""
        return WallClock(self.day + timedelta(days=days), self.clock)

    def resolve(self, zone: ZoneInfo) -> Resolved:
        """The instant at which the clocks of `zone` show this."""
        return resolve_local(self.day, self.clock, zone)


def resolve_local(day: date, clock: time, zone: ZoneInfo) -> Resolved:
    """The instant of `clock` on `day` in `zone`; see the module for skipped and doubled times."""
    if clock.tzinfo is not None:
        raise InvalidInput("a wall clock time carries no time zone", field="clock")
    wall = datetime.combine(day, clock).replace(fold=0)
    earlier = wall.replace(tzinfo=zone)
    instant = earlier.astimezone(UTC)
    moved = instant.astimezone(zone).replace(tzinfo=None) != wall
    doubled = earlier.utcoffset() != wall.replace(tzinfo=zone, fold=1).utcoffset()
    return Resolved(instant, moved=moved, ambiguous=doubled and not moved)


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """The date that the calendar of `zone` shows at that instant."""
    return as_utc(instant).astimezone(zone).date()


def local_clock(instant: datetime, zone: ZoneInfo) -> WallClock:
    """What calendar and clock of `zone` show at that instant."""
    local = as_utc(instant).astimezone(zone)
    return WallClock(local.date(), local.time().replace(fold=0))


def next_local_morning(instant: datetime, zone: ZoneInfo, clock: time = MORNING) -> Resolved:
    """`clock` on the local day after the local day of `instant`."""
    return resolve_local(local_date(instant, zone) + timedelta(days=1), clock, zone)


def add_local_days(instant: datetime, days: int, zone: ZoneInfo) -> Resolved:
    """The same wall clock, `days` local days later: 23, 24 or 25 hours a day."""
    return local_clock(instant, zone).plus_days(days).resolve(zone)


def local_day(day: date, zone: ZoneInfo) -> Interval | None:
    """[midnight, next midnight) of a local date; None for a date that the place skipped (Apia, 30 December
    2011).
    """
    start = resolve_local(day, time(0), zone).instant
    end = resolve_local(day + timedelta(days=1), time(0), zone).instant
    return Interval(start, end) if start < end and local_date(start, zone) == day else None


def moment_after(anchor: datetime, moment: Moment, zone: ZoneInfo) -> Resolved:
    """The instant that a protocol's moment means after `anchor`: elapsed minutes, or a wall clock counted in
    local days.
    """
    if isinstance(moment, Elapsed):
        return Resolved(anchor + Duration(moment.minutes))
    if isinstance(moment, LocalClock):
        day = local_date(anchor, zone) + timedelta(days=moment.days)
        return resolve_local(day, time(moment.hour, moment.minute), zone)
    raise InvalidInput("neither an elapsed time nor a wall clock", field="moment")


def day_in_words(day: date) -> str:
    """`Fri 4 Dec`."""
    return f"{day:%a} {day.day} {day:%b}"


def in_words(instant: datetime, zone: ZoneInfo) -> str:
    """`Fri 4 Dec 15:29`, in the local time of `zone`."""
    local = as_utc(instant).astimezone(zone)
    return f"{day_in_words(local.date())} {local:%H:%M}"


def clock_in_words(instant: datetime, zone: ZoneInfo) -> str:
    """`15:29`, in the local time of `zone`."""
    return f"{as_utc(instant).astimezone(zone):%H:%M}"


def parse_clock(text: str) -> time:
    """`HH:MM` as a time of day. Raises InvalidInput."""
    parts = text.split(":")
    if len(parts) == 2 and all(part.isascii() and part.isdigit() and len(part) == 2 for part in parts):
        hour, minute = int(parts[0]), int(parts[1])
        if hour < 24 and minute < 60:
            return time(hour, minute)
    raise InvalidInput("must be a time of day such as 17:00", field="clock")


def rounded_up(moment: datetime, step: timedelta) -> datetime:
    """The first moment not before this one that is a whole number of steps since 1970, UTC."""
    beyond = timedelta(seconds=moment.timestamp() % step.total_seconds())
    return moment if not beyond else moment - beyond + step
