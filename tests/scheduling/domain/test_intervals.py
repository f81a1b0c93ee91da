"""Half-open intervals: sums against a minute-by-minute count, and lanes that always fit."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.domain.intervals import (
    Interval,
    assign_lanes,
    covered,
    intersect,
    peak_load,
    subtract,
    union,
)
from staff.errors import Clash, InvalidInput

BASE = datetime(2026, 11, 23, tzinfo=UTC)


def at(minute: int) -> datetime:
    return BASE + timedelta(minutes=minute)


def part(start: int, end: int) -> Interval:
    return Interval(at(start), at(end))


parts = st.lists(
    st.tuples(st.integers(0, 120), st.integers(1, 40)).map(lambda pair: part(pair[0], pair[0] + pair[1])),
    max_size=12,
)


def minutes(items) -> set[int]:
    return {
        minute
        for item in items
        for minute in range(
            (item.start - BASE) // timedelta(minutes=1), (item.end - BASE) // timedelta(minutes=1)
        )
    }


def is_tidy(items) -> bool:
    return all(a.end < b.start for a, b in itertools.pairwise(items))


@settings(deadline=None)
@given(parts, parts)
def test_sums_equal_the_sums_of_their_minutes(left, right):
    assert minutes(union(left)) == minutes(left)
    assert minutes(subtract(left, right)) == minutes(left) - minutes(right)
    assert minutes(intersect(left, right)) == minutes(left) & minutes(right)


@settings(deadline=None)
@given(parts, parts)
def test_results_are_sorted_and_disjoint(left, right):
    assert is_tidy(union(left))
    assert all(
        a.end <= b.start for a, b in zip(subtract(left, right), subtract(left, right)[1:], strict=False)
    )


@settings(deadline=None)
@given(parts)
def test_lanes_always_fit_when_the_load_does(items):
    capacity = max(1, peak_load(items))
    lanes = assign_lanes(items, capacity)
    assert all(1 <= lane <= capacity for lane in lanes)
    for n, (item, lane) in enumerate(zip(items, lanes, strict=True)):
        for other, taken in list(zip(items, lanes, strict=True))[n + 1 :]:
            assert lane != taken or not item.overlaps(other)


@settings(deadline=None)
@given(parts.filter(lambda items: peak_load(items) > 1))
def test_one_lane_too_few_is_a_clash(items):
    with pytest.raises(Clash):
        assign_lanes(items, peak_load(items) - 1)


@settings(deadline=None)
@given(parts.filter(bool))
def test_a_fitting_order_of_lanes_is_kept(items):
    capacity = peak_load(items)
    lanes = assign_lanes(items, capacity)
    assert assign_lanes(items, capacity, lanes) == lanes


def test_a_lane_out_of_range_is_replaced():
    assert assign_lanes([part(0, 10)], 2, [7]) == (1,)


def test_touching_intervals_neither_overlap_nor_load():
    assert not part(0, 10).overlaps(part(10, 20))
    assert peak_load([part(0, 10), part(10, 20)]) == 1
    assert union([part(0, 10), part(10, 20)]) == (part(0, 20),)


def test_covered_asks_for_a_single_interval():
    assert covered([part(0, 20)], part(5, 10))
    assert not covered([part(0, 10), part(10, 20)], part(5, 15))


def test_naive_and_reversed_times_are_refused():
    with pytest.raises(InvalidInput):
        Interval(datetime(2026, 1, 1), at(0))
    with pytest.raises(InvalidInput):
        part(10, 10)
    with pytest.raises(InvalidInput):
        part(10, 9)
    with pytest.raises(InvalidInput):
        assign_lanes([], 0)


def test_length_counts_real_time_across_a_clock_change():
    """Two datetimes of one zone subtract by their wall clocks in Python; an interval must not."""
    berlin = ZoneInfo("Europe/Berlin")
    night = Interval(datetime(2026, 10, 24, 22, tzinfo=berlin), datetime(2026, 10, 25, 6, tzinfo=berlin))
    assert night.duration == timedelta(hours=9)
