"""The board of all chairs: bars, one step at a time with two identifiers, names that look alike, four queries."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from scheduling.board import chair_board
from scheduling.models import Appointment
from scheduling.today import visits_of_day
from sessions import services as facts
from staff.clock import app_now
from tests import factories
from tests.scheduling.booking.helpers import book, six, visits_of
from tests.scheduling.booking.steps import arrive, prepare
from tests.sessions.world import NORMAL, consented

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
STEP = "/board/step/"
CHIP = re.compile(
    r'class="chip (chip-\w+) (shape-\w+)"[^>]*><svg(?:(?!</svg>).)*</svg>Recovering<', re.DOTALL
)


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def visit(clinic, clock):
    consented(clinic)
    return visits_of(book(clinic, visits=six(clinic, hour=9)))[0]


def the_board(clinic, user=None):
    now = app_now()
    return chair_board(user or clinic.nurse, clinic.site, now.astimezone().date(), now)


def lane_of(board, visit):
    return next(lane for lane in board.lanes if any(card.key == str(visit.code) for card in lane.cards))


def step(client, visit, act, version, **data):
    return client.post(STEP, {"visit": str(visit.code), "act": act, "version": version, **data})


def test_from_booked_to_stopped_on_the_board(clinic, clock, visit):
    nurse = signed_in(clinic.nurse)
    clock.set(visit.during.lower - 10 * MINUTE)
    act = lane_of(the_board(clinic), visit).act
    assert (act.label, act.act, act.identify) == ("Check in", "check-in", False)
    for _ in range(2):
        assert step(nurse, visit, "check-in", act.version).status_code == 302
    visit.refresh_from_db()
    assert lane_of(the_board(clinic), visit).act.label == "Weigh"
    record = prepare(clinic, visit.infusion)
    facts.record_vitals(infusion=record, by=clinic.nurse, **NORMAL)
    act = lane_of(the_board(clinic), visit).act
    assert (act.label, act.identify) == ("Start the pump", True)
    refused = step(nurse, visit, "start", act.version)
    assert refused.status_code == 400
    assert "date of birth" in refused.content.decode()
    assert not record.pump_events.exists()
    assert step(nurse, visit, "start", act.version, identified="yes").status_code == 302
    assert step(nurse, visit, "start", act.version, identified="yes").status_code == 412
    clock.advance(minutes=20)
    lane = lane_of(the_board(clinic), visit)
    assert lane.act.label == "Stop the pump"
    stale = lane.act.version - 1
    assert step(nurse, visit, "stop", stale, identified="yes").status_code == 302, "no stop is refused"
    assert step(nurse, visit, "stop", stale, identified="yes").status_code in (409, 422)
    assert record.pump_events.count() == 2
    assert lane_of(the_board(clinic), visit).act.label == "Criteria to leave"
    assert lane_of(the_board(clinic, clinic.clinician), visit).act.label == "Sign off"


def test_whoever_was_taken_away_leaves_the_chair_free(clinic, clock, visit):
    clock.set(visit.during.lower)
    record = prepare(clinic, arrive(clinic, visit, clock))
    facts.record_vitals(infusion=record, by=clinic.nurse, **NORMAL)
    facts.record_pump_event(infusion=record, kind="start", by=clinic.nurse)
    assert lane_of(the_board(clinic), visit).state.word != "Free"
    facts.call_emergency(infusion=record, by=clinic.nurse)
    lane = lane_of(the_board(clinic), visit)
    assert (lane.state.word, lane.live, lane.cards[0].note) == ("Free", None, "Not here any more")
    row = visits_of_day(clinic.nurse, clinic.site, app_now())[0]
    assert (lane.cards[0].chip.word, row["chip"].word) == ("Ended otherwise", "Ended otherwise")
    assert row["act"].label == "See how it ended"
    page = signed_in(clinic.nurse).get(reverse("infusion_detail", args=[record.code])).content.decode()
    assert "Ended otherwise" in page
    assert ">Recovering<" not in page


def test_bars_follow_the_record(clinic, clock, visit):
    clock.set(visit.during.lower)
    card = lane_of(the_board(clinic), visit).cards[0]
    assert [bar.kind for bar in card.bars] == ["plan", "plan-tail"]
    record = prepare(clinic, arrive(clinic, visit, clock))
    facts.record_vitals(infusion=record, by=clinic.nurse, **NORMAL)
    facts.record_pump_event(infusion=record, kind="start", by=clinic.nurse)
    clock.advance(minutes=10)
    lane = lane_of(the_board(clinic), visit)
    assert [bar.kind for bar in lane.cards[0].bars] == ["plan", "plan-tail", "real", "tail"]
    facts.record_pump_event(infusion=record, kind="stop", by=clinic.nurse)
    tail = lane_of(the_board(clinic), visit).cards[0].bars[-1]
    assert float(tail.width[:-1]) > 0


def test_who_may_not_step(clinic, clock, visit):
    clock.set(visit.during.lower)
    assert Client().post(STEP).status_code == 302
    assert signed_in(clinic.nurse).get(STEP).status_code == 405
    assert step(signed_in(clinic.therapist), visit, "start", 1).status_code == 403
    assert step(signed_in(clinic.outsider), visit, "check-in", 1).status_code in (403, 404)
    nurse = signed_in(clinic.nurse)
    for data in ({}, {"visit": "x"}, {"visit": str(visit.code), "act": "start", "version": "1"}):
        assert 400 <= nurse.post(STEP, data).status_code < 500
    assert 400 <= step(nurse, visit, "fly", visit.version).status_code < 500
    assert 400 <= step(nurse, visit, "check-in", "\x00").status_code < 500
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.BOOKED


def next_on_today(clinic, user) -> str:
    """The Next cell of the one visit, as words and the address or act behind it."""
    page = signed_in(user).get(reverse("home")).content.decode()
    found = re.findall(r'<td data-label="Next">(.*?)</td>', page, re.DOTALL)
    assert len(found) == 1
    return found[0]


def test_today_offers_the_next_step_of_each_state_and_only_to_who_may(clinic, clock, visit):
    clock.set(visit.during.lower - 3 * timedelta(hours=1))
    assert "–" in next_on_today(clinic, clinic.nurse), "three hours before it is too early to check in"
    clock.set(visit.during.lower)
    assert "Check in" in next_on_today(clinic, clinic.coordinator)
    record = arrive(clinic, visit, clock)
    assert "Weigh" in next_on_today(clinic, clinic.nurse)
    assert "–" in next_on_today(clinic, clinic.coordinator)
    prepare(clinic, record)
    facts.record_vitals(infusion=record, by=clinic.nurse, **NORMAL)
    assert "Start the pump" in next_on_today(clinic, clinic.nurse)
    assert f"/infusions/{record.code}/#pump" in next_on_today(clinic, clinic.nurse), (
        "no pump act without the record"
    )
    facts.record_pump_event(infusion=record, kind="start", by=clinic.nurse)
    assert "Stop the pump" in next_on_today(clinic, clinic.nurse)
    clock.advance(minutes=40)
    facts.record_pump_event(infusion=record, kind="stop", by=clinic.nurse)
    assert "Criteria to leave" in next_on_today(clinic, clinic.nurse)
    assert "Sign off" in next_on_today(clinic, clinic.clinician)


def test_a_state_looks_the_same_on_today_board_and_record(clinic, clock, visit):
    clock.set(visit.during.lower)
    record = arrive(clinic, visit, clock)
    prepare(clinic, record)
    facts.record_vitals(infusion=record, by=clinic.nurse, **NORMAL)
    facts.record_pump_event(infusion=record, kind="start", by=clinic.nurse)
    clock.advance(minutes=40)
    facts.record_pump_event(infusion=record, kind="stop", by=clinic.nurse)
    looks = set()
    for address in (reverse("home"), reverse("chair_board"), reverse("infusion_detail", args=[record.code])):
        page = signed_in(clinic.nurse).get(address).content.decode()
        looks |= set(CHIP.findall(page))
    assert len(looks) == 1, looks


def test_names_that_look_alike_are_said_on_both(clinic, clock, visit):
    family = clinic.patient.family_name
    twin = factories.make_patient(clinic.site, given_name=clinic.patient.given_name, family_name=f"{family}e")
    book(clinic, patient=twin, visits=six(clinic, hour=12, chair=str(clinic.chairs[1].code)))
    clock.set(visit.during.lower)
    cards = [card for lane in the_board(clinic).lanes for card in lane.cards]
    assert len(cards) == 2
    assert all(card.alike for card in cards)


def test_four_queries_for_one_visit_and_for_three(clinic, clock, visit):
    def cost() -> int:
        now = app_now()
        day = now.astimezone().date()
        chair_board(
            clinic.nurse, clinic.site, day, now
        )  # the person's roles and the version's text are known by now
        with CaptureQueriesContext(connection) as found:
            chair_board(clinic.nurse, clinic.site, day, now)
        return len(found)

    clock.set(visit.during.lower)
    prepare(clinic, arrive(clinic, visit, clock))
    one = cost()
    for number, hour in enumerate((12, 15)):
        rows = six(clinic, hour=hour, chair=str(clinic.chairs[number + 1].code))
        book(clinic, patient=factories.make_patient(clinic.site), visits=rows)
    assert cost() == one <= 4
    assert signed_in(clinic.nurse).get(reverse("chair_board")).status_code == 200
