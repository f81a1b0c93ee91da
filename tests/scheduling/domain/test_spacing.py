"""Gaps between infusions: elapsed hours, one hour of tolerance only where the clocks went back."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.definition import SeriesPhase
from scheduling.domain.spacing import (
    elsewhere_refusal,
    gap_bounds,
    gap_refusal,
    rested_from,
    weekday_refusal,
)

BERLIN = ZoneInfo("Europe/Berlin")
PHASE = SeriesPhase("Induction", 6, gap_min_hours=48, gap_target_hours=84, gap_max_hours=96)


def local(day: int, hour: int, month: int = 10) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=BERLIN)


def test_friday_ten_to_tuesday_ten_is_allowed_in_the_week_the_clocks_go_back():
    assert gap_refusal(local(23, 10), local(27, 10), PHASE, BERLIN) is None
    assert gap_bounds(local(23, 10), PHASE, BERLIN)[1] == local(27, 10)
    assert "at most 96 h" in gap_refusal(local(23, 10), local(27, 11), PHASE, BERLIN)


def test_no_tolerance_in_any_other_week():
    assert gap_refusal(local(16, 10), local(20, 10), PHASE, BERLIN) is None
    assert gap_refusal(local(16, 10), local(20, 11), PHASE, BERLIN) is not None
    assert gap_refusal(local(27, 10, 3), local(31, 10, 3), PHASE, BERLIN) is None
    assert gap_refusal(local(27, 10, 3), local(31, 12, 3), PHASE, BERLIN) is not None


def test_the_minimum_is_real_hours():
    assert "at least 48 h" in gap_refusal(local(28, 10, 3), local(30, 10, 3), PHASE, BERLIN)
    assert gap_refusal(local(28, 10, 3), local(30, 11, 3), PHASE, BERLIN) is None


def test_after_a_day_elsewhere_the_gap_counts_from_its_end_over_both_clock_changes():
    """The hour is not known: 24 h days have 23 and 25 hours, the gap has its own."""
    for month, day, first in ((3, 28, local(31, 1, 3)), (10, 24, local(26, 23)), (7, 1, local(4, 0, 7))):
        elsewhere = date(2026, month, day)
        assert rested_from(elsewhere, PHASE, BERLIN) == first
        assert elsewhere_refusal(elsewhere, first, PHASE, BERLIN) is None
        assert "48 h after that day" in elsewhere_refusal(
            elsewhere, first - timedelta(minutes=1), PHASE, BERLIN
        )
    assert elsewhere_refusal(None, local(1, 0), PHASE, BERLIN) is None


def test_an_approved_long_gap_replaces_the_maximum_only():
    assert gap_refusal(local(1, 10), local(8, 10), PHASE, BERLIN) is not None
    assert gap_refusal(local(1, 10), local(8, 10), PHASE, BERLIN, long_gap_hours=168) is None
    assert gap_refusal(local(1, 10), local(8, 11), PHASE, BERLIN, long_gap_hours=168) is not None
    assert gap_refusal(local(1, 10), local(2, 10), PHASE, BERLIN, long_gap_hours=168) is not None


@settings(deadline=None)
@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.integers(0, 365 * 24),
    st.integers(40 * 4, 104 * 4),
)
def test_bounds_and_refusal_agree(name, hour, quarters):
    zone = ZoneInfo(name)
    first = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    start = first + timedelta(minutes=15 * quarters)
    low, high = gap_bounds(first, PHASE, zone)
    refused = gap_refusal(first, start, PHASE, zone) is not None
    if start < low or start > high:
        assert refused
    elif start <= low + timedelta(hours=48):
        assert not refused


def test_weekdays_are_those_of_the_wall_calendar():
    saturday_in_apia = datetime(2026, 11, 27, 20, tzinfo=UTC)
    assert weekday_refusal(saturday_in_apia, PHASE, BERLIN) is None
    assert "Saturdays" in weekday_refusal(saturday_in_apia, PHASE, ZoneInfo("Pacific/Apia"))
