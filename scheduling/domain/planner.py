"""One series, planned exactly: the page, the optimiser and the command ask here. Pure module.

`plan_series` gives the optimum with chairs, nurses, prescribers and the therapy inside each window; `options`
the next best starts of one visit. Nothing is written: the booking service books what is returned, all or
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from scheduling.domain.localtime import in_words
from scheduling.domain.refusals import day_refusals, failure
from scheduling.domain.series_build import Setting, build, first_visit_cost, phase_of
from scheduling.domain.series_core import (
    BIG,
    LEFT_OUT,
    OWN,
    TherapyWays,
    TherapyWindow,
    backward,
    chosen_way,
    forward,
    solve,
    trace,
)
from scheduling.domain.series_types import (
    LongGapOffer,
    PlannedTherapy,
    PlannedVisit,
    Refusal,
    Resource,
    SeriesPlan,
    SeriesRequest,
    VisitOption,
    Weights,
)
from scheduling.domain.slots import PER_HOUR, IntArray

__all__ = [
    "LongGapOffer",
    "PlannedTherapy",
    "PlannedVisit",
    "Refusal",
    "Resource",
    "SeriesPlan",
    "SeriesRequest",
    "VisitOption",
    "Weights",
    "options",
    "plan_series",
]

OPTIONS_PER_DAY = 2
OPTIONS_PER_DAY_IN_PLACE = 8


def plan_series(request: SeriesRequest) -> SeriesPlan:
    """The cheapest legal plan, or the reasons why there is none and, if allowed, what one long gap would make
    possible.

    Raises InvalidInput for a request that cannot be read (empty span, no visit left).
    """
    setting = build(request)
    chosen = solve(setting.problem)
    if chosen is None:
        offer = _long_gap(request) if request.long_gap_limit_hours else None
        return SeriesPlan((), failure(setting), 0, {}, False, long_gap_offer=offer)
    visits, parts = _assemble(setting, chosen.picks)
    first, last = (int(setting.starts[pick]) for pick in (chosen.picks[0], chosen.picks[-1]))
    begins = int(np.flatnonzero(setting.in_span)[0])
    refused = day_refusals(setting, min(begins, first), last, request.first_ordinal)
    return SeriesPlan(visits, refused, chosen.cost, parts, True, _missing_in_words(request, visits))


def options(
    request: SeriesRequest, ordinal: int, limit: int = 12, keep_others: Mapping[int, datetime] | None = None
) -> tuple[VisitOption, ...]:
    """The best starts of one visit, best first, at most two per local day (eight when the others stay).

    keep_others: starts of the other visits; then only options that leave all of them where they are. Without
    it an option may move others, and `moves` names those that differ from the present plan (`current`, else
    the optimum).
    """
    if keep_others is not None:
        others = {key: start for key, start in keep_others.items() if key != ordinal}
        pins = {key: start for key, start in request.pinned.items() if key != ordinal}
        request = replace(request, pinned={**pins, **others})
    setting = build(request)
    problem, visit = setting.problem, ordinal - request.first_ordinal
    if problem.starts.size == 0 or not 0 <= visit < problem.visits:
        return ()
    ahead, behind = forward(problem), backward(problem)
    total = ahead[visit] + behind[visit]
    best = int(total.min())
    if best >= BIG:
        return ()
    base = _present(setting, ahead)
    per_day_limit = OPTIONS_PER_DAY if keep_others is None else OPTIONS_PER_DAY_IN_PLACE
    found: list[VisitOption] = []
    per_day: Counter[int] = Counter()
    days = setting.grid.day_of(setting.starts)
    for at in np.argsort(total, kind="stable"):
        if total[at] >= BIG or len(found) == limit:
            break
        if per_day[int(days[at])] < per_day_limit:
            per_day[int(days[at])] += 1
            picks = (*trace_to(setting, ahead, visit, int(at)), *_trace_on(setting, behind, visit, int(at)))
            found.append(
                _option(setting, int(at), int(total[at]) - best, _moved(setting, picks, base, visit))
            )
    return tuple(found)


def trace_to(setting: Setting, ahead: IntArray, visit: int, at: int) -> tuple[int, ...]:
    """The picks of visits 0..visit of the cheapest way that has `visit` at candidate `at`."""
    problem = setting.problem
    shorter = replace(problem, node=problem.node[: visit + 1], gaps=problem.gaps[:visit])
    shorter.__dict__["edges"] = problem.edges[:visit]
    return trace(shorter, ahead, at)


def _trace_on(setting: Setting, behind: IntArray, visit: int, at: int) -> tuple[int, ...]:
    problem = setting.problem
    picks: list[int] = []
    for step in range(visit, problem.visits - 1):
        edges = problem.edges[step]
        mine = np.flatnonzero(edges.source == at)
        reached = edges.target[mine]
        values = edges.cost[mine] + problem.node[step + 1][reached] + behind[step + 1][reached]
        at = int(reached[int(np.argmin(values))])
        picks.append(at)
    return tuple(picks)


def _present(setting: Setting, ahead: IntArray) -> tuple[int, ...]:
    """Present start slot of every visit: `current` where known, else the optimum's."""
    problem, request = setting.problem, setting.request
    last = int(np.argmin(ahead[-1] + problem.last_cost))
    optimum = [int(setting.starts[pick]) for pick in trace(problem, ahead, last)]
    known = {ordinal: setting.grid.floor(start) for ordinal, start in request.current.items()}
    return tuple(known.get(request.first_ordinal + n, slot) for n, slot in enumerate(optimum))


def _moved(setting: Setting, picks: tuple[int, ...], base: tuple[int, ...], visit: int) -> tuple[int, ...]:
    first = setting.request.first_ordinal
    return tuple(
        first + n
        for n, (pick, slot) in enumerate(zip(picks, base, strict=True))
        if n != visit and int(setting.starts[pick]) != slot
    )


def _option(setting: Setting, at: int, extra: int, moves: tuple[int, ...]) -> VisitOption:
    visit = _Seats(setting).seat(setting.request.first_ordinal, at)
    return VisitOption(visit.start, visit.end, visit.chair, visit.nurse, visit.prescriber, extra, moves)


def _long_gap(request: SeriesRequest) -> LongGapOffer | None:
    """The cheapest plan that one gap of up to the limit allows, tried at each gap in turn; None when none
    helps.
    """
    limit = request.long_gap_limit_hours or 0
    first = request.first_ordinal + (request.previous_start is None)
    best: LongGapOffer | None = None
    for ordinal in range(first, request.definition.visits + 1):
        if phase_of(request, ordinal).gap_max_hours >= limit:
            continue
        gaps = {**request.long_gap, ordinal: limit}
        plan = plan_series(replace(request, long_gap=gaps, long_gap_limit_hours=None))
        if plan.complete and (best is None or plan.cost < best.plan.cost):
            at = ordinal - request.first_ordinal
            before = plan.visits[at - 1].start if at else request.previous_start
            hours = 0 if before is None else -((before - plan.visits[at].start) // timedelta(hours=1))
            most = phase_of(request, ordinal).gap_max_hours
            text = (
                f"One gap of {hours} h before infusion {ordinal} would make the series possible "
                f"(protocol maximum {most} h); a clinician must approve it"
            )
            best = LongGapOffer(ordinal, hours, text, plan)
    return best


@dataclass
class _Seats:
    """Hands out chair, nurse and prescriber: tightest chair, the nurse seen most often, the own prescriber if
    free.
    """

    setting: Setting
    seen: Counter[int] = field(default_factory=Counter)

    def seat(self, ordinal: int, at: int) -> PlannedVisit:
        setting, request = self.setting, self.setting.request
        slot = int(setting.starts[at])
        nurse = max(np.flatnonzero(setting.nurses[:, slot]), key=lambda row: (self.seen[int(row)], -row))
        self.seen[int(nurse)] += 1
        pinned = request.pinned.get(ordinal)
        start = setting.grid.instant(slot) if pinned is None else pinned.astimezone(setting.grid.base.tzinfo)
        end = start + timedelta(minutes=request.definition.chair_minutes)
        return PlannedVisit(
            ordinal=ordinal,
            start=start,
            end=end,
            chair_until=end + timedelta(minutes=request.definition.turnover_minutes),
            chair=request.chairs[_tightest_chair(setting, slot)].code,
            nurse=request.nurses[int(nurse)].code,
            prescriber=request.prescribers[_prescriber(setting, slot)].code,
            t0_predicted=start + timedelta(minutes=request.clearance_minutes),
        )


def _tightest_chair(setting: Setting, slot: int) -> int:
    """The free chair that leaves the smallest hole before this stay: long stays still fit elsewhere."""
    rows = np.flatnonzero(setting.chairs[:, slot])
    day = int(setting.grid.day_starts[int(setting.grid.day_of(np.array([slot]))[0])])
    fits_before = setting.chairs[rows, day : slot + 1][:, ::-1]
    idle = np.where(fits_before.all(axis=1), fits_before.shape[1], np.argmin(fits_before, axis=1))
    return int(rows[int(np.argmin(idle))])


def _prescriber(setting: Setting, slot: int) -> int:
    rows = [int(row) for row in np.flatnonzero(setting.prescribers[:, slot])]
    codes = [item.code for item in setting.request.prescribers]
    own = setting.request.own_prescriber
    return codes.index(own) if own in codes and codes.index(own) in rows else rows[0]


def _assemble(setting: Setting, picks: tuple[int, ...]) -> tuple[tuple[PlannedVisit, ...], dict[str, int]]:
    """Visits with their people and therapy, and what the cost is made of."""
    request, problem, seats = setting.request, setting.problem, _Seats(setting)
    parts: Counter[str] = Counter(
        {name: int(sum(part[list(picks)])) for name, part in setting.node_parts.items()}
    )
    visits = []
    for n, pick in enumerate(picks):
        last = n == len(picks) - 1
        ways, windows = (
            (problem.last, setting.last_windows) if last else (problem.inner, setting.inner_windows)
        )
        limit = problem.last_before if last else int(setting.starts[picks[n + 1]])
        way = chosen_way(ways, pick, limit - problem.lead)
        therapy, missing = _therapy(setting, windows, ways, pick, way, limit - problem.lead)
        parts["therapy"] += int(ways.cost[way, pick])
        if n:
            parts["gap"] += int(
                problem.gaps[n - 1].cost[int(setting.starts[pick] - setting.starts[picks[n - 1]])]
            )
        visit = seats.seat(request.first_ordinal + n, pick)
        visits.append(replace(visit, therapy=therapy, missing_therapy=missing))
    first = first_visit_cost(request, setting.grid, setting.starts)
    parts["wait" if request.previous_start is None else "gap"] += int(first[picks[0]])
    whole = sum(int(problem.node[n][pick]) for n, pick in enumerate(picks))
    counted = sum(parts[name] for name in setting.node_parts) + int(first[picks[0]])
    parts["moved"] = whole - counted
    return tuple(visits), dict(parts)


def _therapy(
    setting: Setting, windows: tuple[TherapyWindow, ...], ways: TherapyWays, at: int, way: int, limit: int
) -> tuple[tuple[PlannedTherapy, ...], tuple[str, ...]]:
    """Sessions of one visit, in order. Among starts of equal cost the one nearest to the target."""
    found, missing = [], []
    earliest = 0
    for n, window in enumerate(windows):
        kind = ways.classes[n][way]
        if kind == LEFT_OUT:
            missing.append(window.kind)
            continue
        later = [
            int(ways.starts[m][way, at])
            for m in range(n + 1, len(windows))
            if ways.classes[m][way] != LEFT_OUT
        ]
        until = min([limit, int(window.closes[at]), *later])
        slot = _nearest_equal(setting, window, kind, max(earliest, int(window.opens[at])), until, at)
        therapist = _therapist(setting, window.length, kind, slot)
        start = setting.grid.instant(slot)
        minutes = setting.request.definition.follow_up(window.kind).duration_minutes
        found.append(PlannedTherapy(window.kind, start, start + timedelta(minutes=minutes), therapist))
        earliest = slot + window.length
    return tuple(found), tuple(missing)


def _nearest_equal(
    setting: Setting, window: TherapyWindow, kind: int, earliest: int, until: int, at: int
) -> int:
    """The start nearest to the target among those as cheap as the earliest one."""
    table = window.own_next if kind == OWN else window.other_next
    slot = int(table[earliest])
    prime = int(window.prime[at])
    best = slot

    def late(start: int) -> int:
        return max(0, start - prime) // PER_HOUR

    cheapest = late(slot)
    while slot + window.length <= until and late(slot) == cheapest:
        if abs(slot - prime) < abs(best - prime):
            best = slot
        slot = int(table[slot + 1])
    return best


def _therapist(setting: Setting, length: int, kind: int, slot: int) -> str:
    rows = [int(row) for row in np.flatnonzero(setting.therapists[length][:, slot])]
    row = rows[0] if kind == OWN else next(item for item in rows if item > 0)
    return setting.request.therapists[row].code


def _missing_in_words(request: SeriesRequest, visits: tuple[PlannedVisit, ...]) -> tuple[Refusal, ...]:
    zone = request.zone
    return tuple(
        Refusal(
            "no-therapist",
            f"No therapist free in the window after infusion {visit.ordinal}, "
            f"therapy from {in_words(visit.t0_predicted, zone)}",
            None,
            visit.ordinal,
        )
        for visit in visits
        if visit.missing_therapy
    )
