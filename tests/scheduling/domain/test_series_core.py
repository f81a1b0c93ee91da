"""The dynamic programme against trying everything, on small random series."""

from itertools import pairwise, product

import numpy as np
import pytest

from scheduling.domain.series_core import (
    BIG,
    NEVER,
    GapRule,
    SeriesProblem,
    TherapyWindow,
    backward,
    forward,
    solve,
    therapy_ways,
    trace,
    trace_on,
    with_end,
)

HORIZON = 60


def random_problem(seed: int):
    """A small series with one or two sessions per visit, and the same thing in plain Python for counting."""
    rng = np.random.default_rng(seed)
    visits = int(rng.integers(1, 4))
    starts = np.sort(rng.choice(40, size=int(rng.integers(1, 7)), replace=False)).astype(np.int64)
    node = rng.integers(0, 50, (visits, starts.size)).astype(np.int64)
    node[rng.random(node.shape) < 0.15] = BIG
    least, most = int(rng.integers(3, 8)), int(rng.integers(8, 20))
    gap = GapRule(least, most, rng.integers(0, 30, most + 1).astype(np.int64))
    windows, opens = [], starts + 2
    for _ in range(int(rng.integers(0, 3))):
        length = int(rng.integers(1, 4))
        closes = opens + rng.integers(2, 12)
        own, other = (
            np.flatnonzero(rng.random(HORIZON) < rng.choice([0.0, 0.1, 0.4])).astype(np.int64)
            for _ in range(2)
        )
        windows.append(
            TherapyWindow(
                opens=opens,
                closes=closes,
                prime=opens + int(rng.integers(0, 8)),
                length=length,
                own=with_end(own),
                other=with_end(other),
                late_cost=int(rng.integers(1, 9)),
                other_cost=int(rng.integers(0, 30)),
                missing_cost=int(rng.integers(10, 60)),
            )
        )
        opens = opens + int(rng.integers(0, 8))
    ways = therapy_ways(windows, starts.size)
    lead = int(rng.integers(0, 3))
    last_before = int(rng.choice([NEVER, 45]))
    problem = SeriesProblem(starts, node, (gap,) * (visits - 1), ways, ways, lead, None, last_before)
    return problem, windows, gap


def cheapest_therapy(windows, at: int, limit: int, after: int = -NEVER, n: int = 0) -> int:
    """Every way to place the sessions in order, one by one."""
    if n == len(windows):
        return 0
    window = windows[n]
    best = window.missing_cost + cheapest_therapy(windows, at, limit, after, n + 1)
    for free, extra in ((window.own, 0), (window.other, window.other_cost)):
        for start in free[:-1].tolist():
            end = start + window.length
            if max(window.opens[at], after) <= start and end <= window.closes[at] and end <= limit:
                late = max(0, start - window.prime[at]) // 4 * window.late_cost
                best = min(best, late + extra + cheapest_therapy(windows, at, limit, end, n + 1))
    return int(best)


def cheapest_series(problem, windows, gap) -> int:
    best = BIG
    for picks in product(range(problem.starts.size), repeat=problem.visits):
        starts = [int(problem.starts[pick]) for pick in picks]
        gaps = [b - a for a, b in pairwise(starts)]
        if any(not gap.minimum <= g <= gap.maximum for g in gaps):
            continue
        total = sum(int(problem.node[n, pick]) for n, pick in enumerate(picks))
        total += sum(int(gap.cost[g]) for g in gaps)
        for n, pick in enumerate(picks):
            following = starts[n + 1] if n + 1 < len(starts) else problem.last_before
            total += cheapest_therapy(windows, pick, following - problem.lead)
        best = min(best, total)
    return best


@pytest.mark.parametrize("seed", range(300))
def test_the_optimum_equals_trying_everything(seed):
    problem, windows, gap = random_problem(seed)
    found = solve(problem)
    wanted = cheapest_series(problem, windows, gap)
    assert (BIG if found is None else found.cost) == wanted


@pytest.mark.parametrize("seed", range(60))
def test_both_directions_agree_and_lead_to_the_same_cost(seed):
    problem, _, _ = random_problem(seed)
    ahead, behind = forward(problem), backward(problem)
    best = [int((ahead[n] + behind[n]).min()) for n in range(problem.visits)]
    found = solve(problem)
    if found is None:
        assert min(best) >= BIG
        return
    assert set(best) == {found.cost}
    for visit in range(problem.visits):
        at = int(np.argmin(ahead[visit] + behind[visit]))
        picks = (*trace(problem, ahead, at, visit), *trace_on(problem, behind, at, visit))
        assert len(picks) == problem.visits
        assert all(problem.node[n, pick] < BIG for n, pick in enumerate(picks))


def test_some_random_series_are_possible_and_some_are_not():
    """Guards the two tests above against comparing nothing with nothing."""
    found = [solve(random_problem(seed)[0]) for seed in range(300)]
    assert sum(item is None for item in found) > 20
    assert sum(item is not None for item in found) > 100


def test_the_maximum_gap_has_its_tolerance_only_where_the_clocks_went_back():
    starts = np.array([0, 388], dtype=np.int64)
    rule = GapRule(192, 384, np.zeros(389, dtype=np.int64), tolerance=4)
    nothing = therapy_ways([], 2)
    node = np.zeros((2, 2), dtype=np.int64)
    for offsets, possible in (
        ([8, 4], True),
        ([8, 8], False),
        ([4, 8], False),
        ([8, 6], False),
        (None, False),
    ):
        known = None if offsets is None else np.array(offsets)
        problem = SeriesProblem(starts, node, (rule,), nothing, nothing, 0, known)
        assert (solve(problem) is not None) is possible


def test_nothing_to_choose_from_is_no_series():
    nothing = therapy_ways([], 0)
    empty = np.zeros(0, dtype=np.int64)
    assert solve(SeriesProblem(empty, np.zeros((1, 0), dtype=np.int64), (), nothing, nothing)) is None
