"""The window of one infusion: phases, cuts, states and the union for display."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.definition import WindowRule
from scheduling.domain.intervals import Interval
from scheduling.domain.windows import merge, no_therapy_period, plasticity_window, window_state
from staff.errors import InvalidInput

RULE = WindowRule()
T0 = datetime(2026, 11, 24, 15, 29, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_an_uncut_window_has_the_offsets_of_its_rule():
    window = plasticity_window(T0, RULE)
    assert (window.opens, window.practice_from, window.core_until, window.tail_until) == (
        T0,
        T0 + 16 * HOUR,
        T0 + 96 * HOUR,
        T0 + timedelta(days=14),
    )
    assert window.weekly_until == window.tail_until
    assert plasticity_window(T0, RULE, last=True).weekly_until == T0 + timedelta(weeks=14)


@settings(deadline=None)
@given(st.integers(-10, 400), st.booleans())
def test_nothing_of_a_window_reaches_into_the_next_infusion(hours, last):
    start = T0 + hours * HOUR
    window = plasticity_window(T0, RULE, next_infusion_start=start, last=last)
    moments = [window.opens, window.practice_from, window.core_until, window.tail_until, window.weekly_until]
    assert moments == sorted(moments)
    assert all(moment <= max(start, T0) for moment in moments)
    assert window.is_empty == (start <= T0)
    inside = [part for _, part in window.phases()]
    assert all(a.end == b.start for a, b in itertools.pairwise(inside))


def test_cancelling_the_next_infusion_restores_the_tail():
    cut = plasticity_window(T0, RULE, next_infusion_start=T0 + 66 * HOUR)
    assert cut.core_until == T0 + 66 * HOUR
    assert plasticity_window(T0, RULE, next_infusion_start=None).core_until == T0 + 96 * HOUR


@pytest.mark.parametrize(
    ("hours", "word"),
    [
        (0, "opening"),
        (14, "opening"),
        (15, "open"),
        (71, "open"),
        (72, "closing"),
        (95, "closing"),
        (96, "closed"),
    ],
)
def test_words_of_the_queue(hours, word):
    window = plasticity_window(T0, RULE)
    at = T0 + hours * HOUR
    assert window_state(window, at, earliest_session=T0 + 15 * HOUR, rule=RULE) == word


def test_a_cut_window_closes_at_the_next_infusion():
    window = plasticity_window(T0, RULE, next_infusion_start=T0 + 50 * HOUR)
    assert window_state(window, T0 + 26 * HOUR, earliest_session=T0 + 15 * HOUR, rule=RULE) == "closing"
    assert window_state(window, T0 + 50 * HOUR, earliest_session=T0 + 15 * HOUR, rule=RULE) == "closed"


def test_the_no_therapy_period_ends_exactly_at_t0():
    period = no_therapy_period(T0 - 6 * HOUR, T0)
    assert period.contains(T0 - timedelta(seconds=1))
    assert not period.contains(T0)
    assert plasticity_window(T0, RULE).core[0].contains(T0)
    with pytest.raises(InvalidInput):
        no_therapy_period(T0, T0)


def test_the_union_for_display_leaves_out_the_no_therapy_periods():
    next_start = T0 + 66 * HOUR
    first = plasticity_window(T0, RULE, next_infusion_start=next_start)
    second = plasticity_window(next_start + 6 * HOUR, RULE)
    blocked = no_therapy_period(next_start, next_start + 6 * HOUR)
    assert merge([second, first], [blocked]) == (
        Interval(T0, next_start),
        Interval(next_start + 6 * HOUR, next_start + 102 * HOUR),
    )
    whole = plasticity_window(T0, RULE)
    assert not any(part.overlaps(blocked) for part in merge([whole, second], [blocked]))
