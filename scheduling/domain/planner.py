"""One series, planned exactly: the page, the optimiser and the command ask here. Pure module.

`plan_series` gives the optimum with chairs, nurses, prescribers and the therapy inside each window; `options`
the next best starts of one visit. Nothing is written: the booking service books what is returned, all or
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from scheduling.domain.clinic_types import Laid, Placement, Seat
from scheduling.domain.localtime import in_words
from scheduling.domain.refusals import day_refusals, failure
from scheduling.domain.series_build import Setting, build, first_visit_cost, phase_of
from scheduling.domain.series_core import BIG, Chosen, backward, forward, solve, trace, trace_on
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
from scheduling.domain.slots import IntArray

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
    """The cheapest legal plan, or the reasons why there is none and, if allowed, what one long gap would
    allow.

    Raises InvalidInput for a request that cannot be read (empty span, no visit left).
    """
    (setting,) = build([request])
    return plan_alone(setting)[0]


def plan_alone(setting: Setting) -> tuple[SeriesPlan, Placement | None]:
    """The plan of `plan_series` and its placement, which is not booked; None when there is no plan."""
    laid = setting.clinic.lay(setting.case)
    chosen = solve(laid.problem)
    if chosen is None:
        offer = _long_gap(setting.request) if setting.request.long_gap_limit_hours else None
        return SeriesPlan((), failure(setting, laid), 0, {}, False, long_gap_offer=offer), None
    placement = setting.clinic.place(setting.case, laid, chosen)
    return plan_from(setting, laid, placement), placement


def plan_from(setting: Setting, laid: Laid, placement: Placement) -> SeriesPlan:
    """A placement in instants, codes and words; `laid` is what was free when it was made."""
    request, clinic = setting.request, setting.clinic
    visits = tuple(_visit(setting, placement, n) for n in range(len(placement.seats)))
    begins = (setting.in_span & -setting.in_span).bit_length() - 1
    first, last = placement.seats[0].start, placement.seats[-1].start
    refused = day_refusals(setting, laid, min(begins, first), last, request.first_ordinal)
    parts = cost_parts(setting, placement)
    at = np.searchsorted(laid.problem.starts, [seat.start for seat in placement.seats])
    parts["peak"] = int(clinic.peak_cost(setting.case, laid.problem.starts)[at].sum())
    warnings = _missing_in_words(request, visits)
    return SeriesPlan(visits, refused, placement.cost + parts["peak"], parts, True, warnings)


def cost_parts(setting: Setting, placement: Placement) -> dict[str, int]:
    """What the series' own cost is made of; the parts add up to it."""
    request, case = setting.request, setting.case
    starts = np.array([seat.start for seat in placement.seats])
    at = np.searchsorted(case.starts, starts)
    first = int(first_visit_cost(request, setting.grid, starts[:1])[0])
    nodes = int(case.node[np.arange(starts.size), at].sum())
    preference = int(setting.preference[at].sum())
    gaps = sum(
        int(rule.cost[after - before])
        for rule, before, after in zip(case.gaps, starts, starts[1:], strict=False)
    )
    other = sum(seat.prescriber != case.own_prescriber for seat in placement.seats)
    prescriber = case.prescriber_cost * other if case.own_prescriber is not None else 0
    parts = {
        "wait": first if request.previous_start is None else 0,
        "gap": gaps if request.previous_start is None else gaps + first,
        "preference": preference,
        "prescriber": prescriber,
        "moved": nodes - first - preference,
    }
    parts["therapy"] = placement.cost - sum(parts.values())
    return parts


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
    (setting,) = build([request])
    laid = setting.clinic.lay(setting.case)
    problem, visit = laid.problem, ordinal - request.first_ordinal
    if problem.starts.size == 0 or not 0 <= visit < problem.visits:
        return ()
    ahead, behind = forward(problem), backward(problem)
    total = ahead[visit] + behind[visit]
    most = OPTIONS_PER_DAY if keep_others is None else OPTIONS_PER_DAY_IN_PLACE
    base = _present(setting, laid, ahead) if total.min() < BIG else ()
    found: list[VisitOption] = []
    for at in _spread(setting, problem.starts, total, most)[:limit]:
        picks = (*trace(problem, ahead, at, visit), *trace_on(problem, behind, at, visit))
        moves = tuple(
            request.first_ordinal + n
            for n, (pick, slot) in enumerate(zip(picks, base, strict=True))
            if n != visit and int(problem.starts[pick]) != slot
        )
        placement = setting.clinic.place(setting.case, laid, Chosen(int(total[at]), picks))
        planned = _visit(setting, placement, visit)
        found.append(_option(planned, int(total[at] - total.min()), moves))
    return tuple(found)


def _spread(setting: Setting, starts: IntArray, total: IntArray, most: int) -> list[int]:
    """Candidates by cost, at most so many of one local day."""
    per_day: Counter[int] = Counter()
    days = setting.grid.day_of(starts)
    kept = []
    for at in np.argsort(total, kind="stable"):
        day = int(days[at])
        if total[at] < BIG and per_day[day] < most:
            per_day[day] += 1
            kept.append(int(at))
    return kept


def _present(setting: Setting, laid: Laid, ahead: IntArray) -> tuple[int, ...]:
    """Present start slot of every visit: `current` where known, else the optimum's."""
    problem, request = laid.problem, setting.request
    last = int(np.argmin(ahead[-1] + problem.last_cost))
    optimum = [int(problem.starts[pick]) for pick in trace(problem, ahead, last, problem.visits - 1)]
    known = {ordinal: setting.grid.floor(start) for ordinal, start in request.current.items()}
    return tuple(known.get(request.first_ordinal + n, slot) for n, slot in enumerate(optimum))


def _option(planned: PlannedVisit, extra: int, moves: tuple[int, ...]) -> VisitOption:
    return VisitOption(
        start=planned.start,
        end=planned.end,
        chair=planned.chair,
        nurse=planned.nurse,
        prescriber=planned.prescriber,
        extra_cost=extra,
        moves=moves,
        therapist=not planned.missing_therapy,
    )


def _stay(setting: Setting, seat: Seat, ordinal: int) -> tuple[datetime, datetime]:
    """Start and end; a pinned visit keeps its exact start even off the quarter hour."""
    pinned = setting.request.pinned.get(ordinal)
    start = setting.grid.instant(seat.start) if pinned is None else pinned.astimezone(UTC)
    return start, start + timedelta(minutes=setting.request.definition.chair_minutes)


def _visit(setting: Setting, placement: Placement, n: int) -> PlannedVisit:
    request, codes = setting.request, setting.codes
    definition, seat = request.definition, placement.seats[n]
    ordinal = request.first_ordinal + n
    start, end = _stay(setting, seat, ordinal)
    specs = setting.case.specs(len(placement.seats))[n]
    sittings = sorted(item for item in placement.sittings if item.visit == n)
    therapy = []
    for sitting in sittings:
        begin = setting.grid.instant(sitting.start)
        rule = definition.follow_up(specs[sitting.nth].kind)
        therapist = codes.therapists[sitting.therapist]
        therapy.append(
            PlannedTherapy(rule.kind, begin, begin + timedelta(minutes=rule.duration_minutes), therapist)
        )
    there = {sitting.nth for sitting in sittings}
    return PlannedVisit(
        ordinal=ordinal,
        start=start,
        end=end,
        chair_until=end + timedelta(minutes=definition.turnover_minutes),
        chair=codes.chairs[seat.chair],
        nurse=codes.nurses[seat.nurse],
        prescriber=codes.prescribers[seat.prescriber],
        t0_predicted=start + timedelta(minutes=request.clearance_minutes),
        therapy=tuple(therapy),
        missing_therapy=tuple(spec.kind for index, spec in enumerate(specs) if index not in there),
    )


def _long_gap(request: SeriesRequest) -> LongGapOffer | None:
    """The cheapest plan that one gap of up to the limit allows, tried at each gap in turn; None when none
    helps.
    """
    limit = request.long_gap_limit_hours or 0
    first = request.first_ordinal + (request.previous_start is None)
    stated = any(item.long_gap_max_hours for item in request.definition.phases)
    best: LongGapOffer | None = None
    for ordinal in range(first, request.definition.visits + 1):
        phase = phase_of(request, ordinal)
        most = phase.gap_max_hours
        longest = min(limit, phase.long_gap_max_hours or 0) if stated else limit
        if most >= longest:
            continue
        gaps = {**request.long_gap, ordinal: longest}
        plan = plan_series(replace(request, long_gap=gaps, long_gap_limit_hours=None))
        if plan.complete and (best is None or plan.cost < best.plan.cost):
            at = ordinal - request.first_ordinal
            before = plan.visits[at - 1].start if at else request.previous_start
            hours = 0 if before is None else -((before - plan.visits[at].start) // timedelta(hours=1))
            text = (
                f"One gap of {hours} h before infusion {ordinal} would make the series possible "
                f"(protocol maximum {most} h); a clinician must approve it"
            )
            best = LongGapOffer(ordinal, hours, text, plan)
    return best


def _missing_in_words(request: SeriesRequest, visits: tuple[PlannedVisit, ...]) -> tuple[Refusal, ...]:
    return tuple(
        Refusal(
            "no-therapist",
            f"No therapist free in the window after infusion {visit.ordinal}, "
            f"therapy from {in_words(visit.t0_predicted, request.zone)}",
            None,
            visit.ordinal,
        )
        for visit in visits
        if visit.missing_therapy
    )
