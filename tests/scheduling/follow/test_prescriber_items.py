"""What only a prescriber can decide reaches their list, and who is told in time that a record is not signed."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from scheduling import dispatch
from scheduling.follow_words import window_words
from scheduling.models import Availability, ResourceBooking, WorkItem
from sessions import services as facts
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)


@pytest.fixture
def visit(clinic):
    return w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)


def items(kind: str = "prescriber"):
    return WorkItem.objects.open().filter(kind=kind)


def test_an_infiltrated_line_locks_therapy_for_long_and_asks_until_a_time_is_stated(clinic, clock, visit):
    infusion = w.give_for_real(clinic, clock, visit)
    facts.record_adverse_event(infusion=infusion, kind="infiltration", severity="mild", by=clinic.nurse)
    row = w.current_window(infusion)
    assert (row.status, row.t0) == ("provisional", w.FIRST + timedelta(hours=12))
    assert row.inputs["decided"] == "no estimate: infiltrated"
    words, estimate = window_words(row, None, ZoneInfo(clinic.site.time_zone), clock.now())
    assert (words[:22], estimate) == ("Therapy time not known", False), (
        "no screen shows the lock as an estimate"
    )
    item = items().get()
    assert (item.key, item.owner) == (f"no-estimate:{infusion.code}", clinic.clinician)
    dispatch.tick()
    assert items().count() == 1
    assert not items("stale-window").exists()
    wanted = w.FIRST + timedelta(hours=20)
    w.sign_for_real(clinic, clock, infusion, override_to=wanted, override_code="line_infiltrated")
    assert not items().exists()
    row = w.current_window(infusion)
    assert (row.status, row.t0) == ("pending", wanted)


def test_infiltration_after_signing_locks_what_was_pending(clinic, clock, visit):
    infusion = w.give_for_real(clinic, clock, visit)
    infusion = w.sign_for_real(clinic, clock, infusion)
    clock.advance(minutes=5)
    event = facts.record_adverse_event(
        infusion=infusion, kind="infiltration", severity="mild", by=clinic.nurse
    )
    assert w.current_window(infusion).status == "stale"
    assert items().get().key == f"no-estimate:{infusion.code}"
    clock.advance(hours=20)
    dispatch.tick()
    assert w.current_window(infusion).status == "stale", "nothing opens without a time"
    facts.strike_adverse_event(event=event, reason="Entered for the wrong patient", by=clinic.nurse)
    dispatch.tick()
    assert w.current_window(infusion).status == "open"
    assert not items().exists()


def test_a_level_above_the_threshold_after_the_therapy_time_asks_the_prescriber(clinic, clock, visit):
    infusion = w.give_for_real(clinic, clock, visit)
    infusion = w.sign_for_real(clinic, clock, infusion)
    t0 = facts.therapy_time(infusion).at
    clock.set(t0 + MINUTE)
    values = {"infusion": infusion, "by": clinic.nurse}
    facts.record_measured_level(ketamine_ng_ml=Decimal(60), observed_at=t0 - timedelta(hours=2), **values)
    assert not items().exists(), "before the therapy time a high level is what one expects"
    high = facts.record_measured_level(ketamine_ng_ml=Decimal(31), observed_at=t0, **values)
    assert items().get().key == f"level:{infusion.code}"
    facts.strike_measured_level(level=high, reason="3.1, not 31", by=clinic.nurse)
    assert not items().exists()


def test_an_advance_taken_back_by_a_level_moves_the_window_and_says_so(clinic, clock, visit):
    infusion = w.give_for_real(clinic, clock, visit)
    ready = w.sessions_world.assessed(clinic, clock, infusion)
    values = {"infusion": infusion, "by": clinic.nurse}
    facts.record_measured_level(ketamine_ng_ml=Decimal(9), observed_at=ready, **values)
    terms = facts.SigningTerms(
        override_to=ready, override_code="measured_level", second_person=clinic.second_clinician
    )
    facts.sign_off(infusion=infusion, by=clinic.clinician, terms=terms)
    assert w.current_window(infusion).t0 == ready
    clock.advance(minutes=30)
    facts.record_measured_level(ketamine_ng_ml=Decimal(40), observed_at=clock.now(), **values)
    row = w.current_window(infusion)
    assert row.t0 == facts.current_estimate(infusion).t_pk
    assert row.inputs["decided"] == "override void"
    assert items().get().key == f"time-voided:{infusion.code}"
    facts.amend_sign_off(infusion=infusion, by=clinic.clinician, reason="Level of 40 ng/mL")
    assert not items().exists()


def test_new_intent_at_the_chair_is_on_the_prescribers_list_until_assessed(clinic, clock, visit):
    infusion = w.give_for_real(clinic, clock, visit)
    values = {"infusion": infusion, "criterion": "suicidality"}
    facts.record_criterion(value="new_or_worse", by=clinic.nurse, **values)
    assert (items().get().key, items().get().owner) == (f"intent:{infusion.code}", clinic.clinician)
    facts.record_criterion(value="assessed", detail="Plan agreed", by=clinic.second_clinician, **values)
    assert not items().exists()


def hours(clinic, until: time):
    Availability.objects.filter(resource=clinic.nurse_lane).update(end_time=until)


@pytest.mark.parametrize("booked", [True, False], ids=["nurse of the visit", "nurse who stopped the pump"])
def test_the_nurse_is_told_half_an_hour_before_the_shift_ends(clinic, clock, visit, booked):
    if booked:
        ResourceBooking.objects.create(
            resource=clinic.nurse_lane,
            lane=1,
            appointment=visit,
            during=(visit.during.lower, visit.during.upper),
        )
    hours(clinic, time(12, 15))
    infusion = w.give_for_real(clinic, clock, visit)  # 10:00 to 10:40
    zone = ZoneInfo(clinic.site.time_zone)
    ends = datetime(2026, 3, 3, 12, 15, tzinfo=zone)
    clock.set(ends - 30 * MINUTE - timedelta(seconds=1))
    dispatch.tick()
    assert not items("unsigned").exists()
    clock.set(ends - 30 * MINUTE)
    dispatch.tick()
    dispatch.tick()
    item = items("unsigned").get()
    assert (item.owner, item.role, item.due_at) == (clinic.nurse, "nurse", ends - 30 * MINUTE)
    assert "12:15" in item.detail
    clock.set(infusion.started_at + 165 * MINUTE)
    dispatch.tick()
    assert {row.owner for row in items("unsigned")} == {clinic.nurse, clinic.clinician}
    w.sign_for_real(clinic, clock, infusion, late_reason="Emergency next door")
    assert not items("unsigned").exists()


def test_a_pump_that_stops_in_the_last_half_hour_is_told_at_once_and_off_duty_is_nobody(clinic, clock, visit):
    hours(clinic, time(11, 0))
    w.give_for_real(clinic, clock, visit)
    dispatch.tick()
    item = items("unsigned").get()
    assert item.due_at == clock.now()
    hours(clinic, time(10, 30))
    WorkItem.objects.all().update(resolved_at=clock.now(), resolution="x")
    dispatch.tick()
    assert not items("unsigned").exists(), "the nurse was not on duty when the pump stopped"
