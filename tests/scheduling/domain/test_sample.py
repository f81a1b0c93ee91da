"""A sample series on a real calendar: gaps hold, holidays and weekends are kept, both DST nights are survived."""

from dataclasses import replace
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.library import SHIPPED, SIX_IN_THREE_WEEKS
from scheduling.domain.intervals import Interval
from scheduling.domain.sample import next_clock_change, sample_series
from scheduling.domain.spacing import gap_refusal

ZONES = [ZoneInfo(name) for name in ("America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "UTC")]
LONDON = ZoneInfo("Europe/London")


def sample(
    definition=SIX_IN_THREE_WEEKS, first_day=date(2026, 3, 3), clock=time(9), zone=LONDON, holidays=None
):
    return sample_series(
        definition,
        first_day=first_day,
        clock=clock,
        zone=zone,
        clearance_minutes=389,
        holidays=holidays or {},
    )


@given(
    st.sampled_from(sorted(SHIPPED)), st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.sampled_from(ZONES),
    st.integers(0, 23), st.sets(st.integers(0, 40), max_size=4),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_gaps_hold_and_no_therapy_lies_in_a_no_therapy_period(slug, first_day, zone, hour, closed):
    definition = SHIPPED[slug]
    holidays = {first_day + timedelta(days=later): "Closed" for later in closed}
    found = sample(definition, first_day, time(hour), zone, holidays)
    assert found.complete or found.remarks
    for before, after in zip(found.visits, found.visits[1:], strict=False):
        phase = definition.gap_before(after.ordinal)
        assert gap_refusal(before.start, after.start, phase, zone) is None
    blocked = [Interval(visit.start, visit.t0) for visit in found.visits]
    for visit in found.visits:
        assert visit.start.astimezone(zone).date() not in holidays
        for item in visit.follow_ups:
            if item.therapy and item.dropped is None:
                length = timedelta(minutes=item.duration_minutes)
                assert not any(part.overlaps(Interval(item.target, item.target + length)) for part in blocked)


def test_a_holiday_on_the_first_day_moves_the_series_and_says_so():
    found = sample(first_day=date(2026, 5, 25), holidays={date(2026, 5, 25): "Spring bank holiday"})
    assert found.remarks == ("Mon 25 May is Spring bank holiday: the series begins on Tue 26 May.",)
    assert found.complete


def test_spacing_that_no_day_allows_is_told_with_the_holiday():
    phase = replace(SIX_IN_THREE_WEEKS.phases[0], gap_min_hours=48, gap_target_hours=48, gap_max_hours=60)
    found = sample(replace(SIX_IN_THREE_WEEKS, phases=(phase,)), holidays={date(2026, 3, 5): "Founders' Day"})
    assert not found.complete
    assert len(found.visits) == 1
    assert "Infusion 2 cannot be placed" in found.remarks[0]
    assert "Thu 5 Mar is Founders' Day" in found.remarks[0]


def test_the_night_the_clocks_change_keeps_the_clock_and_counts_the_hours():
    forward, back = (next_clock_change(date(2026, 3, 1), LONDON, forward=way) for way in (True, False))
    assert (forward, back) == (date(2026, 3, 29), date(2026, 10, 25))
    for change, hours in ((forward, 71), (back, 73)):
        found = sample(first_day=change - timedelta(days=2))
        assert found.visits[0].gap_hours is None
        assert round(found.visits[1].gap_hours) in (hours, hours + 24)
        assert {visit.start.astimezone(LONDON).hour for visit in found.visits} == {9}
    assert next_clock_change(date(2026, 3, 1), ZoneInfo("Asia/Kolkata"), forward=True) is None


def test_twice_a_week_keeps_its_two_weekdays():
    found = sample()
    assert [f"{visit.start:%a}" for visit in found.visits] == ["Tue", "Fri"] * 3
