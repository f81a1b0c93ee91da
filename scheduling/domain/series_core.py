"""The exact planner of one series: a dynamic programme over (infusion number, start slot). Pure module,
numpy.

Costs are whole numbers and additive over infusions and gaps; therapy sits between consecutive infusions. That
makes the series a shortest path: f[k][j] = node[k][j] + min over i of f[k-1][i] + gap(i, j) + therapy(i,
before j). The product's planner and the benchmark command build a `SeriesProblem` each in their own way and
share everything here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from scheduling.domain.slots import PER_HOUR, BoolArray, IntArray

BIG = 1 << 40
NEVER = 1 << 40
RANK = 1 << 20  # above every slot number: orders pairs (cost, slot) as one whole number
LEFT_OUT, OWN, OTHER = 0, 1, 2


@dataclass(frozen=True)
class GapRule:
    """Gaps in [minimum, maximum] slots and `cost[gap]` for each; `tolerance` slots more across a clock
    change.
    """

    minimum: int
    maximum: int
    cost: IntArray
    tolerance: int = 0


@dataclass(frozen=True, eq=False)
class TherapyWindow:
    """One session after each candidate start: may begin at `opens`, must end by `closes`, is late after
    `prime`.

    own / other: rising slots at which the own (another) therapist and the patient are free for the whole
    session, with NEVER as the last entry. late_cost per full hour late, missing_cost when left out.
    """

    opens: IntArray
    closes: IntArray
    prime: IntArray
    length: int
    own: IntArray
    other: IntArray
    late_cost: int
    other_cost: int
    missing_cost: int


class TherapyWays(NamedTuple):
    """Ways to place all sessions after each candidate: cost and end slot [ways, K], start slots [sessions,
    ways, K].

    `classes[session][way]` says own, other or left out. For one class of therapist the earliest start
    dominates every later one (lateness never falls), so these few ways contain an optimum.
    """

    cost: IntArray
    end: IntArray
    starts: IntArray
    classes: tuple[tuple[int, ...], ...]
    best: IntArray
    best_end: IntArray


def therapy_ways(windows: Sequence[TherapyWindow], size: int) -> TherapyWays:
    """Every undominated way to place the sessions, one after the other, after each of `size` candidate starts.

    Ways are numbered in base three: the last session's class is the lowest digit.
    """
    count = 3 ** len(windows)
    cost = np.zeros((1, size), dtype=np.int64)
    end = np.full((1, size), -NEVER, dtype=np.int64)
    starts = np.full((len(windows), count, size), NEVER, dtype=np.int64)
    for number, window in enumerate(windows):
        cost, end, begun = _with_session(cost, end, window)
        starts[number] = np.repeat(begun, count // begun.shape[0], axis=0)
    best = cost.min(axis=0)
    best_end = np.where(cost == best, end, NEVER).min(axis=0)
    classes = tuple(tuple(way // 3**n % 3 for way in range(count)) for n in reversed(range(len(windows))))
    return TherapyWays(cost, end, starts, classes, best, best_end)


def _with_session(
    cost: IntArray, end: IntArray, window: TherapyWindow
) -> tuple[IntArray, IntArray, IntArray]:
    """Cost, end and start of three ways for each way so far: the session left out, with the own therapist, another."""
    ways, size = cost.shape
    costs, ends, starts = (np.full((ways, 3, size), NEVER, dtype=np.int64) for _ in range(3))
    costs[:, LEFT_OUT], ends[:, LEFT_OUT] = cost + window.missing_cost, end
    after = np.maximum(window.opens, end)
    for kind, free, extra in ((OWN, window.own, 0), (OTHER, window.other, window.other_cost)):
        at = free[np.minimum(free.searchsorted(after), free.size - 1)]
        over = at + window.length
        late = np.maximum(at - window.prime, 0) // PER_HOUR * window.late_cost
        fits = over <= window.closes
        starts[:, kind] = at
        costs[:, kind] = np.where(fits, cost + late + extra, BIG)
        ends[:, kind] = np.where(fits, over, NEVER)
    longer = (3 * ways, size)
    return costs.reshape(longer), ends.reshape(longer), starts.reshape(longer)


@dataclass(frozen=True)
class SeriesProblem:
    """Everything the dynamic programme needs. `starts` rise; node[k][i] >= BIG forbids start i for visit k.

    inner: therapy after each visit but the last, over `lead` slots before the next start; last: after the
    last visit. offsets: UTC offset of the zone at each start, in slots, for the tolerance of the maximum gap;
    None = no changes.
    """

    starts: IntArray
    node: IntArray
    gaps: tuple[GapRule, ...]
    inner: TherapyWays
    last: TherapyWays
    lead: int = 0
    offsets: IntArray | None = None
    last_before: int = NEVER

    @property
    def visits(self) -> int:
        """Number of visits to place."""
        return int(self.node.shape[0])

    @cached_property
    def edges(self) -> tuple[Edges, ...]:
        """Allowed pairs of consecutive starts for every gap; equal rules share one table."""
        known: dict[int, Edges] = {}
        for rule in self.gaps:
            if id(rule) not in known:
                known[id(rule)] = build_edges(self, rule)
        return tuple(known[id(rule)] for rule in self.gaps)

    @cached_property
    def last_cost(self) -> IntArray:
        """Cost of the therapy after the last visit at each candidate, ending `lead` before `last_before`."""
        limit = self.last_before - self.lead
        cost: IntArray = np.where(self.last.end <= limit, self.last.cost, BIG).min(axis=0)
        return cost


class Edges(NamedTuple):
    """Pairs (source, target) by target: group g is [first[g], first[g + 1]), its target targets[g]."""

    source: IntArray
    target: IntArray
    cost: IntArray
    first: IntArray
    targets: IntArray


def build_edges(problem: SeriesProblem, rule: GapRule) -> Edges:
    """All pairs whose gap is allowed, with gap cost and the best therapy that fits in between."""
    starts, usable = problem.starts, _usable(problem)
    index = np.flatnonzero(usable)
    kept = starts[index]
    tolerance = rule.tolerance if problem.offsets is not None else 0
    low = np.searchsorted(kept, kept - rule.maximum - tolerance, side="left")
    high = np.searchsorted(kept, kept - rule.minimum, side="right")
    counts = np.maximum(high - low, 0)
    targets = np.flatnonzero(counts)
    counts = counts[targets]
    first = np.concatenate(([0], np.cumsum(counts)))
    source = np.arange(int(first[-1])) - np.repeat(first[:-1] - low[targets], counts)
    target = np.repeat(targets, counts)
    gap = kept[target] - kept[source]
    cost = rule.cost[gap]
    if tolerance and problem.offsets is not None:
        back = problem.offsets[index]
        allowed = np.clip(back[source] - back[target], 0, tolerance) + rule.maximum
        cost = np.where(gap <= allowed, cost, BIG)
    source, target, targets = index[source], index[target], index[targets]
    cost = cost + between(problem.inner, source, starts[target] - problem.lead)
    return Edges(source, target, cost, first, targets)


def between(ways: TherapyWays, source: IntArray, limit: IntArray) -> IntArray:
    """Cheapest therapy after each source that has ended by its limit."""
    cost = ways.best[source]
    tight = np.flatnonzero(ways.best_end[source] > limit)
    if tight.size:
        at = source[tight]
        options = np.where(ways.end[:, at] <= limit[tight], ways.cost[:, at], BIG)
        cost[tight] = options.min(axis=0)
    return cost


def _usable(problem: SeriesProblem) -> BoolArray:
    usable: BoolArray = np.logical_or.reduce(problem.node < BIG, axis=0)
    return usable


@dataclass(frozen=True)
class Chosen:
    """An optimal series: total cost and the index into `starts` of every visit."""

    cost: int
    picks: tuple[int, ...]


def forward(problem: SeriesProblem) -> IntArray:
    """f[k][j]: cheapest way to place visits 0..k with visit k at start j, without the therapy after it."""
    table = np.full(problem.node.shape, BIG, dtype=np.int64)
    table[0] = problem.node[0]
    for visit, edges in enumerate(problem.edges, start=1):
        if edges.source.size == 0:
            break
        reached = np.minimum.reduceat(table[visit - 1][edges.source] + edges.cost, edges.first[:-1])
        table[visit][edges.targets] = np.minimum(reached + problem.node[visit][edges.targets], BIG)
    return np.minimum(table, BIG)


def backward(problem: SeriesProblem) -> IntArray:
    """b[k][i]: cheapest way to finish after visit k stands at start i, its own therapy included."""
    table = np.full(problem.node.shape, BIG, dtype=np.int64)
    table[-1] = problem.last_cost
    for visit in range(problem.visits - 2, -1, -1):
        edges = problem.edges[visit]
        onward = table[visit + 1] + problem.node[visit + 1]
        np.minimum.at(table[visit], edges.source, onward[edges.target] + edges.cost)
    return np.minimum(table, BIG)


def solve(problem: SeriesProblem) -> Chosen | None:
    """The optimum, or None when the series cannot be placed. Of equal series the one with the earliest last
    visit.
    """
    if problem.starts.size == 0:
        return None
    table = forward(problem)
    total = table[-1] + problem.last_cost
    at = int(np.argmin(total))
    if total[at] >= BIG:
        return None
    return Chosen(int(total[at]), trace(problem, table, at, problem.visits - 1))


def trace(problem: SeriesProblem, table: IntArray, at: int, visit: int) -> tuple[int, ...]:
    """The picks of visits 0..`visit` of the cheapest way that has `visit` at candidate `at`; table from
    `forward`.
    """
    picks = [at]
    for before in range(visit - 1, -1, -1):
        edges = problem.edges[before]
        group = int(edges.targets.searchsorted(picks[-1]))
        low, high = int(edges.first[group]), int(edges.first[group + 1])
        sources = edges.source[low:high]
        picks.append(int(sources[int((table[before][sources] + edges.cost[low:high]).argmin())]))
    return tuple(reversed(picks))


def trace_on(problem: SeriesProblem, table: IntArray, at: int, visit: int) -> tuple[int, ...]:
    """The picks after `visit` of the cheapest way on from candidate `at`; table from `backward`."""
    picks: list[int] = []
    for step in range(visit, problem.visits - 1):
        edges = problem.edges[step]
        mine = np.flatnonzero(edges.source == at)
        reached = edges.target[mine]
        values = edges.cost[mine] + problem.node[step + 1][reached] + table[step + 1][reached]
        at = int(reached[int(np.argmin(values))])
        picks.append(at)
    return tuple(picks)


def chosen_ways(ways: TherapyWays, at: IntArray, limits: IntArray) -> IntArray:
    """For each candidate in `at` the cheapest way that has ended by its limit; the earliest end among equals."""
    ends = ways.end[:, at]
    rank = ways.cost[:, at] * RANK + np.clip(ends, 0, RANK - 1)
    found: IntArray = np.argmin(np.where(ends <= limits, rank, BIG * RANK), axis=0)
    return found


def with_end(slots: IntArray) -> IntArray:
    """Rising slots with NEVER behind them, as `TherapyWindow` wants them."""
    return np.append(slots, NEVER)
