"""The tick: what it opens, closes, misses and escalates, and that one bad row or step stops nothing else."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from scheduling import dispatch, tasks
from scheduling.models import Appointment, FollowUp, Heartbeat, PlasticityWindow, WorkItem
from scheduling.services import therapy, windows
from scheduling.services.workitems import raise_item, resolve_item
from sessions import signals
from staff.errors import InvalidInput, StateConflict
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)


@pytest.fixture
def visit(clinic):
    return w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)


@pytest.fixture
def infusion(clinic, visit):
    return w.given(clinic, visit)


def open_items(kind: str):
    return WorkItem.objects.open().filter(kind=kind)


def test_all_windows_open_once_after_a_pause_of_the_worker(clinic, clock, visit, infusion):
    clock.set(w.current_window(infusion).t0 + timedelta(hours=2))
    assert w.current_window(infusion).status == "pending", "worker stopped: nothing opens"
    assert dispatch.tick().counts["opened"] == 1
    assert dispatch.tick().counts["opened"] == 0
    row = w.current_window(infusion)
    assert (row.status, row.opened_at) == ("open", clock.now())
    assert w.follow_up(visit, "integration_1").state == "released"


def test_facts_are_looked_at_again_before_a_window_opens(clinic, clock, infusion):
    """An estimate newer than the window (its receiver never ran): re-anchored instead of opened."""
    w.estimate(infusion, infusion.started_at + timedelta(minutes=500))
    window = w.current_window(infusion)
    clock.set(window.t0)
    assert windows.open_window(window=window) is False
    row = w.current_window(infusion)
    assert (row.status, row.t0) == ("pending", infusion.started_at + timedelta(minutes=500))


def test_a_window_closes_when_its_core_is_over(clinic, clock, infusion):
    clock.set(w.current_window(infusion).t0)
    dispatch.tick()
    clock.set(w.current_window(infusion).core_until)
    dispatch.tick()
    assert w.current_window(infusion).status == "closed"


def test_missed_therapy_goes_to_its_therapist(clinic, clock, visit, infusion):
    clock.set(w.current_window(infusion).t0)
    dispatch.tick()
    session = w.follow_up(visit, "integration_1")
    clock.set(session.hard_latest_at - timedelta(seconds=1))
    dispatch.tick()
    assert w.follow_up(visit, "integration_1").state == "released"
    clock.set(session.hard_latest_at)
    dispatch.tick()
    dispatch.tick()
    assert w.follow_up(visit, "integration_1").state == "missed"
    item = open_items("missed").get(key=f"missed:{session.code}")
    assert (item.owner, item.role) == (clinic.therapist, "therapist")
    assert w.follow_up(visit, "practice_check_in").state == "missed"
    assert not open_items("missed").filter(title__contains="Practice").exists(), "not a required one"


def test_a_booked_session_that_nobody_held_is_missed_and_frees_its_therapist(clinic, clock, visit, infusion):
    clock.set(w.current_window(infusion).t0)
    dispatch.tick()
    row = w.follow_up(visit, "integration_1")
    booked = therapy.book_therapy(
        follow_up=row,
        start=row.hard_latest_at - timedelta(minutes=50),
        therapist=clinic.therapist,
        by=clinic.therapist,
    )
    clock.set(row.hard_latest_at)
    dispatch.tick()
    booked.refresh_from_db()
    assert (booked.status, booked.resource_bookings.count()) == ("no-show", 0)
    assert w.follow_up(visit, "integration_1").state == "missed"


def test_a_running_session_is_not_missed(clinic, clock, visit, infusion):
    clock.set(w.current_window(infusion).t0)
    dispatch.tick()
    row = w.follow_up(visit, "integration_1")
    clock.set(row.hard_latest_at - timedelta(minutes=50))
    therapy.start_therapy(follow_up=row, by=clinic.therapist)
    clock.set(row.hard_latest_at + timedelta(minutes=5))
    dispatch.tick()
    assert w.follow_up(visit, "integration_1").state == "booked"
    assert Appointment.objects.get(kind="therapy").status == "in-progress"


def test_silence_by_eleven_makes_a_nurse_call_signed_or_not(clinic, clock, visit):
    w.given(clinic, visit, signed=False)
    check = w.follow_up(visit, "morning_check_in")
    clock.set(check.latest_at - timedelta(seconds=1))
    dispatch.tick()
    assert not open_items("call-patient").exists()
    clock.set(check.latest_at)
    dispatch.tick()
    dispatch.tick()
    item = open_items("call-patient").get()
    assert (item.role, item.due_at) == ("nurse", check.latest_at)
    clock.set(check.hard_latest_at)
    dispatch.tick()
    assert not open_items("call-patient").exists()
    assert open_items("missed").filter(key=f"missed:{check.code}", role="nurse").exists()


def test_an_unsigned_record_escalates_after_observation_and_45_minutes(clinic, clock, visit):
    infusion = w.give_for_real(clinic, clock, visit)
    ends = infusion.started_at + timedelta(minutes=120 + 45)
    clock.set(ends - timedelta(seconds=1))
    dispatch.tick()
    assert not open_items("unsigned").exists()
    clock.set(ends)
    dispatch.tick()
    item = open_items("unsigned").get()
    assert (item.owner, item.due_at) == (clinic.clinician, ends)
    w.sign_for_real(clinic, clock, infusion, late_reason="Emergency next door")
    assert not open_items("unsigned").exists()


def test_planning_that_fails_keeps_the_fact_and_says_so(clinic, clock, visit, monkeypatch):
    infusion = w.ready_for_real(clinic, clock, visit)
    monkeypatch.setattr(windows, "wanted_window", _broken)
    event = w.facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    assert event.pk, "the fact is kept"
    row = w.current_window(infusion)
    assert (row.status, row.t0) == ("stale", w.FIRST + timedelta(hours=12))
    item = open_items("stale-window").get()
    assert (item.role, item.owner) == ("clinician", clinic.clinician)
    assert "secret" not in item.detail
    dispatch.tick()
    version = w.current_window(infusion).version
    dispatch.tick()
    assert w.current_window(infusion).version == version, "a failing retry writes nothing new"
    monkeypatch.undo()
    dispatch.tick()
    assert w.current_window(infusion).status == "provisional"
    assert not open_items("stale-window").exists()


def _broken(*_: object) -> None:
    raise RuntimeError("secret name of a patient")


def test_a_window_that_was_never_made_is_found_by_the_sweep(clinic, clock, visit):
    infusion = w.start_pump(clinic, visit)
    assert not PlasticityWindow.objects.exists()
    dispatch.tick()
    assert w.current_window(infusion).status == "provisional"


def test_a_failing_row_is_logged_without_its_contents_and_stops_nobody(
    clinic, clock, visit, infusion, monkeypatch, caplog
):
    clock.set(w.current_window(infusion).t0)
    monkeypatch.setattr(windows, "open_window", lambda **_: _broken())
    done = dispatch.tick()
    assert done.failed == []
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text
    monkeypatch.undo()
    assert dispatch.tick().counts["opened"] == 1


def test_a_failing_step_stops_the_heartbeat_and_nothing_else(clinic, clock, monkeypatch):
    dispatch.tick()
    before = Heartbeat.objects.get(pk="tick").rounds
    monkeypatch.setattr(dispatch, "sweep_stale", _broken)
    done = dispatch.tick()
    assert done.failed == ["stale"]
    assert "sent" in done.counts
    assert Heartbeat.objects.get(pk="tick").rounds == before
    with pytest.raises(CommandError):
        call_command("dispatch_messages", "--once", stdout=StringIO(), stderr=StringIO())


def test_command_and_task_are_the_same_tick(clinic, clock, visit, infusion):
    clock.set(w.current_window(infusion).t0)
    out = StringIO()
    call_command("dispatch_messages", "--once", stdout=out)
    assert "opened 1" in out.getvalue()
    rounds = Heartbeat.objects.get(pk="tick").rounds
    tasks.tick()
    assert Heartbeat.objects.get(pk="tick").rounds == rounds + 1
    assert tasks.tick.name == "scheduling.tick"


def test_rederive_changes_nothing_that_is_right_and_mends_what_is_not(clinic, clock, visit, infusion):
    before = list(FollowUp.objects.order_by("pk").values_list("pk", "version"))
    out = StringIO()
    call_command("rederive_followups", stdout=out)
    assert "1 series derived again" in out.getvalue()
    assert list(FollowUp.objects.order_by("pk").values_list("pk", "version")) == before
    FollowUp.objects.filter(visit=visit, kind="integration_1").update(title="Something else")
    call_command("rederive_followups", "--series", str(visit.series.code), stdout=StringIO())
    assert w.follow_up(visit, "integration_1").title.startswith("Post-infusion therapy")
    with pytest.raises(CommandError):
        call_command("rederive_followups", "--series", "nonsense")
    with pytest.raises(CommandError):
        call_command("rederive_followups", "--series", str(clinic.patient.code))


def test_items_are_raised_once_and_closed_with_words(clinic, clock):
    fields = {
        "kind": "missed",
        "key": "k",
        "site": clinic.site,
        "title": "T",
        "role": "nurse",
        "due_at": clock.now(),
    }
    item = raise_item(**fields)
    assert raise_item(**(fields | {"detail": "more"})).pk == item.pk
    with pytest.raises(InvalidInput):
        resolve_item(item=item, by=clinic.nurse, resolution=" ")
    resolve_item(item=item, by=clinic.nurse, resolution="Called the patient")
    with pytest.raises(StateConflict):
        resolve_item(item=item, by=clinic.nurse, resolution="again")
    assert raise_item(**fields).pk != item.pk, "the same cause again is a new item"


def test_receivers_answer_every_signal():
    for signal in (
        signals.pump_log_changed,
        signals.infusion_signed_off,
        signals.infusion_amended,
        signals.infusion_not_given,
    ):
        assert signal.has_listeners()
