"""The prepared rows of the vitals grid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sessions.monitoring import AFTER_GRID, GRID_TOLERANCE, next_due, vitals_grid

START = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)
MINUTES = (-10, 0, 10, 20, 30, 40, 55, 70, 85, 100, 120)
MINUTE = timedelta(minutes=1)


def grid(readings, now):
    return vitals_grid(
        MINUTES,
        start=START,
        readings=[START + minute * MINUTE for minute in readings],
        now=START + now * MINUTE,
    )


def test_a_reading_counts_for_the_row_it_is_nearest_to():
    taken = [slot.minute for slot in grid([-8, 1, 13], 14) if slot.taken]
    assert taken == [-10, 0, 10]


def test_a_row_is_overdue_after_four_minutes_and_not_before():
    at_limit = grid([-10, 0], 10 + GRID_TOLERANCE / MINUTE)
    assert [slot.minute for slot in at_limit if slot.overdue] == []
    late = grid([-10, 0], 10.5 + GRID_TOLERANCE / MINUTE)
    assert [slot.minute for slot in late if slot.overdue] == [10]


def test_the_next_row_is_the_first_after_the_last_one_taken():
    assert next_due(grid([0, 20], 22), last_reading=START + 20 * MINUTE) == START + 30 * MINUTE
    assert next_due(grid([], 0), last_reading=None) == START - 10 * MINUTE


def test_after_the_grid_every_half_hour():
    last = START + 125 * MINUTE
    assert next_due(grid([120, 125], 126), last_reading=last) == last + AFTER_GRID


@given(
    st.lists(st.integers(min_value=-20, max_value=200), max_size=20),
    st.integers(min_value=-20, max_value=200),
)
def test_every_row_is_there_once_and_never_both_taken_and_overdue(readings, now):
    slots = grid(readings, now)
    assert tuple(slot.minute for slot in slots) == MINUTES
    assert not any(slot.taken and slot.overdue for slot in slots)
    due = next_due(slots, last_reading=START if readings else None)
    assert (
        due is None
        or due == START + AFTER_GRID
        or any(slot.due_at == due and not slot.taken for slot in slots)
    )
