"""Follow-ups through the life of a visit: provisional, released, firm, open, and every way in which they
change.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduling.models import FollowUp, Message, PlasticityWindow
from scheduling.services import windows
from scheduling.services.followups import sync_follow_ups
from sessions.models import GivenDrug
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
THREE_DAYS = timedelta(days=3)


def states(visit) -> dict[str, str]:
    return {row.kind: row.state for row in FollowUp.objects.filter(visit=visit, ordinal=1)}


@pytest.fixture
def course(clinic):
    return w.book_course(clinic, [w.FIRST, w.FIRST + THREE_DAYS])


@pytest.fixture
def first(course):
    return course.appointments.get(ordinal=1)


@pytest.fixture
def second(course):
    return course.appointments.get(ordinal=2)


def test_booking_brings_provisional_follow_ups_with_reasons(first, second):
    assert set(states(first).values()) == {"provisional"}
    assert "weekly_therapy" not in states(first), "the tail belongs to the last visit"
    assert FollowUp.objects.filter(visit=second, kind="weekly_therapy").count() == 13
    session = w.follow_up(first, "integration_1")
    assert session.target_at == w.FIRST + w.PREDICTED + timedelta(hours=24)
    assert session.hard_latest_at == w.FIRST + THREE_DAYS - timedelta(minutes=30), (
        "ends before the quiet time"
    )
    assert session.why["protocol"] == "Six infusions in three weeks v1"
    assert not Message.objects.filter(follow_up__isnull=False).exists(), (
        "nothing is sent of what is only planned"
    )


def test_a_second_sync_changes_nothing(course, first):
    before = list(FollowUp.objects.order_by("pk").values_list("pk", "version", "generation", "state"))
    sync_follow_ups(series=course)
    assert list(FollowUp.objects.order_by("pk").values_list("pk", "version", "generation", "state")) == before


def test_safety_follow_ups_go_out_signed_or_not(clinic, first):
    infusion = w.start_pump(clinic, first)
    windows.reanchor(infusion=infusion, by=clinic.nurse)
    assert states(first)["no_driving"] == "provisional", "the pump still runs"
    w.stop_pump(clinic, infusion)
    windows.reanchor(infusion=infusion, by=clinic.nurse)
    found = states(first)
    assert {found[kind] for kind in ("no_driving", "rest_message", "morning_check_in")} == {"released"}
    assert {found[kind] for kind in ("practice", "integration_1", "practice_check_in")} == {"provisional"}
    assert set(
        Message.objects.filter(state="scheduled", follow_up__visit=first).values_list("kind", flat=True)
    ) == {
        "no_driving",
        "rest",
        "check_in",
    }


def test_window_follow_ups_are_firm_at_sign_off_and_released_when_the_window_opens(clinic, clock, first):
    infusion = w.given(clinic, first)
    window = w.current_window(infusion)
    assert window.status == "pending"
    assert states(first)["integration_1"] == "firm"
    clock.set(window.t0 - timedelta(seconds=1))
    assert windows.open_window(window=window) is False
    clock.set(window.t0)
    assert windows.open_window(window=window) is True
    assert states(first)["integration_1"] == "released"
    assert Message.objects.filter(kind="practice", state="scheduled").count() == 1
    assert windows.open_window(window=window) is False, "open once"


def test_an_early_stop_moves_everything_and_its_messages(clinic, first):
    infusion = w.start_pump(clinic, first)
    w.stop_pump(clinic, infusion, minutes=40)
    windows.reanchor(infusion=infusion)
    old = w.follow_up(first, "no_driving")
    message = Message.objects.get(follow_up=old, state="scheduled")
    infusion.pump_events.filter(kind="stop").update(
        withdrawn_at=infusion.stopped_at, withdrawn_reason="wrong"
    )
    type(infusion).objects.filter(pk=infusion.pk).update(status="infusing", stopped_at=None)
    infusion.refresh_from_db()
    w.stop_pump(clinic, infusion, minutes=20, t_pk=infusion.started_at + timedelta(minutes=250))
    windows.reanchor(infusion=infusion)
    moved = w.follow_up(first, "no_driving")
    assert moved.target_at == old.target_at - timedelta(minutes=20)
    assert moved.generation == old.generation + 1
    message.refresh_from_db()
    assert message.state == "cancelled"
    fresh = Message.objects.get(follow_up=moved, state="scheduled")
    assert fresh.generation == moved.generation
    assert fresh.due_at == message.due_at - timedelta(minutes=20)
    assert w.current_window(infusion).t0 == infusion.started_at + timedelta(minutes=250)


def test_an_aborted_infusion_keeps_safety_and_withdraws_the_rest(clinic, first):
    infusion = w.start_pump(clinic, first)
    w.stop_pump(clinic, infusion, minutes=4, aborted=True, delivered_mg="3.50")
    windows.reanchor(infusion=infusion)
    found = states(first)
    assert found["morning_check_in"] == "released"
    assert found["integration_1"] == "withdrawn"
    assert "no window opens" in w.follow_up(first, "integration_1").closed_reason.lower()


def test_signed_that_no_window_opens(clinic, first):
    infusion = w.start_pump(clinic, first)
    w.stop_pump(clinic, infusion)
    w.sign(clinic, infusion, opens_window=False, no_window_reason="Given for a procedure")
    windows.reanchor(infusion=infusion)
    assert w.current_window(infusion).status == "none"
    assert states(first)["integration_1"] == "withdrawn"
    assert states(first)["rest_message"] == "released"


def test_cancelling_a_later_visit_restores_the_tail_of_the_one_before(clinic, course, first, second):
    infusion = w.given(clinic, first)
    before = w.current_window(infusion)
    assert before.core_until == second.during.lower
    w.release(second, "cancelled")
    sync_follow_ups(series=course)
    after = w.current_window(infusion)
    assert after.generation == before.generation + 1
    assert after.core_until == before.t0 + timedelta(hours=96)
    assert after.status == before.status
    assert FollowUp.objects.filter(visit=first, kind="weekly_therapy", state="firm").count() == 13
    assert set(states(second).values()) == {"withdrawn"}
    assert {row.closed_reason for row in FollowUp.objects.filter(visit=second)} == {
        "The visit was cancelled."
    }


def test_a_displaced_visit_gets_its_follow_ups_back_with_its_new_time(clinic, course, second):
    w.release(second, "displaced")
    sync_follow_ups(series=course)
    assert set(states(second).values()) == {"withdrawn"}
    generation = w.follow_up(second, "integration_1").generation
    w.release(second, "cancelled")
    moved = w.add_visit(clinic, course, w.FIRST + timedelta(days=4), 2)
    sync_follow_ups(series=course)
    assert set(states(moved).values()) == {"provisional"}
    assert w.follow_up(second, "integration_1").generation == generation


def test_what_is_done_is_frozen(clinic, first):
    infusion = w.given(clinic, first)
    done = w.follow_up(first, "morning_check_in")
    FollowUp.objects.filter(pk=done.pk).update(state="done", closed_at=w.FIRST)
    w.estimate(infusion, infusion.started_at + timedelta(minutes=400))
    windows.reanchor(infusion=infusion)
    again = w.follow_up(first, "morning_check_in")
    assert (again.state, again.target_at, again.version) == ("done", done.target_at, done.version)


def test_thrice_weekly_drops_what_the_next_infusion_overtakes(clinic):
    course = w.book_course(clinic, [w.FIRST + timedelta(days=2 * n) for n in range(3)])
    first = course.appointments.get(ordinal=1)
    session = w.follow_up(first, "integration_1")
    assert session.state == "provisional"
    assert session.hard_latest_at < w.FIRST + timedelta(days=2)
    check = w.follow_up(first, "practice_check_in")
    assert check.state == "dropped"
    assert check.closed_reason == "The next infusion comes first"


def test_a_later_series_cuts_the_tail_of_an_older_one(clinic, clock):
    old = w.book_course(clinic, [w.FIRST])
    infusion = w.given(clinic, old.appointments.get())
    type(old).objects.filter(pk=old.pk).update(status="completed")
    assert FollowUp.objects.filter(series=old, kind="weekly_therapy", state="firm").count() == 13
    new = w.book_course(clinic, [w.FIRST + timedelta(days=30)])
    kept = FollowUp.objects.filter(series=old, kind="weekly_therapy", state="firm")
    assert kept.count() == 3
    assert all(row.hard_latest_at <= w.FIRST + timedelta(days=30) for row in kept)
    assert w.current_window(infusion).series_id == old.pk
    assert FollowUp.objects.filter(series=new, state="provisional").exists()


def test_nothing_waits_for_a_patient_who_has_died(clinic, course, first):
    w.given(clinic, first)
    type(clinic.patient).objects.filter(pk=clinic.patient.pk).update(status="deceased")
    sync_follow_ups(series=course)
    assert not FollowUp.objects.open().filter(patient=clinic.patient).exists()
    assert not Message.objects.pending().filter(patient=clinic.patient).exists()


def test_amending_one_pump_time_by_seven_minutes_moves_all_of_it(clinic, clock, course, first):
    infusion = w.sign_for_real(clinic, clock, w.give_for_real(clinic, clock, first))
    before, session = w.current_window(infusion), w.follow_up(first, "integration_1")
    rest = w.follow_up(first, "no_driving")
    stop = infusion.pump_events.get(kind="stop", withdrawn_at__isnull=True)
    w.facts.amend_pump_event(
        event=stop,
        reason="Misread the pump",
        observed_at=stop.observed_at - timedelta(minutes=7),
        by=clinic.nurse,
    )
    after = w.current_window(infusion)
    assert after.generation == before.generation + 1
    assert after.t0 < before.t0
    assert after.status == "pending"
    assert w.follow_up(first, "integration_1").target_at == session.target_at - (before.t0 - after.t0)
    moved = w.follow_up(first, "no_driving")
    assert moved.target_at == rest.target_at - timedelta(minutes=7)
    message = Message.objects.get(follow_up=moved, state="scheduled")
    assert message.generation == moved.generation == rest.generation + 1
    assert Message.objects.filter(follow_up=moved, state="cancelled").count() == 1


def test_a_sedative_moves_the_expected_time_of_window_and_record_alike(clinic, first):
    infusion = w.start_pump(clinic, first)
    early = infusion.started_at + timedelta(minutes=90)
    w.stop_pump(clinic, infusion, t_pk=early)
    windows.reanchor(infusion=infusion, by=clinic.nurse)
    without = w.current_window(infusion).t0
    assert without == infusion.started_at + timedelta(minutes=120), "the minimum observation"
    GivenDrug.objects.create(
        infusion=infusion, drug="midazolam", drug_name="Midazolam", sedating=True, dose_mg=2, observed_at=early,
        ordered_by=clinic.clinician, entered_at=early, entered_by=clinic.nurse,
    )  # fmt: skip
    w.estimate(infusion, early)
    windows.reanchor(infusion=infusion, by=clinic.nurse)
    assert w.current_window(infusion).t0 == without + timedelta(minutes=60)
    assert w.current_window(infusion).t0 == w.facts.therapy_time(infusion).at


def test_a_struck_start_takes_window_and_lock_back(clinic, clock, first):
    infusion = w.ready_for_real(clinic, clock, first)
    start = w.facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    assert w.current_window(infusion).status == "provisional"
    w.facts.strike_pump_event(event=start, reason="Tapped by mistake", by=clinic.nurse)
    assert not PlasticityWindow.objects.current().filter(infusion=infusion).exists()
    assert list(clinic.patient.spans.filter(source=f"infusion:{infusion.pk}")) == []
    w.facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    assert w.current_window(infusion).generation == 2


DST = {
    "spring": (datetime(2026, 3, 7, 18, 0, tzinfo=UTC), datetime(2026, 3, 8, 16, 0, tzinfo=UTC)),
    "autumn": (datetime(2026, 10, 31, 17, 0, tzinfo=UTC), datetime(2026, 11, 1, 17, 0, tzinfo=UTC)),
}


@pytest.mark.parametrize("night", list(DST))
def test_local_times_hold_over_a_clock_change(clinic, clock, night):
    """Infusion on the Saturday; the clocks change in the night. 20:30 and 09:00 stay 20:30 and 09:00."""
    start, nine = DST[night]
    clock.set(start - timedelta(days=1))
    lines = w.facts.eligibility_lines(clinic.patient, clinic.version)
    w.facts.sign_eligibility(  # in autumn the one of spring has run out
        patient=clinic.patient,
        version=clinic.version,
        answers={line.code: "absent" for line in lines},
        by=clinic.clinician,
    )
    course = w.book_course(clinic, [start])
    visit = course.appointments.get()
    w.given(clinic, visit)
    rest = Message.objects.get(kind="rest", state="scheduled")
    evening = start.date()
    assert rest.due_local.endswith("20:30")
    assert rest.due_at == datetime(evening.year, evening.month, evening.day, 20, 30, tzinfo=UTC) + (
        timedelta(hours=8) if night == "spring" else timedelta(hours=7)
    )
    check = Message.objects.get(kind="check_in", state="scheduled")
    assert check.due_at == nine
    assert check.due_local.endswith("09:00")
