"""From a request in instants and words to the numbers of the dynamic programme. Pure module, numpy.

Everything is rounded to the safe side: what exists occupies every quarter hour it touches, duty counts only
whole quarter hours, stays and sessions are rounded up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from protocols.definition import FollowUpRule, LocalClock, SeriesPhase
from scheduling.domain.intervals import Interval, as_utc, union
from scheduling.domain.localtime import MORNING, Duration
from scheduling.domain.occupancy import Pool, any_row, window_max
from scheduling.domain.series_core import (
    BIG,
    NEVER,
    GapRule,
    SeriesProblem,
    TherapyWays,
    TherapyWindow,
    next_true,
    therapy_ways,
)
from scheduling.domain.series_types import Resource, SeriesRequest
from scheduling.domain.slots import PER_HOUR, SLOT_MINUTES, BoolArray, IntArray, SlotGrid, slots_up
from staff.errors import InvalidInput

AFTER_LAST = timedelta(
    days=9
)  # the grid reaches this far past the last start, for therapy after the last visit
OPTIONAL_SESSION = 200
NEXT_MORNING = LocalClock(1, MORNING.hour, MORNING.minute)


@dataclass(frozen=True)
class Setting:
    """A request on its grid. The masks say for every slot whether a visit could start there, one reason at a
    time.
    """

    request: SeriesRequest
    grid: SlotGrid
    stay: int
    chair_stay: int
    in_span: BoolArray
    is_open: BoolArray
    patient_free: BoolArray
    chairs: BoolArray
    nurses: BoolArray
    prescribers: BoolArray
    therapists: dict[int, BoolArray]
    chair_room: IntArray
    node_parts: dict[str, IntArray]
    starts: IntArray
    inner_windows: tuple[TherapyWindow, ...]
    last_windows: tuple[TherapyWindow, ...]
    problem: SeriesProblem


def phase_of(request: SeriesRequest, ordinal: int) -> SeriesPhase:
    """The phase that visit `ordinal` belongs to; its gap limits apply to the gap before it."""
    return request.definition.gap_before(ordinal) or request.definition.phases[0]


def build(request: SeriesRequest) -> Setting:
    """Lay the request on a grid. Raises InvalidInput for an empty span, no visits left or a wrong pin."""
    definition = request.definition
    visits = definition.visits - request.first_ordinal + 1
    if visits < 1 or request.first_ordinal < 1:
        raise InvalidInput("there is no visit left to plan", field="first_ordinal")
    if as_utc(request.until) <= as_utc(request.earliest):
        raise InvalidInput("the end of planning must come after its beginning", field="until")
    grid = SlotGrid(request.earliest, request.until + AFTER_LAST, request.zone)
    stay, chair_stay = (
        slots_up(definition.chair_minutes),
        slots_up(definition.chair_minutes + definition.turnover_minutes),
    )
    chair_pool = _pool(grid, request.chairs)
    slots = np.arange(grid.count)
    in_span = (slots >= grid.ceil(request.earliest)) & (slots < grid.ceil(request.until))
    is_open = _person(grid, request.site_open, ()).fits(0, chair_stay)[0]
    patient_free = _person(grid, request.patient_free, request.patient_busy).fits(0, stay)[0]
    chairs = chair_pool.fits(0, chair_stay)
    nurses = _staffed(_pool(grid, request.nurses), request, "nurse")
    prescribers = _staffed(_pool(grid, request.prescribers), request, "clinician")
    possible = in_span & is_open & patient_free & any_row(chairs) & any_row(nurses) & any_row(prescribers)
    starts = np.flatnonzero(possible).astype(np.int64)
    therapists = {length: _pool(grid, request.therapists).fits(0, length) for length in _lengths(request)}
    inner = _windows(request, grid, starts, therapists, last=False)
    last = _windows(request, grid, starts, therapists, last=True)
    room = chair_pool.room.sum(axis=0, dtype=np.int64)
    parts = _node_parts(request, grid, starts, prescribers, room, chair_stay, stay)
    problem = _problem(request, grid, starts, parts, inner, last)
    return Setting(
        request, grid, stay, chair_stay, in_span, is_open, patient_free, chairs, nurses, prescribers,
        therapists, room, parts, starts, inner, last, problem,
    )  # fmt: skip


def _pool(grid: SlotGrid, resources: Sequence[Resource]) -> Pool:
    duty = [[grid.inside(item) for item in union(resource.free)] for resource in resources]
    loads = [[grid.touched(item) for item in resource.busy] for resource in resources]
    pool = Pool(grid.count, duty, [resource.capacity for resource in resources], loads)
    for row, resource in enumerate(resources):
        for start in resource.starts:
            pool.mark_start(row, grid.floor(start))
    return pool


def _person(grid: SlotGrid, free: Sequence[Interval] | None, busy: Sequence[Interval]) -> Pool:
    """A pool of one; free None = always."""
    spans = [(0, grid.count)] if free is None else [grid.inside(item) for item in union(free)]
    return Pool(grid.count, [spans], [1], [[grid.touched(item) for item in union(busy)]])


def _staffed(pool: Pool, request: SeriesRequest, role: str) -> BoolArray:
    """Where each person can take all the parts of a visit that need the role."""
    able = np.ones((len(pool), pool.slots), dtype=np.bool_)
    for part in request.definition.staffing:
        if part.role == role:
            first = part.from_minute // SLOT_MINUTES
            able &= pool.fits(first, slots_up(part.to_minute) - first, part.load)
    if role == "nurse":
        able &= pool.starts == 0
    return able


def _rules(request: SeriesRequest, last: bool) -> list[FollowUpRule]:
    """Therapy of the version that is planned with the infusions: after each one, and once more after the
    last.
    """
    rules = [rule for rule in request.definition.follow_ups if rule.therapy and len(rule.repeat_days) == 1]
    chosen = [rule for rule in rules if rule.scope == "each_infusion" or last]
    return sorted(chosen, key=lambda rule: rule.scope != "each_infusion")


def _lengths(request: SeriesRequest) -> set[int]:
    return {slots_up(rule.duration_minutes) for rule in _rules(request, last=True)}


def _windows(
    request: SeriesRequest, grid: SlotGrid, starts: IntArray, therapists: dict[int, BoolArray], *, last: bool
) -> tuple[TherapyWindow, ...]:
    zone = request.patient_zone or request.zone
    free = request.therapy_free if request.therapy_free is not None else request.patient_free
    patient = _person(grid, free, request.patient_busy)
    cleared = starts * SLOT_MINUTES + request.clearance_minutes
    found = []
    for rule in _rules(request, last):
        length = slots_up(rule.duration_minutes)
        able = therapists[length] & patient.fits(0, length)
        opens = np.maximum(cleared, grid.moments(cleared, rule.earliest, zone))
        if rule.after_night:
            night = cleared + Duration.of(hours=rule.night_hours).minutes
            opens = np.maximum(opens, np.maximum(grid.moments(cleared, NEXT_MORNING, zone), night))
        found.append(
            TherapyWindow(
                kind=rule.kind,
                opens=-(-opens // SLOT_MINUTES),
                closes=grid.moments(cleared, rule.hard_latest, zone) // SLOT_MINUTES,
                prime=grid.moments(cleared, rule.target, zone) // SLOT_MINUTES,
                length=length,
                own_next=next_true(any_row(able[:1])),
                other_next=next_true(any_row(able[1:])),
                late_cost=request.weights.late_hour,
                other_cost=request.weights.therapist,
                missing_cost=request.weights.missing_session if rule.required else OPTIONAL_SESSION,
            )
        )
    return tuple(found)


def _node_parts(
    request: SeriesRequest,
    grid: SlotGrid,
    starts: IntArray,
    prescribers: BoolArray,
    room: IntArray,
    chair_stay: int,
    stay: int,
) -> dict[str, IntArray]:
    """Cost of a start that does not depend on the visit's number, by reason."""
    weights = request.weights
    zero = np.zeros(starts.size, dtype=np.int64)
    parts = {"preference": zero, "prescriber": zero, "peak": zero}
    if request.preferred:
        liked = _person(grid, request.preferred, ()).fits(0, stay)[0]
        parts["preference"] = np.where(liked[starts], 0, weights.preference)
    codes = [item.code for item in request.prescribers]
    if request.own_prescriber in codes:
        own = prescribers[codes.index(request.own_prescriber)][starts]
        parts["prescriber"] = np.where(own, 0, weights.prescriber)
    capacity = sum(item.capacity for item in request.chairs)
    taken = (capacity - room).astype(np.int16)
    if taken.size and starts.size:
        peaks = np.maximum.reduceat(taken, grid.day_starts).astype(np.int64)[grid.day_of(starts)]
        after = np.maximum(peaks, window_max(taken, chair_stay)[starts] + 1)
        parts["peak"] = weights.peak * (after**2 - peaks**2)
    return parts


def _problem(
    request: SeriesRequest,
    grid: SlotGrid,
    starts: IntArray,
    parts: dict[str, IntArray],
    inner: tuple[TherapyWindow, ...],
    last: tuple[TherapyWindow, ...],
) -> SeriesProblem:
    definition = request.definition
    ordinals = range(request.first_ordinal, definition.visits + 1)
    common = sum(parts.values(), start=np.zeros(starts.size, dtype=np.int64))
    node = np.array([_node(request, grid, starts, common, ordinal) for ordinal in ordinals])
    rules: dict[tuple[str, int], GapRule] = {}
    gaps = []
    for ordinal in ordinals[1:]:
        phase = phase_of(request, ordinal)
        longest = max(phase.gap_max_hours, request.long_gap.get(ordinal, 0))
        key = (phase.name, longest)
        rules.setdefault(key, gap_rule(phase, longest, request.weights.gap_hour))
        gaps.append(rules[key])
    offsets = grid.offsets(starts)
    changes = offsets.size > 0 and bool((offsets != offsets[0]).any())
    return SeriesProblem(
        starts=starts,
        node=node,
        gaps=tuple(gaps),
        inner=_ways(inner, starts.size),
        last=_ways(last, starts.size),
        lead=slots_up(definition.window.quiet_block_minutes),
        offsets=offsets if changes else None,
        last_before=NEVER if request.next_start is None else grid.floor(request.next_start),
    )


def _ways(windows: tuple[TherapyWindow, ...], size: int) -> TherapyWays:
    return therapy_ways(windows, size)


def gap_rule(phase: SeriesPhase, longest_hours: int, hour_cost: int) -> GapRule:
    """Limits of a phase in slots, `hour_cost` per full hour off its target, one hour of clock-change
    tolerance.
    """
    longest = longest_hours * PER_HOUR
    gap = np.arange(longest + PER_HOUR + 1, dtype=np.int64)
    cost = hour_cost * (np.abs(gap - phase.gap_target_hours * PER_HOUR) // PER_HOUR)
    return GapRule(phase.gap_min_hours * PER_HOUR, longest, cost, tolerance=PER_HOUR)


def _node(
    request: SeriesRequest, grid: SlotGrid, starts: IntArray, common: IntArray, ordinal: int
) -> IntArray:
    """Cost of each start for one visit; BIG where the visit may not start."""
    cost, weights = common.copy(), request.weights
    day = grid.day_of(starts)
    pinned = request.pinned.get(ordinal)
    if pinned is not None:
        cost[starts != grid.floor(pinned)] = BIG
    else:
        allowed = np.isin(grid.weekdays, phase_of(request, ordinal).weekdays)
        barred = np.array([item in request.barred_days for item in grid.days], dtype=np.bool_)
        cost[~(allowed & ~barred)[day]] = BIG
    if ordinal == request.first_ordinal:
        cost += first_visit_cost(request, grid, starts)
    if ordinal == request.definition.visits and request.next_start is not None:
        least = phase_of(request, ordinal).gap_min_hours * PER_HOUR
        cost[starts + least > grid.floor(request.next_start)] = BIG
    now = request.current.get(ordinal)
    if now is not None:
        away = np.abs(starts - grid.floor(now))
        cost += np.where(away > 0, weights.moved_visit + weights.moved_hour * (away // PER_HOUR), 0)
    return np.minimum(cost, BIG)


def first_visit_cost(request: SeriesRequest, grid: SlotGrid, starts: IntArray) -> IntArray:
    """Days of waiting for a new series; for the rest of one, the gap after the visit before it."""
    if request.previous_start is None:
        first_day = int(grid.day_of(np.array([grid.floor(request.earliest)]))[0])
        cost: IntArray = request.weights.wait_day * request.priority * (grid.day_of(starts) - first_day)
        return cost
    phase = phase_of(request, request.first_ordinal)
    longest = max(phase.gap_max_hours, request.long_gap.get(request.first_ordinal, 0))
    rule = gap_rule(phase, longest, request.weights.gap_hour)
    before = grid.ceil(request.previous_start)
    gap = starts - before
    back = grid.offsets(np.concatenate(([before], starts)))
    most = rule.maximum + np.clip(back[0] - back[1:], 0, rule.tolerance)
    legal = (gap >= rule.minimum) & (gap <= most)
    return np.where(legal, rule.cost[np.clip(gap, 0, rule.cost.size - 1)], BIG)
