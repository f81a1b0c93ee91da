"""A sample series on a real calendar: what comes of a protocol text for nobody in particular. Pure module.

Every visit starts at the same clock time, on the allowed and open local day that is nearest to the protocol's rhythm
within its gaps. Chairs, staff and patients are not asked: what cannot be placed here cannot be placed anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from protocols.definition import ProtocolDefinition, SeriesPhase
from scheduling.domain.availability import WeeklyHours, free_intervals
from scheduling.domain.followups import InfusionAnchors, PlannedFollowUp, merge_same_kind, plan_follow_ups
from scheduling.domain.localtime import day_in_words, in_words, local_date, resolve_local
from scheduling.domain.spacing import gap_bounds, gap_refusal
from scheduling.domain.windows import Window, plasticity_window

OFFICE = (time(8), time(18))  # therapists of the sample work Monday to Friday in these hours
AFTER_LAST_DAYS = 120
FIRST_DAY_SEARCH = 14


@dataclass(frozen=True)
class SampleVisit:
    """One infusion of the sample. `gap_hours` is None for the first; `follow_ups` include the dropped ones."""

    ordinal: int
    phase: str
    start: datetime
    stop: datetime
    leaves: datetime
    t0: datetime
    gap_hours: float | None
    window: Window
    follow_ups: tuple[PlannedFollowUp, ...] = ()


@dataclass(frozen=True)
class SampleSeries:
    """The visits that can be placed, and in words what could not be or moved."""

    visits: tuple[SampleVisit, ...]
    remarks: tuple[str, ...]
    complete: bool


def sample_series(
    definition: ProtocolDefinition,
    *,
    first_day: date,
    clock: time,
    zone: ZoneInfo,
    clearance_minutes: int,
    holidays: Mapping[date, str],
) -> SampleSeries:
    """The series from `first_day` on. `clearance_minutes`: estimated therapy time minus start, for every visit."""
    starts, remarks = _starts(definition, first_day, clock, zone, holidays)
    visits = [_visit(definition, number, starts, clearance_minutes) for number in range(len(starts))]
    planned = merge_same_kind(
        item for visit in visits for item in _follow_ups(definition, visit, starts, zone, holidays)
    )
    with_tasks = tuple(
        SampleVisit(**{**vars(visit), "follow_ups": tuple(i for i in planned if i.infusion == visit.ordinal)})
        for visit in visits
    )
    return SampleSeries(with_tasks, tuple(remarks), complete=len(starts) == definition.visits)


def _starts(
    definition: ProtocolDefinition, first_day: date, clock: time, zone: ZoneInfo, holidays: Mapping[date, str]
) -> tuple[list[datetime], list[str]]:
    remarks: list[str] = []
    first = _first(definition.phases[0], first_day, clock, zone, holidays)
    if first is None:
        return [], ["No allowed weekday was found within two weeks of the first day."]
    if local_date(first, zone) != first_day:
        why = holidays.get(first_day) or "not an allowed weekday"
        remarks.append(
            f"{day_in_words(first_day)} is {why}: the series begins on {day_in_words(local_date(first, zone))}."
        )
    starts, aim = [first], first
    for ordinal in range(2, definition.visits + 1):
        phase = definition.gap_before(ordinal)
        aim += timedelta(hours=0 if phase is None else phase.gap_target_hours)
        found = None if phase is None else _next(phase, starts[-1], aim, clock, zone, holidays)
        if phase is None or found is None:
            remarks.append(_cannot(ordinal, phase, starts[-1], clock, zone, holidays))
            break
        starts.append(found)
    return starts, remarks


def _first(
    phase: SeriesPhase, first_day: date, clock: time, zone: ZoneInfo, holidays: Mapping[date, str]
) -> datetime | None:
    for later in range(FIRST_DAY_SEARCH):
        day = first_day + timedelta(days=later)
        if day.weekday() in phase.weekdays and day not in holidays:
            return resolve_local(day, clock, zone).instant
    return None


def _days(phase: SeriesPhase, before: datetime, zone: ZoneInfo) -> list[date]:
    earliest, latest = gap_bounds(before, phase, zone)
    first, last = local_date(earliest, zone), local_date(latest, zone)
    return [first + timedelta(days=later) for later in range((last - first).days + 1)]


def _next(
    phase: SeriesPhase,
    before: datetime,
    aim: datetime,
    clock: time,
    zone: ZoneInfo,
    holidays: Mapping[date, str],
) -> datetime | None:
    """Nearest to `aim`, which keeps the rhythm from the first visit on: twice a week stays on its two weekdays."""
    allowed = [
        start
        for day in _days(phase, before, zone)
        if day.weekday() in phase.weekdays and day not in holidays
        for start in [resolve_local(day, clock, zone).instant]
        if gap_refusal(before, start, phase, zone) is None
    ]
    return min(allowed, key=lambda start: (abs(start - aim), start), default=None)


def _cannot(
    ordinal: int,
    phase: SeriesPhase | None,
    before: datetime,
    clock: time,
    zone: ZoneInfo,
    holidays: Mapping[date, str],
) -> str:
    if phase is None:
        return f"Infusion {ordinal} belongs to no part of the series."
    earliest, latest = gap_bounds(before, phase, zone)
    closed = [
        f"{day_in_words(day)} is {holidays[day]}" for day in _days(phase, before, zone) if day in holidays
    ]
    why = f" ({'; '.join(closed)})" if closed else ""
    return (
        f"Infusion {ordinal} cannot be placed: at {clock:%H:%M} no allowed day lies between {in_words(earliest, zone)} "
        f"and {in_words(latest, zone)}{why}."
    )


def _visit(
    definition: ProtocolDefinition, number: int, starts: list[datetime], clearance_minutes: int
) -> SampleVisit:
    start, ordinal = starts[number], number + 1
    t0 = start + timedelta(minutes=clearance_minutes)
    following = starts[number + 1] if number + 1 < len(starts) else None
    phase = definition.gap_before(ordinal) or definition.phases[0]
    return SampleVisit(
        ordinal=ordinal,
        phase=phase.name,
        start=start,
        stop=start + timedelta(minutes=definition.dose.infusion_minutes),
        leaves=start + timedelta(minutes=definition.chair_minutes),
        t0=t0,
        gap_hours=None if number == 0 else (start - starts[number - 1]) / timedelta(hours=1),
        window=plasticity_window(
            t0, definition.window, next_infusion_start=following, last=ordinal == definition.visits
        ),
    )


def _follow_ups(
    definition: ProtocolDefinition,
    visit: SampleVisit,
    starts: list[datetime],
    zone: ZoneInfo,
    holidays: Mapping[date, str],
) -> tuple[PlannedFollowUp, ...]:
    following = starts[visit.ordinal] if visit.ordinal < len(starts) else None
    first = local_date(visit.start, zone)
    working = free_intervals(
        hours=[WeeklyHours(day, *OFFICE) for day in range(5)],
        zone=zone,
        first=first,
        until=first + timedelta(days=AFTER_LAST_DAYS),
        holidays=holidays,
    )
    return plan_follow_ups(
        definition,
        anchors=InfusionAnchors(
            ordinal=visit.ordinal,
            starts_at=visit.start,
            planned_stop=visit.stop,
            t0=max(visit.t0, visit.stop),
        ),
        zone=zone,
        next_infusion_start=following,
        is_last=visit.ordinal == definition.visits,
        working=working,
    )


def next_clock_change(after: date, zone: ZoneInfo, *, forward: bool) -> date | None:
    """The next local date of 23 (forward) or 25 hours within two years; None where the clocks never change."""
    for later in range(740):
        day = after + timedelta(days=later)
        length = (
            resolve_local(day + timedelta(days=1), time(0), zone).instant
            - resolve_local(day, time(0), zone).instant
        )
        if (length < timedelta(hours=24)) if forward else (length > timedelta(hours=24)):
            return day
    return None
