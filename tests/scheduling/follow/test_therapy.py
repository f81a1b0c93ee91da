"""Therapy: booked inside its limits, started only in an open window, and every way in which it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, FollowUp, Message, PlasticityWindow, ResourceBooking, WorkItem
from scheduling.services import closing, therapy, windows
from scheduling.services.followups import sync_follow_ups
from scheduling.services.therapy_rules import free_slots, start_lock
from sessions.models import IntegrationNote, IntegrationSession
from staff.errors import Clash, InvalidInput, NotAllowed, RuleNotMet, StaleVersion, StateConflict
from tests import factories
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
WEDNESDAY_TEN = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)


@pytest.fixture
def course(clinic):
    return w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)])


@pytest.fixture
def visit(course):
    return course.appointments.get(ordinal=1)


@pytest.fixture
def infusion(clinic, visit):
    return w.given(clinic, visit)


@pytest.fixture
def opened(clock, infusion):
    """The window, open, on Wednesday 09:00."""
    clock.set(w.current_window(infusion).t0)
    windows.open_window(window=w.current_window(infusion))
    clock.set(WEDNESDAY_TEN - timedelta(hours=1))
    return w.current_window(infusion)


def book(clinic, visit, start=WEDNESDAY_TEN, **over):
    fields = {
        "follow_up": w.follow_up(visit, "integration_1"),
        "start": start,
        "therapist": clinic.therapist,
        "by": clinic.therapist,
    }
    return therapy.book_therapy(**(fields | over))


def test_booked_before_the_signature_it_is_provisional_and_booked_for_good_by_it(clinic, visit):
    booked = book(clinic, visit)
    assert booked.status == "provisional"
    assert w.follow_up(visit, "integration_1").state == "booked"
    w.given(clinic, visit)
    booked.refresh_from_db()
    assert booked.status == "booked"
    assert w.follow_up(visit, "integration_1").state == "booked"


def test_the_same_booking_twice_is_one(clinic, visit, opened):
    assert book(clinic, visit).pk == book(clinic, visit).pk
    with pytest.raises(StateConflict) as refused:
        book(clinic, visit, WEDNESDAY_TEN + timedelta(hours=1))
    assert refused.value.code == "already-booked"
    assert Appointment.objects.filter(kind="therapy").count() == 1


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (w.FIRST + timedelta(hours=1), "no-therapy-period"),
        (w.FIRST + w.PREDICTED - timedelta(minutes=1), "no-therapy-period"),
        (w.FIRST - timedelta(minutes=60), "quiet-time"),
        (w.FIRST + w.PREDICTED, "same-night"),
        (WEDNESDAY_TEN - timedelta(hours=3, minutes=1), "same-night"),
        (w.FIRST + timedelta(days=3) - timedelta(minutes=60), "after-window"),
        (w.FIRST + timedelta(days=3, hours=1), "after-window"),
        (WEDNESDAY_TEN - timedelta(days=2), "past-start"),
    ],
)
def test_times_that_are_refused(clinic, visit, infusion, start, code):
    with pytest.raises(RuleNotMet) as refused:
        book(clinic, visit, start)
    assert refused.value.code == code
    assert not Appointment.objects.filter(kind="therapy").exists()


def test_the_night_can_be_broken_with_a_coded_reason_but_never_the_no_therapy_period(clinic, visit, infusion):
    start = w.current_window(infusion).t0
    with pytest.raises(RuleNotMet):
        book(clinic, visit, start, override_reason="because")
    booked = book(clinic, visit, start, override_reason="only-slot")
    assert booked.reason == "No other time before the next infusion"
    assert booked.during.lower == start, "exactly at the therapy time is allowed"


def test_without_a_licence_for_the_patients_state(clinic, visit, infusion):
    stranger = factories.make_user("therapist", sites=[clinic.site])
    factories.make_resource(clinic.site, "therapist", user=stranger)
    factories.make_licence(stranger, jurisdiction="US-WA")
    with pytest.raises(RuleNotMet) as refused:
        book(clinic, visit, therapist=stranger, by=clinic.coordinator)
    assert refused.value.code == "not-licensed"


def test_a_therapist_has_one_place_at_a_time_also_at_another_site(clinic, visit, infusion):
    other_site = factories.make_site()
    factories.make_resource(other_site, "therapist", user=clinic.therapist)
    book(clinic, visit)
    assert ResourceBooking.objects.filter(appointment__kind="therapy").count() == 2
    other = factories.make_patient(clinic.site)
    series = w.book_course(clinic, [w.FIRST - timedelta(hours=4)], patient=other, therapist=clinic.therapist)
    second = series.appointments.get()
    with pytest.raises(Clash):
        book(clinic, second, WEDNESDAY_TEN + timedelta(minutes=20))


def test_the_patient_has_one_place_at_a_time(clinic, visit, infusion):
    Appointment.objects.create(
        kind="preparation",
        status="cancelled",
        patient=clinic.patient,
        site=clinic.site,
        during=(WEDNESDAY_TEN, WEDNESDAY_TEN + timedelta(minutes=30)),
        booked_by=clinic.nurse,
        booked_at=clinic.now,
    )
    book(clinic, visit)
    PlasticityWindow.objects.update(claimed_by=None)
    with pytest.raises(Clash):
        book(
            clinic,
            visit,
            WEDNESDAY_TEN + timedelta(minutes=30),
            follow_up=w.follow_up(visit, "practice_check_in").__class__.objects.create(
                **_copy(w.follow_up(visit, "integration_1"))
            ),
            therapist=clinic.other_therapist,
            by=clinic.coordinator,
        )


def _copy(row: FollowUp) -> dict:
    kept = {
        item.attname: getattr(row, item.attname)
        for item in FollowUp._meta.concrete_fields
        if item.attname not in ("id", "code", "appointment_id", "state")
    }
    return kept | {"ordinal": 9, "state": "released"}


def test_a_coordinator_cannot_book_outside_the_therapists_hours(clinic, visit, infusion):
    early = WEDNESDAY_TEN - timedelta(hours=2, minutes=45)
    with pytest.raises(RuleNotMet) as refused:
        book(clinic, visit, early, by=clinic.coordinator)
    assert refused.value.code == "not-available"
    assert book(clinic, visit, early, by=clinic.therapist).status == "booked"


def test_bad_input(clinic, visit, infusion):
    with pytest.raises(InvalidInput):
        book(clinic, visit, mode="telepathy")
    with pytest.raises(InvalidInput):
        book(clinic, visit, datetime(2026, 3, 4, 10, 0))
    with pytest.raises(StaleVersion):
        book(clinic, visit, expected_version=77)


def test_start_complete_done(clinic, clock, visit, opened):
    booked = book(clinic, visit)
    clock.set(WEDNESDAY_TEN)
    session = therapy.start_therapy(follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist)
    again = therapy.start_therapy(follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist)
    assert session.pk == again.pk
    booked.refresh_from_db()
    assert booked.status == "in-progress"
    clock.advance(minutes=45)
    done = therapy.complete_therapy(
        follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist, progress="Walks every morning."
    )
    assert done.state == "done"
    booked.refresh_from_db()
    assert (booked.status, booked.during.upper) == ("completed", WEDNESDAY_TEN + timedelta(minutes=45))
    assert not booked.resource_bookings.exists()
    assert IntegrationNote.objects.get(session=session).signed_at is not None
    assert w.current_window(visit.infusion).claimed_by == clinic.therapist


def test_start_without_a_booking_and_away_from_the_booked_time(clinic, clock, visit, opened):
    therapy.start_therapy(follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist)
    started = Appointment.objects.get(kind="therapy")
    assert started.during.lower == clock.now()
    assert started.status == "in-progress"


def test_start_hours_before_the_booked_time_moves_it_to_now(clinic, clock, visit, opened):
    booked = book(clinic, visit, WEDNESDAY_TEN + timedelta(hours=4))
    therapy.start_therapy(follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist)
    booked.refresh_from_db()
    assert booked.during.lower == clock.now()
    assert booked.moved_from.lower == WEDNESDAY_TEN + timedelta(hours=4)


def test_locked_start_says_why_and_when(clinic, clock, visit):
    row = w.follow_up(visit, "integration_1")

    def locked():
        found = start_lock(row, load_course(clinic.patient.pk), clock.now(), ZoneInfo("America/Los_Angeles"))
        return found and (found.code, found.when)

    assert locked() == ("no-window", None)
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    windows.reanchor(infusion=infusion)
    t0 = w.FIRST + w.PREDICTED
    assert locked() == ("not-signed", t0)
    w.sign(clinic, infusion)
    windows.reanchor(infusion=infusion)
    assert locked() == ("no-therapy-period", t0)
    clock.set(t0)
    assert locked()[0] == "window-locked", "the tick has not looked yet"
    windows.open_window(window=w.current_window(infusion))
    row.refresh_from_db()
    assert locked() == ("too-early", row.earliest_at), (
        "one night lies between the infusion and the first session"
    )
    clock.set(row.earliest_at)
    assert locked() is None
    windows.mark_stale(infusion=infusion, reason="Test")
    assert locked()[0] == "window-stale"


def test_start_is_refused_with_when_and_why(clinic, clock, visit, infusion):
    clock.set(w.FIRST + w.PREDICTED - timedelta(minutes=1))
    with pytest.raises(RuleNotMet) as refused:
        therapy.start_therapy(follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist)
    assert refused.value.message == (
        "No-therapy period until Tue 3 Mar 15:29. This therapy session is due from Wed 4 Mar 07:00."
    )
    assert not IntegrationSession.objects.exists()


def test_start_is_refused_while_a_later_infusion_is_not_signed(clinic, clock, course, visit, opened):
    second = course.appointments.get(ordinal=2)
    clock.set(second.during.lower)
    later = w.start_pump(clinic, second)
    windows.reanchor(infusion=later)
    FollowUp.objects.filter(pk=w.follow_up(visit, "integration_1").pk).update(
        hard_latest_at=clock.now() + w.STAY * 9
    )
    with pytest.raises(RuleNotMet):
        therapy.start_therapy(follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist)


def test_taken_by_one_of_two(clinic, visit, opened):
    windows.claim_window(window=opened, by=clinic.therapist)
    windows.claim_window(window=opened, by=clinic.therapist)
    with pytest.raises(StateConflict) as refused:
        windows.claim_window(window=opened, by=clinic.other_therapist)
    assert "Jo Lindqvist has taken this one" in refused.value.message
    with pytest.raises(StateConflict):
        book(clinic, visit, therapist=clinic.other_therapist, by=clinic.coordinator)
    windows.release_window(window=opened, by=clinic.therapist)
    windows.claim_window(window=opened, by=clinic.other_therapist)
    assert w.follow_up(visit, "integration_1").assignee == clinic.other_therapist


def test_a_claim_survives_a_corrected_fact(clinic, visit, infusion):
    windows.claim_window(window=w.current_window(infusion), by=clinic.therapist)
    w.estimate(infusion, infusion.started_at + timedelta(minutes=350))
    windows.reanchor(infusion=infusion)
    assert w.current_window(infusion).claimed_by == clinic.therapist


def test_a_booked_window_is_not_given_back(clinic, visit, opened):
    book(clinic, visit)
    with pytest.raises(StateConflict) as refused:
        windows.release_window(window=opened, by=clinic.therapist)
    assert refused.value.code == "therapy-booked"


def test_cancel_decline_not_done(clinic, visit, opened):
    booked = book(clinic, visit)
    row = closing.cancel_therapy(
        follow_up=w.follow_up(visit, "integration_1"), reason="Patient asked", by=clinic.therapist
    )
    booked.refresh_from_db()
    assert (booked.status, row.state, row.appointment) == ("cancelled", "released", None)
    book(clinic, visit, WEDNESDAY_TEN + timedelta(hours=1))
    with pytest.raises(InvalidInput):
        closing.decline_follow_up(follow_up=row, reason="  ", by=clinic.therapist)
    declined = closing.decline_follow_up(follow_up=row, reason="Prefers not to", by=clinic.therapist)
    assert declined.state == "declined"
    assert not Appointment.objects.blocking().filter(kind="therapy").exists()
    assert (
        closing.decline_follow_up(follow_up=row, reason="Prefers not to", by=clinic.therapist).state
        == "declined"
    )
    with pytest.raises(StateConflict):
        closing.mark_not_done(follow_up=row, reason="Other", by=clinic.therapist)
    check = w.follow_up(visit, "practice_check_in")
    assert closing.mark_not_done(follow_up=check, reason="No time", by=clinic.therapist).state == "missed"
    sync_follow_ups(series=visit.series)
    assert w.follow_up(visit, "integration_1").state == "declined", (
        "closed by a person, never reopened by the plan"
    )


def test_other_follow_ups_are_completed_with_a_note(clinic, clock, visit, opened):
    check = w.follow_up(visit, "morning_check_in")
    with pytest.raises(RuleNotMet):
        closing.complete_follow_up(follow_up=w.follow_up(visit, "integration_1"), by=clinic.nurse)
    done = closing.complete_follow_up(follow_up=check, by=clinic.nurse, note="Slept well, feels normal")
    assert (done.state, done.closed_reason) == ("done", "Slept well, feels normal")
    assert not Message.objects.filter(follow_up=check, state="scheduled").exists()


def test_only_who_held_it_completes_it(clinic, clock, visit, opened):
    therapy.start_therapy(follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist)
    with pytest.raises(NotAllowed):
        therapy.complete_therapy(
            follow_up=w.follow_up(visit, "integration_1"), by=clinic.other_therapist, progress="x"
        )
    with pytest.raises(InvalidInput):
        therapy.complete_therapy(follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist)


def test_a_later_t0_displaces_planned_therapy_with_an_owner(clinic, visit, infusion):
    booked = book(clinic, visit, w.current_window(infusion).t0, override_reason="clinical")
    w.estimate(infusion, infusion.started_at + timedelta(minutes=360))
    windows.reanchor(infusion=infusion)
    booked.refresh_from_db()
    assert (booked.status, booked.owner) == ("displaced", clinic.therapist)
    assert not booked.resource_bookings.exists()
    assert w.follow_up(visit, "integration_1").state == "firm"
    item = WorkItem.objects.get(kind="displaced")
    assert item.owner == clinic.therapist
    assert "window" in item.url
    moved = book(clinic, visit)
    assert moved.pk == booked.pk, "its history goes on"
    assert moved.moved_from == booked.during
    item.refresh_from_db()
    assert item.resolved_at is not None


def test_therapy_that_took_place_is_flagged_and_kept(clinic, clock, visit, opened):
    therapy.start_therapy(follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist)
    clock.advance(minutes=50)
    therapy.complete_therapy(follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist, progress="x")
    w.estimate(visit.infusion, clock.now())
    windows.reanchor(infusion=visit.infusion)
    session = IntegrationSession.objects.get()
    assert session.inside_no_therapy_at == clock.now()
    item = WorkItem.objects.get(kind="therapy-inside")
    assert (item.role, item.owner) == ("clinician", clinic.clinician)
    assert w.follow_up(visit, "integration_1").state == "done"
    assert Appointment.objects.get(kind="therapy").status == "completed"


def test_a_booking_that_the_plan_no_longer_wants_is_a_persons_decision(clinic, course, visit, infusion):
    booked = book(clinic, visit, WEDNESDAY_TEN + timedelta(hours=24))
    second = course.appointments.get(ordinal=2)
    w.release(second, "cancelled")
    w.add_visit(clinic, course, w.FIRST + timedelta(hours=49), 2)
    sync_follow_ups(series=course)
    booked.refresh_from_db()
    row = w.follow_up(visit, "integration_1")
    assert (booked.status, row.state) == ("booked", "booked")
    item = WorkItem.objects.get(kind="unplaced", resolved_at__isnull=True)
    assert item.owner == clinic.therapist


def test_free_slots_are_what_can_be_booked(clinic, clock, visit, opened):
    row = w.follow_up(visit, "integration_1")
    found = free_slots(row, load_course(clinic.patient.pk), now=clock.now())
    assert found
    assert {slot.therapist for slot in found} == {clinic.therapist, clinic.other_therapist}
    for slot in found:
        assert row.earliest_at <= slot.start
        assert slot.end <= row.hard_latest_at
        assert slot.start >= clock.now()
    mine = free_slots(row, load_course(clinic.patient.pk), now=clock.now(), therapist=clinic.therapist)
    booked = book(clinic, visit, mine[-1].start, by=clinic.coordinator)
    assert booked.status == "booked"
    other = free_slots(row, load_course(clinic.patient.pk), now=clock.now(), therapist=clinic.therapist)
    assert booked.during.lower not in {slot.start for slot in other}
    assert PlasticityWindow.objects.current().get(infusion=visit.infusion).claimed_by == clinic.therapist
