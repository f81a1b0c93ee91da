"""When a patient may be written to, by which channel, and that the words stay neutral."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patients.contact import (
    ContactOption,
    NoContact,
    SendTime,
    SheetOnly,
    choose_channel,
    contains_clinical_words,
    in_quiet_hours,
    next_allowed,
    send_time,
)
from staff.errors import InvalidInput

BERLIN = ZoneInfo("Europe/Berlin")
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


def local(hour: int, minute: int = 0, day: int = 24) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=BERLIN)


def rest(earliest: datetime, target: datetime | None = None):
    return send_time(
        earliest=earliest,
        target=target or local(20, 30),
        expires_at=local(21, 30),
        zone=BERLIN,
        send_from="17:00",
        send_until="21:30",
    )


def test_the_rest_message_goes_at_half_past_eight():
    found = rest(local(14, 7))
    assert found == SendTime(
        local(20, 30).astimezone(UTC),
        local(21, 30).astimezone(UTC),
        "Tue 24 Nov 2026, 20:30",
        "Europe/Berlin",
        moved=False,
    )


def test_a_late_pump_stop_sends_at_once_and_after_half_past_nine_never():
    assert rest(local(21, 0), local(21, 0)).due_at == local(21, 0)
    assert rest(local(21, 29), local(21, 29)).due_at == local(21, 29)
    with pytest.raises(InvalidInput):
        rest(local(21, 30))


def test_too_late_for_this_evening_and_useless_tomorrow_is_sheet_only():
    found = send_time(earliest=local(21, 40), target=local(21, 40), expires_at=local(23, 0), zone=BERLIN)
    assert isinstance(found, SheetOnly)
    assert "printed sheet" in found.reason


def test_a_night_target_waits_for_the_morning_or_is_pulled_into_the_evening():
    later = send_time(earliest=local(18), target=local(23), expires_at=local(12, day=25), zone=BERLIN)
    assert (later.due_at, later.moved) == (local(8, day=25), True)
    sooner = send_time(earliest=local(18), target=local(23), expires_at=local(7, day=25), zone=BERLIN)
    assert (sooner.due_at, sooner.moved) == (local(21, 25), True)


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(0, 365 * 24 * 4),
    st.integers(0, 36 * 4),
    st.integers(1, 72 * 4),
    st.sampled_from([("08:00", "21:30"), ("17:00", "21:30"), ("09:00", "18:00"), ("00:00", "23:59")]),
)
def test_nothing_is_ever_due_in_quiet_hours_early_or_expired(name, quarter, wait, useful, hours):
    zone = ZoneInfo(name)
    earliest = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * quarter)
    expires = earliest + timedelta(minutes=15 * useful)
    found = send_time(
        earliest=earliest,
        target=earliest + timedelta(minutes=15 * wait),
        expires_at=expires,
        zone=zone,
        send_from=hours[0],
        send_until=hours[1],
    )
    if isinstance(found, SheetOnly):
        assert next_allowed(earliest, zone, *hours) >= expires - timedelta(minutes=5)
        return
    assert earliest <= found.due_at < expires
    assert not in_quiet_hours(found.due_at, zone)
    clock = found.due_at.astimezone(zone).time()
    assert time.fromisoformat(hours[0]) <= clock < time.fromisoformat(hours[1])


def test_quiet_hours_are_the_patients_own():
    at = datetime(2026, 11, 24, 21, 0, tzinfo=UTC)
    assert in_quiet_hours(at, BERLIN)
    assert not in_quiet_hours(at, ZoneInfo("Europe/London"))
    assert not in_quiet_hours(local(8), BERLIN)
    assert in_quiet_hours(local(7, 59), BERLIN)
    assert in_quiet_hours(local(21, 30), BERLIN)


def test_both_nights_of_a_clock_change_keep_eight_oclock():
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        night = datetime(day.year, day.month, day.day, 0, 30, tzinfo=BERLIN)
        assert next_allowed(night, BERLIN).astimezone(BERLIN).time() == time(8)


def test_hours_without_any_time_are_refused():
    for hours in (("21:30", "22:00"), ("12:00", "12:00"), ("05:00", "07:00"), ("8:00", "21:30")):
        with pytest.raises(InvalidInput):
            next_allowed(local(12), BERLIN, *hours)


EMAIL = ContactOption("e", "email", verified=True, consented=True, rank=0)
SMS = ContactOption("s", "sms", verified=True, consented=True, rank=1)


def test_the_preferred_channel_wins_when_it_may_be_used():
    assert choose_channel([EMAIL, SMS], "sms") == SMS
    assert choose_channel([EMAIL, SMS]) == EMAIL
    opted = ContactOption("s", "sms", verified=True, consented=True, opted_out=True)
    assert choose_channel([EMAIL, opted], "sms") == EMAIL


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "no contact details"),
        ([ContactOption("e", "email", verified=False, consented=True)], "no verified"),
        ([ContactOption("e", "email", verified=True, consented=False)], "no consent"),
        ([ContactOption("e", "email", verified=True, consented=True, opted_out=True)], "opted out"),
    ],
)
def test_whoever_may_not_be_written_to_is_said_why(options, words):
    found = choose_channel(options)
    assert isinstance(found, NoContact)
    assert words in found.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Your ketamine infusion is at 10:00", ("ketamine", "infusion")),
        ("Therapy with Dr Ng, post-infusion", ("therapy", "infusion")),
        ("PHQ-9 and QIDS-SR16 please", ("phq-9", "qids-sr16")),
        ("IV at 10:00, 0.5 mg/kg", ("iv", "mg/kg")),
        ("How is your depression? Any self-harm?", ("depression", "self-harm")),
        ("Your treatment continues", ("treatment",)),
    ],
)
def test_clinical_words_are_found(text, words):
    assert contains_clinical_words(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "Your appointment is on Tue 24 Nov at 10:30. Call 030 123456 with any question.",
        "Please do not drive until tomorrow, after a night's sleep.",
        "A quiet evening: dim light, no screens, your usual bedtime.",
        "A short questionnaire is waiting for you: https://clinic.example/q/8d1f",
        "Divide the day, give yourself rest, drive on Thursday. Ivy",
    ],
)
def test_neutral_texts_pass(text):
    assert contains_clinical_words(text) == ()
