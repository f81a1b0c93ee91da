"""Wall clocks and elapsed time over fourteen zones, on both nights of a clock change and on skipped dates."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.definition import Elapsed, LocalClock
from scheduling.domain.localtime import (
    Duration,
    WallClock,
    add_local_days,
    in_words,
    local_clock,
    local_date,
    local_day,
    moment_after,
    next_local_morning,
    parse_clock,
    resolve_local,
)
from staff.errors import InvalidInput

ZONES = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Pacific/Chatham",
    "Antarctica/Troll",
    "UTC",
)
YEARS = (2011, 2018, 2025, 2026)


def transitions(zone: ZoneInfo) -> list[tuple[datetime, timedelta, timedelta]]:
    """(instant, offset before, offset after) of each clock change in the years above, to the minute."""
    found = []
    for year in YEARS:
        at = datetime(year, 1, 1, tzinfo=UTC)
        while at.year == year:
            later = at + timedelta(hours=6)
            before, after = at.astimezone(zone).utcoffset(), later.astimezone(zone).utcoffset()
            if before != after:
                low, high = at, later
                while high - low > timedelta(minutes=1):
                    middle = low + (high - low) // 2
                    if middle.astimezone(zone).utcoffset() == before:
                        low = middle
                    else:
                        high = middle
                found.append((high.replace(second=0, microsecond=0), before, after))
            at = later
    return found


CHANGES = [(name, *change) for name in ZONES for change in transitions(ZoneInfo(name))]
FORWARD = [change for change in CHANGES if change[3] > change[2]]
BACK = [change for change in CHANGES if change[3] < change[2]]


def test_the_nights_looked_at_cover_what_they_should():
    names = {name for name, *_ in CHANGES}
    assert {"Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"} <= names
    assert {after - before for _, _, before, after in CHANGES} >= {
        timedelta(hours=1),
        timedelta(hours=-1),
        timedelta(minutes=30),
        timedelta(minutes=-30),
        timedelta(hours=24),
    }


@pytest.mark.parametrize(("name", "instant", "before", "after"), FORWARD)
def test_a_skipped_time_moves_forward_and_says_so(name, instant, before, after):
    zone, gap = ZoneInfo(name), after - before
    wall = (instant + before).replace(tzinfo=None) + gap / 2
    found = resolve_local(wall.date(), wall.time(), zone)
    assert found.moved
    assert not found.ambiguous
    assert found.instant >= instant
    assert found.instant.astimezone(zone).replace(tzinfo=None) == wall + gap


@pytest.mark.parametrize(("name", "instant", "before", "after"), BACK)
def test_a_doubled_time_is_the_earlier_one_and_says_so(name, instant, before, after):
    zone, back = ZoneInfo(name), before - after
    wall = (instant + after).replace(tzinfo=None) + back / 2
    found = resolve_local(wall.date(), wall.time(), zone)
    assert found.ambiguous
    assert not found.moved
    assert found.instant < instant
    assert found.instant.astimezone(zone).replace(tzinfo=None) == wall


@pytest.mark.parametrize(("name", "instant", "before", "after"), CHANGES)
def test_the_wall_clock_stays_over_the_night_and_real_time_differs(name, instant, before, after):
    zone = ZoneInfo(name)
    evening = instant - timedelta(hours=30)
    wall = local_clock(evening, zone)
    days = (local_date(instant, zone) - wall.day).days + 1
    found = add_local_days(evening, days, zone)
    assert not found.moved
    assert local_clock(found.instant, zone) == wall.plus_days(days)
    assert found.instant - evening == timedelta(days=days) - (after - before)
    assert (evening + Duration.of(days=days)) - evening == timedelta(days=days)


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)).map(
        lambda d: d.replace(second=0, microsecond=0)
    ),
)
def test_every_wall_clock_has_an_instant_that_shows_it_unless_flagged(name, wall):
    zone = ZoneInfo(name)
    found = resolve_local(wall.date(), wall.time(), zone)
    shown = found.instant.astimezone(zone).replace(tzinfo=None)
    assert shown == wall if not found.moved else shown > wall


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)))
def test_the_next_morning_is_seven_on_a_later_date(name, naive):
    zone, instant = ZoneInfo(name), naive.replace(tzinfo=UTC)
    found = next_local_morning(instant, zone)
    assert found.instant > instant
    assert local_clock(found.instant, zone).clock == time(7) or found.moved
    assert local_date(found.instant, zone) > local_date(instant, zone)


def test_a_date_that_was_skipped_has_no_day():
    apia = ZoneInfo("Pacific/Apia")
    assert local_day(date(2011, 12, 30), apia) is None
    day = local_day(date(2011, 12, 31), apia)
    assert day is not None
    assert day.duration == timedelta(hours=24)
    assert local_date(resolve_local(date(2011, 12, 30), time(9), apia).instant, apia) == date(2011, 12, 31)


def test_a_night_of_a_clock_change_makes_a_day_of_23_or_25_hours():
    berlin = ZoneInfo("Europe/Berlin")
    assert local_day(date(2026, 3, 29), berlin).duration == timedelta(hours=23)
    assert local_day(date(2026, 10, 25), berlin).duration == timedelta(hours=25)
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    assert local_day(date(2026, 10, 4), lord_howe).duration == timedelta(hours=23, minutes=30)


def test_the_two_kinds_of_time_do_not_mix():
    evening = WallClock(date(2026, 11, 24), time(20, 30))
    with pytest.raises(TypeError):
        evening + Duration.of(hours=24)
    with pytest.raises(TypeError):
        Duration.of(hours=24) + timedelta(hours=1)
    with pytest.raises(TypeError):
        assert Duration.of(hours=1) < evening
    with pytest.raises(InvalidInput):
        WallClock(date(2026, 11, 24), time(20, 30, tzinfo=UTC))


def test_elapsed_time_is_added_in_real_hours():
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2026, 10, 24, 20, 30, tzinfo=berlin)
    assert (before + Duration.of(hours=24)).astimezone(berlin).hour == 19
    assert (before - Duration.of(hours=24)).astimezone(berlin).hour == 20
    assert Duration.of(days=1, hours=2) + -Duration.of(minutes=90) == Duration(24 * 60 + 30)


def test_a_protocol_moment_means_elapsed_or_wall_time():
    berlin = ZoneInfo("Europe/Berlin")
    stop = datetime(2026, 10, 24, 14, 7, tzinfo=berlin)
    assert moment_after(stop, Elapsed(24 * 60), berlin).instant.astimezone(berlin).hour == 13
    evening = moment_after(stop, LocalClock(1, 20, 30), berlin).instant.astimezone(berlin)
    assert (evening.date(), evening.hour, evening.minute) == (date(2026, 10, 25), 20, 30)
    with pytest.raises(InvalidInput):
        moment_after(stop, timedelta(hours=1), berlin)


def test_words_and_clocks():
    assert in_words(datetime(2026, 12, 4, 14, 29, tzinfo=UTC), ZoneInfo("Europe/Berlin")) == "Fri 4 Dec 15:29"
    assert parse_clock("07:05") == time(7, 5)
    for text in ("7:05", "24:00", "12:60", "noon", "1२:00", "12:00:00", ""):
        with pytest.raises(InvalidInput):
            parse_clock(text)
