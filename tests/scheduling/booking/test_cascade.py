"""Moves that take others along: proposed exactly, shown as a diff, done whole or not at all, taken back whole."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.models import Appointment, Message, ResourceBooking, ScheduleChange, WorkItem
from scheduling.schedule_checks import check_schedule
from scheduling.services import visits as visit_service
from scheduling.services.cascade import propose_move, propose_replan
from scheduling.services.changes import history_of, undo_change
from scheduling.services.move_diff import preview
from scheduling.services.moving import move_visits
from scheduling.services.proposals import propose_series
from scheduling.services.resources import add_absence
from scheduling.services.seating import TherapyChoice
from scheduling.services.visit_options import visit_options
from staff.errors import Clash, InvalidInput, RuleNotMet, StaleVersion, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import WEIGHT, book, choice, local, six, visits_of
from tests.scheduling.booking.steps import arrive, give

pytestmark = pytest.mark.django_db
WHY = "Another time suits the patient better (asked by the patient)"


@pytest.fixture
def series(clinic):
    return book(clinic)


@pytest.fixture
def with_therapy(clinic):
    """A series as the plan page books it: each infusion with its therapy session."""
    proposal = propose_series(
        patient=clinic.patient, protocol_version=clinic.version, weight_kg=WEIGHT,
        first_day=local(clinic, 5).date(), by=clinic.coordinator,
    )  # fmt: skip
    therapy = [
        TherapyChoice(item.ordinal, row.kind, row.start, row.therapist)
        for item in proposal.plan.visits
        for row in item.therapy
    ]
    from scheduling.services.seating import VisitChoice

    rows = [
        VisitChoice(item.ordinal, item.start, item.chair, item.nurse, item.prescriber)
        for item in proposal.plan.visits
    ]
    assert therapy
    return book(clinic, visits=rows, therapy=therapy)


def state(series):
    rows = Appointment.objects.filter(series=series).order_by("pk")
    seats = ResourceBooking.objects.filter(appointment__in=rows).order_by("appointment", "resource", "during")
    return (
        [(row.pk, row.status, row.during, row.predicted_t0, row.practitioner_id) for row in rows],
        sorted((row.appointment_id, row.resource_id, row.during.lower, row.during.upper) for row in seats),
    )


def plans(series):
    rows = Message.objects.pending().filter(patient=series.patient)
    return sorted((row.kind, row.due_at, row.about_at) for row in rows if row.about_at)


def test_a_move_that_breaks_a_gap_is_refused_alone_and_proposed_with_the_least_change(clinic, series):
    first, second = visits_of(series)[4:]
    start = local(clinic, 18, 9)  # Wednesday: 120 h before the last, 96 are allowed
    with pytest.raises(RuleNotMet) as refusal:
        visit_service.move_visit(
            appointment=first, start=start, by=clinic.coordinator, reason="patient-asked"
        )
    assert refusal.value.code == "gap"
    plan = propose_move(visit=first, start=start)
    assert [item.ordinal for item in plan.choices] == [5, 6], "one more visit moves, no other"
    before = state(series)
    diff = preview(plan, by=clinic.coordinator, reason=WHY)
    assert state(series) == before, "a preview writes nothing"
    assert not ScheduleChange.objects.exists()
    assert [line.title for line in diff.visits] == ["Infusion 5", "Infusion 6"]
    assert diff.messages, "the reminders of the moved visits leave at another time"
    change = move_visits(
        series=series, choices=plan.choices, sessions=plan.sessions, by=clinic.coordinator, reason=WHY
    )
    rows = visits_of(series)
    assert rows[4].during.lower == start
    assert [(row.moved_from is not None, row.moved_by) for row in rows[4:]] == [
        (True, clinic.coordinator)
    ] * 2
    assert all(row.moved_from is None and row.version == 1 for row in rows[:4]), "siblings are untouched"
    assert {row.code for row in rows} == {row.code for row in visits_of(series)}
    assert change.rows.count() == 2
    assert check_schedule(clinic.now) == []
    assert second.pk in {row.appointment_id for row in change.rows.all()}


def test_chair_and_people_go_along_where_they_are_free_and_nobody_is_changed_for_nothing(clinic):
    """A clinic with others to choose from: the planner may pick anybody, the proposal keeps whom the patient has."""
    nurse, doctor = factories.make_user("nurse", sites=[clinic.site]), clinic.second_clinician
    lanes = [
        factories.make_resource(clinic.site, "nurse", user=nurse, capacity=2, name="A second nurse"),
        factories.make_resource(
            clinic.site, "clinician", user=doctor, capacity=2, name="A second prescriber"
        ),
    ]
    mine = {
        "chair": str(clinic.chairs[2].code),
        "nurse": str(lanes[0].code),
        "prescriber": str(lanes[1].code),
    }
    rows = visits_of(book(clinic, visits=six(clinic, **mine)))
    plan = propose_move(visit=rows[0], start=local(clinic, 5, 13), scope="following")
    assert [item.ordinal for item in plan.choices] == [1, 2, 3, 4, 5, 6]
    assert {(item.chair, item.nurse, item.prescriber) for item in plan.choices} == {tuple(mine.values())}
    alone = propose_replan(series=rows[0].series, hit=[rows[2]])
    assert alone.choices == (), "it can stay where it is"
    add_absence(
        resource=lanes[0],
        start=rows[2].during.lower,
        end=rows[2].during.upper,
        reason="Course",
        by=clinic.coordinator,
    )
    (other,) = propose_replan(series=rows[0].series, hit=[rows[2]]).choices
    assert (other.ordinal, other.start, other.nurse) == (3, rows[2].during.lower, str(clinic.nurse_lane.code))
    assert (other.chair, other.prescriber) == (mine["chair"], mine["prescriber"])


def test_scope_keeps_wall_clock_and_distance_across_the_clock_change(clinic, series):
    """All from Thursday 5 March 09:00 to Friday 13:00, and so on, over the night of 8 March: never an hour off."""
    first = visits_of(series)[0]
    plan = propose_move(visit=first, start=local(clinic, 6, 13), scope="following")
    starts = {item.ordinal: item.start for item in plan.choices}
    days = (6, 10, 13, 17, 20, 24)
    assert starts == {n: local(clinic, day, 13) for n, day in enumerate(days, start=1)}
    cycle = propose_move(visit=first, start=local(clinic, 6, 13), scope="cycle")
    assert {item.ordinal: item.start for item in cycle.choices} == starts, "one phase is one cycle here"


def test_therapy_goes_with_its_infusion_and_undo_puts_everything_back(clinic, with_therapy, clock):
    series = with_therapy
    before, messages = state(series), plans(series)
    assert messages
    visit = visits_of(series)[5]
    other = next(
        item for item in visit_options(series=series, ordinal=6).choices if item.start != visit.during.lower
    )
    plan = propose_move(visit=visit, start=other.start)
    assert len(plan.choices) == 1
    assert {row.appointment.ordinal for row in plan.sessions} == {6}
    change = move_visits(
        series=series, choices=plan.choices, sessions=plan.sessions, by=clinic.nurse, reason=WHY
    )
    assert plans(series) != messages
    assert check_schedule(clinic.now) == []
    clock.advance(seconds=119)
    undo_change(change=change, by=clinic.nurse)
    assert state(series) == before
    assert plans(series) == messages, "what the move planned is stopped, what it stopped is planned again"
    undo_change(change=change, by=clinic.nurse)
    assert [row.change.kind for row in history_of(visit)] == ["undo", "move"], "and the history keeps both"
    assert check_schedule(clinic.now) == []


def test_undo_is_over_after_two_minutes_after_another_change_or_when_the_place_is_taken(
    clinic, series, clock
):
    visit = visits_of(series)[2]
    start = visit.during.lower
    moved = visit_service.move_visit(
        appointment=visit, start=local(clinic, 12, 14), by=clinic.nurse, reason="staff"
    )
    change = ScheduleChange.objects.get()
    other = factories.make_patient(clinic.site)
    single = factories.make_version("single-infusion", author=clinic.admin)
    book(clinic, patient=other, protocol_version=single, visits=[choice(clinic, 1, start)])
    with pytest.raises(Clash):
        undo_change(change=change, by=clinic.nurse)
    clock.advance(seconds=121)
    with pytest.raises(StateConflict, match="two minutes"):
        undo_change(change=change, by=clinic.nurse)
    again = visit_service.move_visit(
        appointment=moved, start=local(clinic, 12, 15), by=clinic.nurse, reason="late"
    )
    with pytest.raises(StateConflict):
        undo_change(change=change, by=clinic.nurse)
    assert again.during.lower != start


@pytest.mark.parametrize("act", ["cancel_visit", "omit_visit"])
def test_postponed_and_skipped_visits_come_back_with_their_therapy(clinic, with_therapy, act, clock):
    before, messages = state(with_therapy), plans(with_therapy)
    visit = visits_of(with_therapy)[5 if act == "omit_visit" else 1]
    reason = {"cancel_visit": "patient-unwell", "omit_visit": "responded"}[act]
    gone = getattr(visit_service, act)(appointment=visit, by=clinic.clinician, reason=reason)
    assert state(with_therapy) != before
    visit_service.undo_move(appointment=gone, by=clinic.clinician, expected_version=gone.version)
    assert state(with_therapy) == before
    assert plans(with_therapy) == messages
    assert check_schedule(clinic.now) == []


def ahead(series, clock):
    """Messages about what is to come; those about a visit whose time has begun are of no use any more."""
    return [row for row in plans(series) if row[2] > clock.now()]


def test_a_visit_said_to_be_missed_comes_back_with_its_messages(clinic, with_therapy, clock):
    """The patient walks in after all: within two minutes the visit is as it was, and nobody is told otherwise."""
    visit = visits_of(with_therapy)[0]
    clock.set(visit.during.lower + timedelta(minutes=20))
    before, messages = state(with_therapy), ahead(with_therapy, clock)
    assert messages
    gone = visit_service.mark_no_show(appointment=visit, by=clinic.nurse, reason="no-contact")
    assert state(with_therapy) != before
    assert WorkItem.objects.open().filter(key__startswith="undated:").count() == 1
    clock.advance(seconds=60)
    client = Client()
    client.force_login(clinic.nurse)
    url = reverse("visit_undo_move", args=[gone.code, gone.version])
    assert url in client.get(reverse("visit_detail", args=[gone.code])).content.decode()
    assert client.post(url).status_code == 302
    assert client.post(url).status_code == 302, "twice is once"
    assert state(with_therapy) == before
    assert ahead(with_therapy, clock) == messages
    assert not WorkItem.objects.open().filter(key__startswith="undated:").exists()
    assert visit_service.check_in(appointment=visits_of(with_therapy)[0], by=clinic.nurse).ordinal == 1


def test_what_is_given_or_under_way_never_moves(clinic, series, clock):
    rows = visits_of(series)
    give(clinic, rows[0], clock)
    with pytest.raises(StateConflict):
        visit_service.move_visit(appointment=rows[0], start=local(clinic, 6), by=clinic.nurse, reason="late")
    arrive(clinic, visits_of(series)[1], clock)
    plan = propose_move(visit=visits_of(series)[2], start=local(clinic, 13, 9), scope="following")
    assert plan.choices
    assert min(item.ordinal for item in plan.choices) == 3


def test_a_stale_plan_moves_nothing(clinic, series):
    rows = visits_of(series)
    plan = propose_move(visit=rows[2], start=local(clinic, 12, 14), scope="following")
    seen = {item.ordinal: 1 for item in plan.choices}
    visit_service.move_visit(
        appointment=rows[4], start=local(clinic, 19, 11), by=clinic.nurse, reason="staff"
    )
    before = state(series)
    with pytest.raises(StaleVersion):
        move_visits(series=series, choices=plan.choices, seen=seen, by=clinic.nurse, reason=WHY)
    assert state(series) == before
    with pytest.raises(InvalidInput):
        move_visits(series=series, choices=[plan.choices[0], plan.choices[0]], by=clinic.nurse, reason=WHY)


# --- Page and API --------------------------------------------------------------------------------------------------


def move_data(moved, /, **over):
    fields = {
        "offered": "other", "start": "2026-03-18T09:00", "scope": "this", "reason": "patient-asked",
        "initiator": "patient", "note": "", "version": str(moved.version), "patient_code": str(moved.patient.code),
    }  # fmt: skip
    return fields | over


def hidden(page, name):
    import html
    import re

    return [html.unescape(x) for x in re.findall(rf'name="{name}" value="([^"]*)"', page)]


def test_the_page_shows_the_diff_and_accepts_exactly_that(clinic, series):
    visit = visits_of(series)[4]
    client = Client()
    client.force_login(clinic.nurse)
    url = reverse("visit_move", args=[visit.code])
    page = client.post(url, move_data(visit, act="move")).content.decode()
    assert "What would change" in page
    assert "cannot move alone" in page
    lines = hidden(page, "visit")
    assert len(lines) == 2
    assert visits_of(series)[4].version == 1, "shown, not done"
    answer = client.post(url, move_data(visit, act="accept", visit=lines, session=hidden(page, "session")))
    assert answer.status_code == 302
    assert [row.version for row in visits_of(series)] == [1, 1, 1, 1, 2, 2]
    again = client.post(url, move_data(visit, act="accept", visit=lines))
    assert again.status_code == 412, "accepting twice moves once"
    for bad in (["1|2"], ["x|2026|a|b|c|1"], lines * 80):
        assert client.post(url, move_data(visits_of(series)[4], act="accept", visit=bad)).status_code in (
            400,
            412,
        )
    detail = client.get(reverse("visit_detail", args=[visit.code])).content.decode()
    assert "Take back" in detail
    history = client.get(reverse("visit_history", args=[visit.code])).content.decode()
    assert "Robin Vale" in history
    row = client.get(reverse("series_detail", args=[series.code])).content.decode()
    assert "by Robin Vale" in row


def call(user, url, body, **headers):
    client = Client()
    client.force_login(user)
    sent = {f"HTTP_{key.upper().replace('-', '_')}": value for key, value in headers.items()}
    return client.post(url, json.dumps(body, default=str), content_type="application/json", **sent)


def test_the_api_previews_accepts_once_and_takes_back(clinic, series):
    visit = visits_of(series)[4]
    base = f"/api/v1/appointments/{visit.code}"
    wish = {"start": local(clinic, 18, 9).isoformat(), "reason": "patient-asked", "initiator": "patient"}
    seen = call(clinic.nurse, f"{base}/move-preview/", wish).json()
    assert seen["possible"]
    assert len(seen["visits"]) == 2
    assert seen["changes"]["messages"]
    body = {"reason": "patient-asked", "visits": seen["visits"], "sessions": seen["sessions"]}
    url, key = f"/api/v1/series/{series.code}/moves/", str(uuid4())
    assert call(clinic.nurse, url, body).status_code == 400, "needs a key"
    first = call(clinic.nurse, url, body, **{"Idempotency-Key": key})
    assert first.status_code == 201, first.content
    assert call(clinic.nurse, url, body, **{"Idempotency-Key": key}).json() == first.json()
    assert call(clinic.nurse, url, body, **{"Idempotency-Key": str(uuid4())}).status_code == 412
    assert ScheduleChange.objects.count() == 1
    assert call(clinic.therapist, url, body, **{"Idempotency-Key": str(uuid4())}).status_code == 403
    assert call(clinic.outsider, url, body, **{"Idempotency-Key": str(uuid4())}).status_code == 404
    client = Client()
    client.force_login(clinic.nurse)
    tag = client.get(f"{base}/")["ETag"]
    assert call(clinic.nurse, f"{base}/undo/", {}, **{"If-Match": tag}).status_code == 200
    assert visits_of(series)[4].during.lower == visit.during.lower
    kinds = [row["kind"] for row in client.get(f"{base}/history/").json()["results"]]
    assert kinds == ["undo", "move"]
    for bad in ({"start": "2026-03-04T09:00"}, {"scope": "all"}, {"chair": "x"}, {"surprise": 1}):
        assert call(clinic.nurse, f"{base}/move-preview/", wish | bad).status_code == 400
    assert visits_of(series)[5].during.lower == local(clinic, 23, 9)


def test_a_visit_skipped_in_the_meantime_is_not_planned_anew(clinic, series):
    seen = visits_of(series)[3]
    visit_service.omit_visit(
        appointment=seen, by=clinic.coordinator, reason="patient-declined", initiator="patient"
    )
    with pytest.raises(StateConflict) as refusal:
        propose_move(visit=seen, start=local(clinic, 16, 9))
    assert refusal.value.code == "not-movable"
