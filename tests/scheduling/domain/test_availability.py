"""Weekly hours as instants: the wall clock stays over clock changes, closures and exceptions hold."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduling.domain.availability import (
    Closure,
    HoursException,
    WeeklyHours,
    closed_days,
    free_intervals,
)
from scheduling.domain.intervals import Interval
from staff.errors import InvalidInput

BERLIN = ZoneInfo("Europe/Berlin")
ALL_WEEK = tuple(WeeklyHours(day, time(9), time(17)) for day in range(7))
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Pacific/Chatham",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Antarctica/Troll",
)


@pytest.mark.parametrize("name", ZONES)
def test_nine_stays_nine_all_year(name):
    zone = ZoneInfo(name)
    found = free_intervals(hours=ALL_WEEK, zone=zone, first=date(2026, 1, 1), until=date(2027, 1, 1))
    assert len(found) == 365
    assert {item.start.astimezone(zone).time() for item in found} == {time(9)}
    assert {item.end.astimezone(zone).time() for item in found} == {time(17)}


def test_a_skipped_date_has_no_hours():
    found = free_intervals(
        hours=ALL_WEEK, zone=ZoneInfo("Pacific/Apia"), first=date(2011, 12, 29), until=date(2012, 1, 1)
    )
    assert len(found) == 2


def test_night_hours_lose_and_gain_the_hour_of_the_clock_change():
    night = tuple(WeeklyHours(day, time(1), time(5)) for day in range(7))
    spring = free_intervals(hours=night, zone=BERLIN, first=date(2026, 3, 29), until=date(2026, 3, 30))
    autumn = free_intervals(hours=night, zone=BERLIN, first=date(2026, 10, 25), until=date(2026, 10, 26))
    assert [item.duration for item in (*spring, *autumn)] == [timedelta(hours=3), timedelta(hours=5)]


def test_hours_that_the_clock_change_swallows_are_gone():
    gap = (WeeklyHours(6, time(2), time(3)),)
    assert free_intervals(hours=gap, zone=BERLIN, first=date(2026, 3, 29), until=date(2026, 3, 30)) == ()


def test_breaks_validity_closures_holidays_and_bookings():
    hours = (
        WeeklyHours(0, time(8), time(12)),
        WeeklyHours(0, time(13), time(0)),
        WeeklyHours(1, time(8), time(12), valid_until=date(2026, 11, 24)),
        WeeklyHours(2, time(8), time(12), valid_from=date(2026, 11, 26)),
        WeeklyHours(3, time(8), time(12)),
        WeeklyHours(4, time(8), time(12)),
    )
    busy = Interval(datetime(2026, 11, 23, 9, tzinfo=BERLIN), datetime(2026, 11, 23, 10, tzinfo=BERLIN))
    found = free_intervals(
        hours=hours,
        zone=BERLIN,
        first=date(2026, 11, 23),
        until=date(2026, 11, 28),
        closures=[Closure(date(2026, 11, 26), date(2026, 11, 27), "Boiler")],
        holidays={date(2026, 11, 27): "A holiday"},
        busy=[busy],
    )
    words = [f"{i.start.astimezone(BERLIN):%a %H:%M}-{i.end.astimezone(BERLIN):%a %H:%M}" for i in found]
    assert words == ["Mon 08:00-Mon 09:00", "Mon 10:00-Mon 12:00", "Mon 13:00-Tue 00:00"]


def test_an_exception_replaces_the_day_even_when_it_is_closed():
    day = date(2026, 12, 25)
    args = {"hours": ALL_WEEK, "zone": BERLIN, "first": day, "until": day + timedelta(days=1)}
    holiday = {day: "Christmas Day"}
    assert free_intervals(**args, holidays=holiday) == ()
    special = HoursException(day, time(10), time(12))
    found = free_intervals(**args, holidays=holiday, exceptions=[special])
    assert [item.duration for item in found] == [timedelta(hours=2)]
    assert free_intervals(**args, exceptions=[HoursException(day)]) == ()


def test_closed_days_know_why():
    closed = closed_days(
        date(2026, 12, 24),
        date(2026, 12, 28),
        closures=[Closure(date(2026, 12, 20), date(2026, 12, 25), "Clinic holiday")],
        holidays={date(2026, 12, 25): "Christmas Day", date(2027, 1, 1): "New Year"},
    )
    assert closed == {date(2026, 12, 24): "Clinic holiday", date(2026, 12, 25): "Christmas Day"}


def test_unreadable_hours_are_refused():
    with pytest.raises(InvalidInput):
        WeeklyHours(7, time(9), time(17))
    with pytest.raises(InvalidInput):
        WeeklyHours(0, time(17), time(9))
    with pytest.raises(InvalidInput):
        WeeklyHours(0, time(9, tzinfo=UTC), time(17))
    with pytest.raises(InvalidInput):
        HoursException(date(2026, 1, 1), time(9), None)
    with pytest.raises(InvalidInput):
        Closure(date(2026, 1, 2), date(2026, 1, 2))
    with pytest.raises(InvalidInput):
        free_intervals(hours=ALL_WEEK, zone=BERLIN, first=date(2026, 1, 1), until=date(2126, 1, 1))
