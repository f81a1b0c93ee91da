"""What no joint plan can undercut: a bound that starts at the series' own optima and is tightened. Pure module, numpy.

Lagrangian relaxation: chairs, nurses and therapists get a price for every slot, so that the series no longer compete
and each is a shortest path again. For any prices at or above zero the sum of those paths, less what the priced room is
worth, is a bound; prices rise where too much is wanted and fall where room is left (subgradient steps). Chairs and
nurses are pooled and the one-start-per-slot rule is left out, which can only lower the bound: it stays one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scheduling.domain.clinic import Clinic
from scheduling.domain.clinic_types import Case, SessionSpec
from scheduling.domain.occupancy import Pool, to_flags
from scheduling.domain.series_core import BIG, IntArray, SeriesProblem, between

FloatArray = NDArray[np.float64]
NOT_POSSIBLE = 1e11
PATIENCE = 8  # rounds without a better bound before the steps are halved
LEAST_STEP = 0.01
# Steps aim so far above the best bound at most, as a share of it or of the target: first plans are much too dear.
REACH, LEAST_REACH = 0.15, 0.02
CALM = 0.7  # share of the former direction that is kept


class Prices(NamedTuple):
    """Points for using one chair, or one unit of nurse, in a slot; and each therapist in a slot."""

    chairs: FloatArray
    nurses: FloatArray
    therapists: FloatArray


class _Window(NamedTuple):
    """One session after each start: where it opens, what lateness costs at each slot from there, and its therapists."""

    spec: SessionSpec
    opens: IntArray
    late: NDArray[np.float32]
    able: tuple[tuple[int, NDArray[np.bool_], int], ...]


@dataclass(frozen=True)
class _Path:
    """One series on an empty clinic, with all that prices do not change."""

    case: Case
    problem: SeriesProblem
    kept: IntArray
    gap_cost: tuple[FloatArray, ...]
    inner: tuple[_Window, ...]
    last: tuple[_Window, ...]


class Bound:
    """The bound of several series in one clinic. `value` only ever rises; `tighten` makes one round."""

    def __init__(self, clinic: Clinic, cases: Sequence[Case]) -> None:
        self._slots, self._day_starts = clinic.slots, clinic.day_starts
        self._day_of = np.clip(clinic.day_of, 0, None)
        self._taken = clinic.chairs.taken().astype(np.float64)
        self._base_peak = np.maximum.reduceat(self._taken, self._day_starts)
        self._chairs = float(len(clinic.chairs))
        self._room = _free_units(clinic.nurses)
        self._open = np.zeros((len(clinic.therapists), self._slots))
        for row in range(len(clinic.therapists)):
            self._open[row] = to_flags(clinic.therapists.free(row), self._slots)
        self._peak_cost = max((case.peak_cost for case in cases), default=0)
        self._paths = [_path(clinic, case) for case in cases]
        self._lone = cases[0] if len(cases) == 1 else None
        self.prices = Prices(np.zeros(self._slots), np.zeros(self._slots), np.zeros_like(self._open))
        self._step, self._idle = 1.0, 0
        self._way: Prices | None = None
        self.value = 0
        self.done = not cases
        self._best = -math.inf

    def tighten(self, target: float) -> bool:
        """One round towards `target`, the cost of the best plan known; True when the bound rose."""
        value, slope = self._evaluate(self.prices)
        before = self.value
        self.value = max(self.value, math.ceil(value - 1e-6))
        self._idle = 0 if value > self._best + 2e-4 * abs(self._best) else self._idle + 1
        self._best = max(self._best, value)
        if self._idle >= PATIENCE:
            self._step, self._idle = self._step / 2, 0
        aim = self._best + max(REACH * abs(self._best), LEAST_REACH * target)
        self._move(slope, max(min(target, aim) - value, 0.0))
        self.done = self._step < LEAST_STEP or self.value >= target
        return self.value > before

    def guides(self) -> dict[str, IntArray]:
        """For each series what its own use of dear room costs the others, at each of its case's starts."""
        return {path.case.key: _guide(path, self.prices, self._slots) for path in self._paths}

    def _move(self, slope: Prices, missing: float) -> None:
        """A step along the slope, made calmer by the one before; prices never fall below zero."""
        held = slope
        if self._way is not None:
            held = Prices(*(CALM * a + b for a, b in zip(self._way, slope, strict=True)))
        # Where a price is zero already and the slope points down, the step would only waste its length.
        pairs = zip(self.prices, held, strict=True)
        held = Prices(*(np.where((price <= 0) & (part < 0), 0.0, part) for price, part in pairs))
        size = sum(float((part * part).sum()) for part in held)
        self._way = held
        if size <= 0 or missing <= 0:
            self.done = True
            return
        length = self._step * missing / size
        pairs = zip(self.prices, held, strict=True)
        self.prices = Prices(*(np.maximum(price + length * part, 0.0) for price, part in pairs))

    def _evaluate(self, prices: Prices) -> tuple[float, Prices]:
        """The bound at these prices, and by how much each slot is wanted more than there is room."""
        chairs, nurses, therapists = self._taken.copy(), -self._room, -self._open
        total = float((prices.chairs * self._taken).sum() - (prices.nurses * self._room).sum())
        total -= float((prices.therapists * self._open).sum())
        for path in self._paths:
            cost, starts, sittings = _cheapest(path, prices, self._slots)
            if cost >= path.case.unplanned_cost:
                total += path.case.unplanned_cost
                continue
            total += cost
            for start in starts:
                chairs[start : start + path.case.chair_length] += 1
                for offset, length, load in path.case.nurse_parts:
                    nurses[start + offset : start + offset + length] += load
            for row, begin, length in sittings:
                therapists[row, begin : begin + length] += 1
        worth = np.add.reduceat(prices.chairs, self._day_starts)
        peaks = self._peaks(worth)
        total += float((self._peak_cost * (peaks**2 - self._base_peak**2) - worth * peaks).sum())
        return total, Prices(chairs - peaks[self._day_of], nurses, therapists)

    def _peaks(self, worth: FloatArray) -> FloatArray:
        """For each day the peak that is cheapest when a chair is worth so much: cost of the square less worth."""
        if not self._peak_cost:
            return np.full(worth.shape, self._chairs)
        # The square's slope from n to n + 1 is 2n + 1: go on while it costs less than a chair is worth.
        wished = np.ceil((worth / self._peak_cost - 1) / 2)
        return np.clip(wished, self._base_peak, np.maximum(self._chairs, self._base_peak))


def tightened(
    bound: Bound,
    *,
    target: Callable[[], float],
    stop: Callable[[], bool],
    report: Callable[[int], None] | None = None,
) -> int:
    """Tighten until nothing more is gained or `stop()`; every better bound is reported."""
    while not bound.done and not stop():
        if bound.tighten(target()) and report is not None:
            report(bound.value)
    return bound.value


def _free_units(pool: Pool) -> FloatArray:
    """Units of all resources together that are on duty and free, slot by slot."""
    total = np.zeros(pool.slots)
    for row, capacity in enumerate(pool.capacity):
        for load in range(1, capacity + 1):
            total += to_flags(pool.fits(row, 0, 1, load), pool.slots)
    return total


def _path(clinic: Clinic, case: Case) -> _Path:
    laid = clinic.lay(replace(case, peak_cost=0))
    problem = laid.problem
    gaps = []
    for edges in problem.edges:
        therapy = between(problem.inner, edges.source, problem.starts[edges.target] - problem.lead)
        gaps.append((edges.cost - therapy).astype(np.float64))
    inner = tuple(_window(clinic, spec, laid.kept) for spec in case.inner)
    last = inner if case.last is case.inner else tuple(_window(clinic, spec, laid.kept) for spec in case.last)
    return _Path(case, problem, laid.kept, tuple(gaps), inner, last)


def _window(clinic: Clinic, spec: SessionSpec, kept: IntArray) -> _Window:
    opens, closes, prime = spec.opens[kept], spec.closes[kept], spec.prime[kept]
    width = max(1, int((closes - opens).max(initial=0)) - spec.length + 1)
    at = opens[:, None] + np.arange(width)
    late = np.maximum(at - prime[:, None], 0) // 4 * spec.late_cost
    late = np.where(at + spec.length <= closes[:, None], late, NOT_POSSIBLE).astype(np.float32)
    able = tuple(
        (row, to_flags(bits, clinic.slots), spec.other_cost if n else 0)
        for n, (row, bits) in enumerate(zip(spec.rows, clinic.free_therapists(spec), strict=True))
    )
    return _Window(spec, np.clip(opens, 0, clinic.slots), late, able)


def _over(price: FloatArray, length: int) -> FloatArray:
    """What using `length` slots from each slot on costs; slots behind the end are free."""
    sums = np.concatenate(([0.0], np.cumsum(price)))
    ends = np.minimum(np.arange(price.size) + length, price.size)
    found: FloatArray = sums[ends] - sums[:-1]
    return found


def _sitting_prices(window: _Window, prices: Prices, slots: int) -> tuple[FloatArray, IntArray]:
    """For each slot the cheapest therapist for a session that begins there, and who that is."""
    best, who = np.full(slots, NOT_POSSIBLE), np.zeros(slots, dtype=np.int64)
    for row, free, extra in window.able:
        cost = np.where(free, _over(prices.therapists[row], window.spec.length) + extra, NOT_POSSIBLE)
        better = cost < best
        best[better], who[better] = cost[better], row
    return best, who


class _Sat(NamedTuple):
    """Cheapest session after each start, or none: its cost, the slot (-1 = left out), and the therapist by slot."""

    cost: FloatArray
    begin: IntArray
    who: IntArray
    length: int


def _sat(window: _Window, prices: Prices, slots: int) -> _Sat:
    best, who = _sitting_prices(window, prices, slots)
    width = window.late.shape[1]
    padded = np.concatenate((best, np.full(width, NOT_POSSIBLE))).astype(np.float32)
    cost = np.lib.stride_tricks.sliding_window_view(padded, width)[window.opens] + window.late
    at = cost.argmin(axis=1)
    least = cost[np.arange(at.size), at].astype(np.float64)
    # Single precision is quick; a point of slack keeps the sum a bound.
    found = np.where(
        least < window.spec.missing_cost, np.maximum(least - 0.01, 0.0), window.spec.missing_cost
    )
    return _Sat(
        found, np.where(least < window.spec.missing_cost, window.opens + at, -1), who, window.spec.length
    )


def _stay_prices(path: _Path, prices: Prices, slots: int) -> FloatArray:
    """What chair and nurse cost at each start."""
    starts = path.problem.starts
    priced = _over(prices.chairs, path.case.chair_length)[starts]
    for offset, length, load in path.case.nurse_parts:
        priced = priced + load * _over(prices.nurses, length)[np.minimum(starts + offset, slots - 1)]
    return priced


def _guide(path: _Path, prices: Prices, slots: int) -> IntArray:
    guide = np.zeros(path.case.starts.size)
    if path.problem.starts.size:
        free = Prices(prices.chairs, prices.nurses, np.zeros_like(prices.therapists))
        dear = sum((_sat(window, prices, slots).cost for window in path.inner), np.zeros(path.kept.size))
        cheap = sum((_sat(window, free, slots).cost for window in path.inner), np.zeros(path.kept.size))
        guide[path.kept] = _stay_prices(path, prices, slots) + dear - cheap
    return np.rint(guide).astype(np.int64)


def _cheapest(path: _Path, prices: Prices, slots: int) -> tuple[float, list[int], list[tuple[int, int, int]]]:
    """(cost, starts, sessions as (therapist, slot, length)) of the cheapest way of one series at these prices."""
    problem = path.problem
    if problem.starts.size == 0:
        return NOT_POSSIBLE, [], []
    priced = _stay_prices(path, prices, slots)
    inner = [_sat(window, prices, slots) for window in path.inner]
    last = inner if path.last is path.inner else [_sat(window, prices, slots) for window in path.last]
    after = sum((item.cost for item in inner), np.zeros(problem.starts.size))
    finish = np.maximum(problem.last_cost, sum((item.cost for item in last), np.zeros(problem.starts.size)))
    table = [problem.node[0] + priced]
    costs = []
    for visit, edges in enumerate(problem.edges, start=1):
        cost = np.maximum(edges.cost, path.gap_cost[visit - 1] + after[edges.source])
        costs.append(cost)
        reached = np.full(problem.starts.size, NOT_POSSIBLE)
        if edges.source.size:
            reached[edges.targets] = np.minimum.reduceat(table[-1][edges.source] + cost, edges.first[:-1])
        table.append(reached + problem.node[visit] + priced)
    total = table[-1] + finish
    at = int(total.argmin())
    if total[at] >= min(NOT_POSSIBLE, BIG):
        return NOT_POSSIBLE, [], []
    picks = [at]
    for visit in range(problem.visits - 2, -1, -1):
        edges = problem.edges[visit]
        group = int(edges.targets.searchsorted(picks[-1]))
        low, high = int(edges.first[group]), int(edges.first[group + 1])
        sources = edges.source[low:high]
        picks.append(int(sources[int((table[visit][sources] + costs[visit][low:high]).argmin())]))
    sittings = []
    for n, pick in enumerate(picks):
        for item in last if n == 0 else inner:
            begin = int(item.begin[pick])
            if begin >= 0:
                sittings.append((int(item.who[begin]), begin, item.length))
    return float(total[at]), [int(problem.starts[pick]) for pick in picks], sittings
