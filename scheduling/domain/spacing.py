"""How far apart two infusions may be, and on which weekdays. Pure module; decisions 1.12.

Gaps are elapsed hours from start to start. The maximum has up to one hour of tolerance where the clocks go
back in between: Friday 10:00 to Tuesday 10:00 is 97 hours in that autumn week and still the same appointment.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from protocols.definition import SeriesPhase
from scheduling.domain.intervals import as_utc
from scheduling.domain.localtime import day_in_words, in_words, local_date, resolve_local

DST_TOLERANCE = timedelta(hours=1)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def clock_change(earlier: datetime, later: datetime, zone: ZoneInfo) -> timedelta:
    """By how much the clocks of `zone` went back between the two instants: 0 to one hour, 0 when forward."""
    before, after = (as_utc(at).astimezone(zone).utcoffset() for at in (earlier, later))
    return min(max((before or timedelta()) - (after or timedelta()), timedelta()), DST_TOLERANCE)


def gap_bounds(
    previous_start: datetime, phase: SeriesPhase, zone: ZoneInfo, long_gap_hours: int | None = None
) -> tuple[datetime, datetime]:
    """Earliest and latest start (both allowed) of the infusion after one that started at `previous_start`.

    long_gap_hours: the approved maximum instead of the phase's own, when that is longer.
    """
    start = as_utc(previous_start)
    longest = timedelta(hours=max(phase.gap_max_hours, long_gap_hours or 0))
    latest = start + longest
    return start + timedelta(hours=phase.gap_min_hours), latest + clock_change(
        start, latest + DST_TOLERANCE, zone
    )


def gap_refusal(
    previous_start: datetime,
    start: datetime,
    phase: SeriesPhase,
    zone: ZoneInfo,
    long_gap_hours: int | None = None,
) -> str | None:
    """Why the gap is not allowed, in words; None when it is."""
    gap = as_utc(start) - as_utc(previous_start)
    earliest, _ = gap_bounds(previous_start, phase, zone, long_gap_hours)
    longest = timedelta(hours=max(phase.gap_max_hours, long_gap_hours or 0))
    hours = f"{gap / timedelta(hours=1):.4g} h after the infusion of {in_words(previous_start, zone)}"
    if as_utc(start) < earliest:
        return f"{hours}: at least {phase.gap_min_hours} h are needed"
    if gap > longest + clock_change(previous_start, start, zone):
        return f"{hours}: at most {longest // timedelta(hours=1)} h are allowed"
    return None


def rested_from(elsewhere_on: date, phase: SeriesPhase, zone: ZoneInfo) -> datetime:
    """Earliest start after a treatment elsewhere on that local day. Its hour is not known, so the gap is counted from
    the end of the day: never too short (clinic-day 38).
    """
    ends = resolve_local(elsewhere_on + timedelta(days=1), time(0), zone).instant
    return ends + timedelta(hours=phase.gap_min_hours)


def elsewhere_refusal(
    elsewhere_on: date | None, start: datetime, phase: SeriesPhase, zone: ZoneInfo
) -> str | None:
    """Why an infusion may not start so soon after the last treatment elsewhere, in words; None when it may."""
    if elsewhere_on is None or as_utc(start) >= rested_from(elsewhere_on, phase, zone):
        return None
    return (
        f"Too soon after the treatment elsewhere on {day_in_words(elsewhere_on)}, whose hour is not known: "
        f"{phase.gap_min_hours} h after that day are needed, so from "
        f"{in_words(rested_from(elsewhere_on, phase, zone), zone)}"
    )


def weekday_refusal(start: datetime, phase: SeriesPhase, zone: ZoneInfo) -> str | None:
    """Why that local weekday is not one of the protocol's; None when it is."""
    weekday = local_date(start, zone).weekday()
    return (
        None if weekday in phase.weekdays else f"{WEEKDAYS[weekday]}s are not among the protocol's weekdays"
    )
