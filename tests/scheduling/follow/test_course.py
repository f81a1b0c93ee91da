"""Follow-ups over a whole course: several infusions close together, a late start, the end of the series; why each
stands where it stands; and therapy that is late, with what is still possible.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.test import Client

from scheduling import dispatch
from scheduling.models import FollowUp, Message, WorkItem
from scheduling.services import therapy, windows
from scheduling.services.followups import sync_follow_ups
from staff.errors import StateConflict
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
TAIL = {"integration_2": 1, "outcome_set": 1, "weekly_therapy": 13, "relapse_watch": 3}


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)


def kinds(visit) -> dict[str, int]:
    """How many open follow-ups of each kind."""
    found: dict[str, int] = {}
    for kind in FollowUp.objects.open().filter(visit=visit).values_list("kind", flat=True):
        found[kind] = found.get(kind, 0) + 1
    return found


def test_three_a_week_one_session_each_and_the_tail_once(clinic):
    """Mon, Wed, Fri, Mon: overlapping windows; nothing reaches into the quiet time or a no-therapy period."""
    monday = w.FIRST - timedelta(days=1)
    starts = [monday + timedelta(days=n) for n in (0, 2, 4, 7)]
    course = w.book_course(clinic, starts)
    visits = list(course.appointments.order_by("ordinal"))
    for visit, following in pairwise(visits):
        found = kinds(visit)
        assert found["integration_1"] == 1
        assert not TAIL.keys() & found.keys()
        quiet = following.during.lower - timedelta(minutes=30)
        for row in FollowUp.objects.open().filter(visit=visit, gate="window"):
            assert visit.predicted_t0 <= row.earliest_at
            assert row.target_at + timedelta(minutes=row.duration_minutes) <= row.hard_latest_at <= quiet
    last = kinds(visits[-1])
    assert {kind: last[kind] for kind in TAIL} == TAIL
    watch = FollowUp.objects.filter(visit=visits[-1], kind="relapse_watch").order_by("ordinal")
    days = [(row.target_at - visits[-1].predicted_t0).days for row in watch]
    assert days == [14, 18, 28], "median relapse lies between the first two"
    w.release(visits[-1], "cancelled")
    sync_follow_ups(series=course)
    assert {kind: kinds(visits[2])[kind] for kind in TAIL} == TAIL, "the tail of the one before is restored"
    assert kinds(visits[-1]) == {}


def test_a_late_start_moves_what_follows_by_as_much(clinic, clock):
    visit = w.book_course(clinic, [w.FIRST]).appointments.get()
    planned = {row.kind: row for row in FollowUp.objects.filter(visit=visit, ordinal=1)}
    late = timedelta(minutes=45)
    infusion = w.start_pump(clinic, visit, at=visit.during.lower + late)
    windows.reanchor(infusion=infusion)
    w.stop_pump(clinic, infusion)
    windows.reanchor(infusion=infusion)
    now_is = {row.kind: row for row in FollowUp.objects.filter(visit=visit, ordinal=1)}
    for kind in ("no_driving", "practice", "outcome_set"):
        assert now_is[kind].target_at == planned[kind].target_at + late, kind
    for kind in ("rest_message", "morning_check_in"):
        assert now_is[kind].target_at == planned[kind].target_at, "a time of the clock stays"
    assert w.current_window(infusion).t0 == visit.predicted_t0 + late
    message = Message.objects.get(kind="no_driving")
    assert message.due_at == infusion.stopped_at + timedelta(minutes=60)


def test_each_follow_up_says_why_now(clinic, clock):
    """The window's page shows pump stop, clearance, signature, rule and version."""
    visit = w.book_course(clinic, [w.FIRST]).appointments.get()
    infusion = w.given(clinic, visit)
    clock.set(w.current_window(infusion).t0)
    dispatch.tick()
    client = Client()
    client.force_login(clinic.therapist)
    page = client.get(f"/windows/{w.current_window(infusion).code}/").content.decode()
    for label, words in (
        ("Counted from", "the time therapy may begin, Tue 3 Mar 15:29"),
        ("Pump stopped", "Tue 3 Mar 10:40"),
        ("Drug cleared", "Tue 3 Mar 15:29 (estimate)"),
        ("Ready to leave", "Tue 3 Mar 12:10"),
        ("Protocol", "Six infusions in three weeks v1"),
        ("Source", "Wilkinson 2021 Psychother Psychosom"),
    ):
        assert label in page, label
        assert words in page, words


@pytest.fixture
def opened(clinic, clock) -> FollowUp:
    """Session 1 of an open window, the next infusion three days later; nobody has booked it."""
    visit = w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)
    infusion = w.given(clinic, visit)
    clock.set(w.current_window(infusion).t0)
    dispatch.tick()
    return w.follow_up(visit, "integration_1")


def late_item(row: FollowUp) -> WorkItem | None:
    """Late: a named person's, and with the lead when the window closes within a day."""
    keys = [f"late:{row.code}", f"pool:{row.code}"]
    return WorkItem.objects.open().filter(key__in=keys, owner__isnull=False).first()


def test_late_therapy_is_a_named_persons_with_the_times_still_possible(clinic, clock, opened):
    clock.set(opened.target_at)
    dispatch.tick()
    assert late_item(opened) is None
    clock.set(opened.latest_at)
    for _ in range(2):
        dispatch.tick()
    item = late_item(opened)
    assert (item.owner, item.due_at) == (clinic.clinician, opened.hard_latest_at)
    assert "Still possible: Thu 5 Mar 15:30 with" in item.detail
    again = w.follow_up(opened.visit, "integration_1")
    assert (again.state, again.target_at, again.latest_at) == ("released", opened.target_at, opened.latest_at)
    client = Client()
    client.force_login(clinic.therapist)
    page = client.get(item.url).content.decode()
    assert "15:30" in page
    assert "Late" in page
    therapy.book_therapy(
        follow_up=again,
        start=opened.latest_at.replace(minute=30),
        therapist=clinic.therapist,
        by=clinic.therapist,
    )
    assert late_item(opened) is None
    dispatch.tick()
    assert late_item(opened) is None, "booked is not late"


def test_a_session_that_nobody_started_offers_what_is_left_in_two_clicks(clinic, clock, opened):
    at = opened.earliest_at.replace(minute=0) + timedelta(hours=2)
    old = therapy.book_therapy(follow_up=opened, start=at, therapist=clinic.therapist, by=clinic.therapist)
    clock.set(old.during.upper - timedelta(seconds=1))
    dispatch.tick()
    key = {"key": f"passed:{old.code}"}
    assert not WorkItem.objects.filter(**key).exists()
    client = Client()
    client.force_login(clinic.therapist)
    assert "Book what is left" not in client.get("/queue/").content.decode()
    clock.set(old.during.upper)
    for _ in range(2):
        dispatch.tick()
    item = WorkItem.objects.open().get(**key)
    assert item.owner == clinic.therapist
    assert "Still possible: " in item.detail
    assert "Book what is left" in client.get("/queue/").content.decode()
    page = client.get(item.url)  # the first click
    assert page.status_code == 200
    row = w.follow_up(opened.visit, "integration_1")
    slot = page.context["people"][0][1][0][1][0]
    data = {
        "version": row.version,
        "patient_code": str(row.patient.code),
        "pick": f"{slot.start.isoformat()}|{slot.therapist.code}",
    }
    booked = client.post(item.url, data)  # the second
    assert booked.status_code == 302, booked.content.decode()[:3000]
    again = w.follow_up(opened.visit, "integration_1")
    assert (again.state, again.appointment.during.lower) == ("booked", slot.start)
    old.refresh_from_db()
    assert (old.status, old.resource_bookings.count()) == ("no-show", 0), "what happened stays on record"
    dispatch.tick()
    assert WorkItem.objects.open().filter(**key).count() == 0
    with pytest.raises(StateConflict):
        therapy.book_therapy(
            follow_up=again,
            start=slot.start + timedelta(hours=2),
            therapist=clinic.therapist,
            by=clinic.therapist,
        )


def test_with_no_time_left_it_says_so_and_the_window_is_missed_with_a_reason(clinic, clock, opened):
    for lane in (clinic.therapist_lane, clinic.other_therapist_lane):
        lane.availabilities.all().delete()
    type(clinic.patient).objects.update(therapist=None)
    type(opened.series).objects.update(therapist=None)
    FollowUp.objects.filter(pk=opened.pk).update(assignee=None)
    clock.set(opened.latest_at)
    dispatch.tick()
    item = late_item(opened)
    assert "No free time of a therapist is left" in item.detail
    assert item.owner == clinic.clinician, "without a therapist it is the prescriber's"
    clock.set(opened.hard_latest_at)
    dispatch.tick()
    assert late_item(opened) is None
    row = w.follow_up(opened.visit, "integration_1")
    assert row.state == "missed"
    assert row.closed_reason.startswith("Window missed: no ")
    assert row.closed_reason.endswith("the next infusion visit ended it early.")
    missed = WorkItem.objects.open().get(key=f"missed:{row.code}")
    assert (missed.owner, row.closed_reason in missed.detail) == (clinic.clinician, True)


def test_a_booking_that_nobody_held_is_the_reason(clinic, clock, opened):
    start = opened.latest_at.replace(minute=30)
    therapy.book_therapy(follow_up=opened, start=start, therapist=clinic.therapist, by=clinic.therapist)
    clock.set(opened.hard_latest_at)
    dispatch.tick()
    row = w.follow_up(opened.visit, "integration_1")
    assert "booked for Thu 5 Mar 15:30 and did not take place" in row.closed_reason


def test_every_open_loop_names_its_owner(clinic, clock, opened):
    client = Client()
    client.force_login(clinic.nurse)
    page = client.get("/open-loops/").content.decode()
    assert clinic.therapist.full_name in page
    assert f"{clinic.nurse.full_name} <span" in page, "what is anybody's of a role is whoever's on duty"


def test_a_window_without_therapy_has_one_item_and_one_owner_at_every_moment(clinic, clock):
    """Open to every therapist, then a named person's when it is late, then the lead's."""
    visit = w.book_course(clinic, [w.FIRST]).appointments.get()
    window = w.current_window(w.given(clinic, visit))
    clock.set(window.t0)
    dispatch.tick()
    row, seen = w.follow_up(visit, "integration_1"), []
    for moment in (row.target_at, row.latest_at, window.core_until - timedelta(hours=24)):
        clock.set(moment)
        for _ in range(2):
            dispatch.tick()
        (item,) = WorkItem.objects.open().filter(kind="unplaced", patient=row.patient)
        seen.append((item.title.split(":")[0], item.owner))
    assert seen == [
        ("Therapy is not booked", None),
        ("Late", clinic.therapist),
        ("The window closes without therapy", clinic.clinician),
    ]
