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

from scheduling.domain.occupancy import any_row
from scheduling.domain.slots import PER_HOUR, BoolArray, IntArray

BIG = 1 << 40
NEVER = 1 << 40
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


@dataclass(frozen=True)
class TherapyWindow:
    """One session after each candidate start: may begin at `opens`, must end by `closes`, is late after
    `prime`.

    own_next / other_next: for each slot the first slot at or after it where the own (another) therapist is
    free for the whole session, NEVER when none. late_cost per full hour late, missing_cost when left out.
    """

    kind: str
    opens: IntArray
    closes: IntArray
    prime: IntArray
    length: int
    own_next: IntArray
    other_next: IntArray
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


class _Way(NamedTuple):
    cost: IntArray
    end: IntArray
    starts: tuple[IntArray, ...]
    classes: tuple[int, ...]


def therapy_ways(windows: Sequence[TherapyWindow], size: int) -> TherapyWays:
    """Every undominated way to place the sessions, one after the other, after each of `size` candidate
    starts.
    """
    ways = [_Way(np.zeros(size, dtype=np.int64), np.full(size, -NEVER, dtype=np.int64), (), ())]
    for window in windows:
        ways = [longer for way in ways for longer in _with_session(way, window)]
    cost, end = np.array([way.cost for way in ways]), np.array([way.end for way in ways])
    best = cost.min(axis=0)
    best_end = np.where(cost == best, end, NEVER).min(axis=0)
    starts = np.array([way.starts for way in ways], dtype=np.int64)
    starts = starts.reshape(len(ways), len(windows), size).transpose(1, 0, 2)
    classes = tuple(zip(*(way.classes for way in ways), strict=True))
    return TherapyWays(cost, end, starts, classes, best, best_end)


def _with_session(way: _Way, window: TherapyWindow) -> list[_Way]:
    """The way with one more session: left out, with the own therapist, with another one."""
    nothing = np.full(way.end.shape, NEVER, dtype=np.int64)
    missing = _Way(way.cost + window.missing_cost, way.end, (*way.starts, nothing), (*way.classes, LEFT_OUT))
    longer = [missing]
    after = np.clip(np.maximum(window.opens, way.end), 0, window.own_next.size - 1)
    for kind, table, extra in ((OWN, window.own_next, 0), (OTHER, window.other_next, window.other_cost)):
        at = table[after]
        late = np.maximum(at - window.prime, 0) // PER_HOUR * window.late_cost
        fits = at + window.length <= window.closes
        cost = np.where(fits, way.cost + late + extra, BIG)
        end = np.where(fits, at + window.length, NEVER)
        longer.append(_Way(cost, end, (*way.starts, at), (*way.classes, kind)))
    return longer


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
    """Pairs (source, target) by target: group g is [first[g], first[g+1]), its target targets[g]."""

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
    first = np.concatenate(([0], np.cumsum(counts)[:-1])) if targets.size else np.zeros(0, dtype=np.int64)
    total = int(counts.sum())
    source = np.arange(total) - np.repeat(first - low[targets], counts)
    target = np.repeat(targets, counts)
    gap = kept[target] - kept[source]
    cost = rule.cost[gap]
    if rule.tolerance and problem.offsets is not None:
        back = problem.offsets[index]
        allowed = np.clip(back[source] - back[target], 0, rule.tolerance) + rule.maximum
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
    return any_row(problem.node < BIG)


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
        reached = np.minimum.reduceat(table[visit - 1][edges.source] + edges.cost, edges.first)
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
    return Chosen(int(total[at]), trace(problem, table, at))


def trace(problem: SeriesProblem, table: IntArray, last: int) -> tuple[int, ...]:
    """The picks of the cheapest series whose last visit is at candidate `last`."""
    picks = [last]
    for visit in range(problem.visits - 1, 0, -1):
        edges = problem.edges[visit - 1]
        group = int(np.searchsorted(edges.targets, picks[-1]))
        low = int(edges.first[group])
        high = int(edges.first[group + 1]) if group + 1 < edges.first.size else edges.source.size
        values = table[visit - 1][edges.source[low:high]] + edges.cost[low:high]
        picks.append(int(edges.source[low + int(np.argmin(values))]))
    return tuple(reversed(picks))


def chosen_way(ways: TherapyWays, at: int, limit: int) -> int:
    """Index of the cheapest way after candidate `at` that has ended by `limit`; earliest end among equals."""
    allowed = np.flatnonzero(ways.end[:, at] <= limit)
    order = np.lexsort((ways.end[allowed, at], ways.cost[allowed, at]))
    return int(allowed[order[0]])


def next_true(flags: BoolArray) -> IntArray:
    """For each slot 0..n the first slot at or after it where `flags` hold; NEVER when none (the last entry
    always).
    """
    size = flags.shape[0]
    table = np.full(size + 1, NEVER, dtype=np.int64)
    table[:size] = np.where(flags, np.arange(size), NEVER)
    return np.minimum.accumulate(table[::-1])[::-1]
