"""The hour of tolerance on the longest gap belongs to clock changes alone."""

from __future__ import annotations

import numpy as np

from protocols.library import SIX_IN_THREE_WEEKS
from scheduling.domain.series_build import gap_rule
from scheduling.domain.series_core import BIG, SeriesProblem, build_edges, therapy_ways


def problem(offsets):
    starts = np.array([0, 4 * 96, 4 * 96 + 1, 4 * 97, 4 * 97 + 1], dtype=np.int64)
    rule = gap_rule(SIX_IN_THREE_WEEKS.phases[0], 96, 1)
    nothing = therapy_ways((), starts.size)
    node = np.zeros((2, starts.size), dtype=np.int64)
    built = SeriesProblem(starts, node, (rule,), nothing, nothing, offsets=offsets)
    edges = build_edges(built, rule)
    return {
        int(starts[t])
        for s, t, c in zip(edges.source, edges.target, edges.cost, strict=True)
        if s == 0 and c < BIG
    }


def test_ninety_six_hours_are_the_end_without_a_clock_change():
    assert problem(None) == {4 * 96}


def test_ninety_seven_hours_are_the_end_when_the_clocks_went_back():
    back = np.array([-28, -32, -32, -32, -32], dtype=np.int64)
    assert problem(back) == {4 * 96, 4 * 96 + 1, 4 * 97}
