"""From requests in instants and words to a clinic and cases on one grid. Pure module, numpy.

Everything is rounded to the safe side: what exists occupies every quarter hour it touches, duty counts only
whole quarter hours, stays and sessions are rounded up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from protocols.definition import FollowUpRule, LocalClock, SeriesPhase
from scheduling.domain.clinic import Clinic
from scheduling.domain.clinic_types import Case, Part, SessionSpec
from scheduling.domain.intervals import Interval, as_utc, union
from scheduling.domain.localtime import MORNING, Duration
from scheduling.domain.occupancy import Pool, covered, ones, run_starts, span_starts, to_flags, to_slots
from scheduling.domain.series_core import BIG, NEVER, GapRule
from scheduling.domain.series_types import Resource, SeriesRequest
from scheduling.domain.slots import PER_HOUR, SLOT_MINUTES, IntArray, SlotGrid, slots_up
from staff.errors import InvalidInput

AFTER_LAST = timedelta(
    days=9
)  # the grid reaches this far past the last start, for therapy after the last visit
OPTIONAL_SESSION = 200
NEXT_MORNING = LocalClock(1, MORNING.hour, MORNING.minute)


@dataclass(frozen=True)
class Setting:
    """A request on its grid: the case, and for every slot (as bits) whether a visit could start as far as
    that goes.

    node_parts: cost of each of the case's starts by reason, for visits of any number.
    """

    request: SeriesRequest
    grid: SlotGrid
    clinic: Clinic
    case: Case
    codes: Codes
    in_span: int
    is_open: int
    patient_free: int
    preference: IntArray

    @property
    def stay(self) -> int:
        """Slots from start to leaving the chair, without turnover."""
        return slots_up(self.request.definition.chair_minutes)


@dataclass(frozen=True)
class Codes:
    """Codes of the clinic's rows, kind by kind."""

    chairs: tuple[str, ...]
    nurses: tuple[str, ...]
    prescribers: tuple[str, ...]
    therapists: tuple[str, ...]


def phase_of(request: SeriesRequest, ordinal: int) -> SeriesPhase:
    """The phase that visit `ordinal` belongs to; its gap limits apply to the gap before it."""
    return request.definition.gap_before(ordinal) or request.definition.phases[0]


def build(requests: Sequence[SeriesRequest]) -> tuple[Setting, ...]:
    """One clinic on one grid for all requests, and a setting for each; they share the clinic.

    A resource of the same code is the same resource. Raises InvalidInput for an empty span, no visits left,
    requests of different zones, or a grid of more than a year.
    """
    for request in requests:
        _check(request, requests[0])
    earliest = min(as_utc(request.earliest) for request in requests)
    until = max(as_utc(request.until) for request in requests)
    grid = SlotGrid(earliest, until + AFTER_LAST, requests[0].zone)
    chairs = _distinct(item for request in requests for item in request.chairs)
    nurses = _distinct(item for request in requests for item in request.nurses)
    prescribers = _distinct(item for request in requests for item in request.prescribers)
    therapists = _distinct(item for request in requests for item in request.therapists)
    clinic = Clinic(
        _pool(grid, chairs),
        _pool(grid, nurses),
        _pool(grid, prescribers),
        _pool(grid, therapists),
        grid.day_starts,
    )
    codes = Codes(tuple(chairs), tuple(nurses), tuple(prescribers), tuple(therapists))
    return tuple(_setting(request, grid, clinic, codes, str(n)) for n, request in enumerate(requests))


def _check(request: SeriesRequest, first: SeriesRequest) -> None:
    if not 1 <= request.first_ordinal <= request.definition.visits:
        raise InvalidInput("there is no visit left to plan", field="first_ordinal")
    if as_utc(request.until) <= as_utc(request.earliest):
        raise InvalidInput("the end of planning must come after its beginning", field="until")
    if request.zone.key != first.zone.key:
        raise InvalidInput("series of one plan share one site and its time zone", field="zone")


def _distinct(resources: Iterable[Resource]) -> dict[str, Resource]:
    known: dict[str, Resource] = {}
    for resource in resources:
        known.setdefault(resource.code, resource)
    return known


def _pool(grid: SlotGrid, known: dict[str, Resource]) -> Pool:
    resources = list(known.values())
    duty = [[grid.inside(item) for item in union(resource.free)] for resource in resources]
    loads = [[grid.touched(item) for item in resource.busy] for resource in resources]
    pool = Pool(grid.count, duty, [resource.capacity for resource in resources], loads)
    for row, resource in enumerate(resources):
        for slot in {grid.floor(start) for start in resource.starts}:
            if 0 <= slot < grid.count:
                pool.mark_start(row, slot)
    return pool


def _setting(request: SeriesRequest, grid: SlotGrid, clinic: Clinic, codes: Codes, key: str) -> Setting:
    definition = request.definition
    stay = slots_up(definition.chair_minutes)
    chair_stay = slots_up(definition.chair_minutes + definition.turnover_minutes)
    in_span = ones(max(0, grid.ceil(request.earliest)), min(grid.count, grid.ceil(request.until)))
    is_open = _starts_in(grid, request.site_open, (), chair_stay)
    patient_free = _starts_in(grid, request.patient_free, request.patient_busy, stay)
    possible = in_span & is_open & patient_free
    starts = to_slots(possible, grid.count)
    preference = np.zeros(starts.size, dtype=np.int64)
    if request.preferred:
        liked = to_flags(_starts_in(grid, request.preferred, (), stay), grid.count)[starts]
        preference = np.where(liked, 0, request.weights.preference)
    inner, last = (_sessions(request, grid, starts, codes, last=flag) for flag in (False, True))
    offsets = grid.offsets(starts)
    case = Case(
        key=key,
        starts=starts,
        possible=possible,
        node=_nodes(request, grid, starts, preference),
        gaps=_gaps(request),
        chair_length=chair_stay,
        nurse_parts=_parts(request, "nurse"),
        prescriber_parts=_parts(request, "clinician"),
        inner=inner,
        last=inner if len(inner) == len(last) else last,
        lead=slots_up(definition.window.quiet_block_minutes),
        chair_rows=tuple(codes.chairs.index(item.code) for item in request.chairs),
        nurse_rows=tuple(codes.nurses.index(item.code) for item in request.nurses),
        prescriber_rows=tuple(codes.prescribers.index(item.code) for item in request.prescribers),
        own_prescriber=_row(codes.prescribers, request.own_prescriber),
        prescriber_cost=request.weights.prescriber,
        peak_cost=request.weights.peak,
        unplanned_cost=request.weights.unplanned * request.priority,
        offsets=offsets if offsets.size and (offsets != offsets[0]).any() else None,
        last_before=NEVER if request.next_start is None else grid.floor(request.next_start),
    )
    return Setting(request, grid, clinic, case, codes, in_span, is_open, patient_free, preference)


def _row(codes: tuple[str, ...], code: str | None) -> int | None:
    return codes.index(code) if code in codes else None


def _starts_in(grid: SlotGrid, free: Sequence[Interval] | None, busy: Sequence[Interval], length: int) -> int:
    """Slots from which `length` slots lie in one free interval (None = always) and touch nothing busy."""
    spans = [(0, grid.count)] if free is None else [grid.inside(item) for item in union(free)]
    taken = covered([grid.touched(item) for item in busy], grid.count)
    return span_starts(spans, grid.count, 0, length) & run_starts(ones(0, grid.count) & ~taken, length)


def _parts(request: SeriesRequest, role: str) -> tuple[Part, ...]:
    """What one person of the role covers of a stay, in slots."""
    parts = []
    for phase in request.definition.staffing:
        if phase.role == role:
            first = phase.from_minute // SLOT_MINUTES
            parts.append(Part(first, slots_up(phase.to_minute) - first, phase.load))
    return tuple(parts)


def planned_rules(request: SeriesRequest, *, last: bool) -> list[FollowUpRule]:
    """Therapy of the version that is planned with the infusions: after each one, and once more after the
    last.
    """
    rules = [rule for rule in request.definition.follow_ups if rule.therapy and len(rule.repeat_days) == 1]
    chosen = [rule for rule in rules if rule.scope == "each_infusion" or last]
    return sorted(chosen, key=lambda rule: rule.scope != "each_infusion")


def _sessions(
    request: SeriesRequest, grid: SlotGrid, starts: IntArray, codes: Codes, *, last: bool
) -> tuple[SessionSpec, ...]:
    zone, weights = request.patient_zone or request.zone, request.weights
    free = request.therapy_free if request.therapy_free is not None else request.patient_free
    cleared = starts * SLOT_MINUTES + request.clearance_minutes
    rows = tuple(codes.therapists.index(item.code) for item in request.therapists)
    found = []
    for rule in planned_rules(request, last=last):
        length = slots_up(rule.duration_minutes)
        opens = np.maximum(cleared, grid.moments(cleared, rule.earliest, zone))
        if rule.after_night:
            night = cleared + Duration.of(hours=rule.night_hours).minutes
            opens = np.maximum(opens, np.maximum(grid.moments(cleared, NEXT_MORNING, zone), night))
        found.append(
            SessionSpec(
                kind=rule.kind,
                opens=-(-opens // SLOT_MINUTES),
                closes=grid.moments(cleared, rule.hard_latest, zone) // SLOT_MINUTES,
                prime=grid.moments(cleared, rule.target, zone) // SLOT_MINUTES,
                length=length,
                rows=rows,
                patient_free=_starts_in(grid, free, request.patient_busy, length),
                late_cost=weights.late_hour,
                other_cost=weights.therapist,
                missing_cost=weights.missing_session if rule.required else OPTIONAL_SESSION,
            )
        )
    return tuple(found)


def _gaps(request: SeriesRequest) -> tuple[GapRule, ...]:
    rules: dict[tuple[str, int], GapRule] = {}
    found = []
    for ordinal in range(request.first_ordinal + 1, request.definition.visits + 1):
        phase = phase_of(request, ordinal)
        longest = max(phase.gap_max_hours, request.long_gap.get(ordinal, 0))
        key = (phase.name, longest)
        rules.setdefault(key, gap_rule(phase, longest, request.weights.gap_hour))
        found.append(rules[key])
    return tuple(found)


def gap_rule(phase: SeriesPhase, longest_hours: int, hour_cost: int) -> GapRule:
    """Limits of a phase in slots, `hour_cost` per full hour off its target, one hour of clock-change
    tolerance.
    """
    longest = longest_hours * PER_HOUR
    gap = np.arange(longest + PER_HOUR + 1, dtype=np.int64)
    cost = hour_cost * (np.abs(gap - phase.gap_target_hours * PER_HOUR) // PER_HOUR)
    return GapRule(phase.gap_min_hours * PER_HOUR, longest, cost, tolerance=PER_HOUR)


def _nodes(request: SeriesRequest, grid: SlotGrid, starts: IntArray, preference: IntArray) -> IntArray:
    ordinals = range(request.first_ordinal, request.definition.visits + 1)
    return np.array([_node(request, grid, starts, preference, ordinal) for ordinal in ordinals])


def _node(
    request: SeriesRequest, grid: SlotGrid, starts: IntArray, preference: IntArray, ordinal: int
) -> IntArray:
    """Cost of each start for one visit; BIG where the visit may not start."""
    cost, weights = preference.copy(), request.weights
    pinned = request.pinned.get(ordinal)
    if pinned is not None:
        cost[starts != grid.floor(pinned)] = BIG
    else:
        allowed = np.isin(grid.weekdays, phase_of(request, ordinal).weekdays)
        barred = np.array([item in request.barred_days for item in grid.days], dtype=np.bool_)
        cost[~(allowed & ~barred)[grid.day_of(starts)]] = BIG
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
