"""A booking that is moved, cancelled or undone takes its messages along, in its own transaction; what has left is said
to be too late to recall. Everything by the services and pages that people use; the mailbox is the judge.
"""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from scheduling import dispatch
from scheduling.models import Appointment, FollowUp, Message, TreatmentSeries
from scheduling.services import outbox, therapy
from scheduling.services import visits as visit_service
from staff.errors import RuleNotMet
from tests.scheduling.booking.helpers import book, local, visits_of
from tests.scheduling.follow import world as w
from tests.scheduling.follow.mailbox import receiving

pytestmark = pytest.mark.django_db
NINE, ELEVEN = "Your visit on Thursday 5 March at 09:00", "Your visit on Thursday 5 March at 11:00"


@pytest.fixture
def mailbox(settings):
    with receiving(settings) as box:
        yield box


@pytest.fixture
def visit(clinic, clock, mailbox) -> Appointment:
    """Thursday 09:00, just booked; it is Tuesday 08:59, a minute before its first reminder would leave."""
    found = visits_of(book(clinic))[0]
    clock.set(local(clinic, 3, 8, 59))
    return found


def move(clinic, visit, hour: int) -> Appointment:
    return visit_service.move_visit(
        appointment=visit, start=local(clinic, 5, hour), by=clinic.nurse, reason="staff"
    )


def reminders(visit) -> list[tuple[int, str, int]]:
    rows = Message.objects.filter(kind="visit_reminder", appointment=visit).order_by("generation")
    return [(row.generation, row.state, row.about_at.minute + 60 * row.about_at.hour) for row in rows]


def test_an_undo_within_two_minutes_stops_what_the_change_would_have_sent(clinic, clock, mailbox, visit):
    later = move(clinic, visit, 11)
    (old, new) = Message.objects.filter(kind="visit_reminder", appointment=visit).order_by("generation")
    assert (old.state, new.state, new.generation) == ("cancelled", "scheduled", 2)
    clock.set(local(clinic, 3, 8, 59) + timedelta(seconds=119))
    visit_service.undo_move(appointment=later, by=clinic.nurse, expected_version=later.version)
    for minutes in (1, 3, 121, 240):
        clock.set(local(clinic, 3, 9) + timedelta(minutes=minutes))
        dispatch.tick()
    assert (mailbox.subjects.count(NINE), mailbox.subjects.count(ELEVEN)) == (1, 0)
    assert [state for _, state, _ in reminders(visit)] == ["cancelled", "cancelled", "sent"]


def test_a_change_that_would_speak_at_once_waits_until_it_cannot_be_undone(clinic, clock, mailbox, visit):
    """Moved on Tuesday 12:00 from 09:00 to 11:00: the reminder is overdue and leaves after the two minutes."""
    moment = local(clinic, 3, 12)
    clock.set(moment)
    dispatch.tick()
    assert mailbox.subjects.count(NINE) == 1
    move(clinic, visit, 11)
    clock.set(moment + timedelta(seconds=119))
    dispatch.tick()
    assert mailbox.subjects.count(ELEVEN) == 0
    clock.set(moment + timedelta(seconds=121))
    dispatch.tick()
    assert mailbox.subjects.count(ELEVEN) == 1


def test_a_move_that_is_refused_leaves_its_messages_alone(clinic, clock, mailbox, visit):
    before = reminders(visit)
    with pytest.raises(RuleNotMet):
        visit_service.move_visit(
            appointment=visit, start=local(clinic, 20, 9), by=clinic.nurse, reason="staff"
        )
    assert reminders(visit) == before
    with transaction.atomic():
        move(clinic, visit, 11)
        assert reminders(visit) != before
        transaction.set_rollback(True)
    assert reminders(visit) == before, "messages change with the booking's transaction or not at all"


@pytest.mark.parametrize("act", ["move", "cancel"])
def test_the_page_says_that_it_is_too_late_to_recall(clinic, clock, mailbox, visit, act):
    clock.set(local(clinic, 3, 9, 3))
    dispatch.tick()
    assert mailbox.subjects.count(NINE) == 1
    client = Client()
    client.force_login(clinic.nurse)
    fields = {"reason": "staff", "initiator": "clinic", "note": "", "version": str(visit.version)}
    fields |= {"patient_code": str(visit.patient.code)}
    if act == "move":
        fields |= {"offered": "other", "start": "2026-03-05T11:00"}
    answer = client.post(reverse(f"visit_{act}", args=[visit.code]), fields, follow=True)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "The patient has a message about the old time already: too late to recall it. Call." in page
    assert "right now" not in page
    visit.refresh_from_db()
    assert visit.status == ("booked" if act == "move" else "cancelled")


def test_the_api_says_so_too_and_an_undo_asks_again(clinic, clock, mailbox, visit):
    clock.set(local(clinic, 3, 9, 3))
    dispatch.tick()
    client = APIClient()
    client.force_authenticate(clinic.nurse)
    url = f"/api/v1/appointments/{visit.code}"
    tag = client.get(f"{url}/").headers["ETag"]
    body = {"start": "2026-03-05T11:00:00-08:00", "reason": "staff", "initiator": "clinic"}
    answer = client.post(f"{url}/move/", body, format="json", headers={"If-Match": tag})
    assert answer.status_code == 200
    assert "too late to recall" in answer.headers["X-Too-Late-To-Recall"]
    back = client.post(f"{url}/undo/", {}, format="json", headers={"If-Match": answer.headers["ETag"]})
    assert (back.status_code, back.json()["too_late_to_recall"]) == (200, ""), "what has left is right again"


TOLD = "too late to recall"


def test_running_late_says_so(clinic, clock, mailbox, visit):
    clock.set(local(clinic, 4, 15, 3))
    dispatch.tick()
    clock.set(local(clinic, 5, 8, 45))
    client = Client()
    client.force_login(clinic.nurse)
    url = reverse("visit_late", args=[visit.code])
    form = {"minutes": "10", "version": str(visit.version), "patient_code": str(visit.patient.code)}
    page = client.post(url, form | {"act": "look"}).content.decode()
    seen = [html.unescape(text) for text in re.findall(r'name="seen" value="([^"]*)"', page)]
    done = client.post(url, form | {"act": "accept", "seen": seen}, follow=True).content.decode()
    assert "The new times hold" in done
    assert TOLD in done


def test_replanning_after_a_closure_says_so(clinic, clock, mailbox, visit):
    clock.set(local(clinic, 3, 9, 3))
    dispatch.tick()
    client = Client()
    client.force_login(clinic.coordinator)
    client.post(reverse("resource_list"), {"first": "2026-03-05", "last": "2026-03-05", "reason": "Heating"})
    page = client.get(reverse("replan")).content.decode()

    def values(name):
        return [html.unescape(text) for text in re.findall(rf'name="{name}" value="([^"]*)"', page)]

    data = {name: values(name) for name in ("pick", "visit", "session")} | {"token": values("token")[0]}
    assert TOLD in client.post(reverse("replan"), data, follow=True).content.decode()


@pytest.mark.parametrize("surface", ["page", "api"])
def test_a_cancelled_therapy_time_says_so(clinic, clock, mailbox, surface):
    """Its reminder left the day before."""
    course = w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)
    infusion = w.given(clinic, course)
    clock.set(w.current_window(infusion).t0)
    dispatch.tick()
    row = w.follow_up(course, "integration_1")
    start = w.current_window(infusion).t0.replace(minute=30) + timedelta(hours=24)
    therapy.book_therapy(follow_up=row, start=start, therapist=clinic.therapist, by=clinic.therapist)
    clock.set(Message.objects.get(kind="therapy_visit", state="scheduled").due_at)
    dispatch.tick()
    assert Message.objects.filter(kind="therapy_visit", state="sent").exists()
    if surface == "page":
        client = Client()
        client.force_login(clinic.therapist)
        form = {"reason": "Ill.", "patient_code": str(row.patient.code)}
        url = reverse("follow_up_cancel", args=[row.code])
        assert TOLD in client.post(url, form, follow=True).content.decode()
        return
    client = APIClient()
    client.force_authenticate(clinic.therapist)
    answer = client.post(f"/api/v1/follow-ups/{row.code}/cancel/", {"reason": "Ill."}, format="json")
    assert (answer.status_code, TOLD in answer.headers.get("X-Too-Late-To-Recall", "")) == (200, True)


def test_a_reminder_of_a_series_that_is_over_does_not_leave(clinic, clock, mailbox, visit):
    """The last look inside the claim: the series ended by other means than the service."""
    row = Message.objects.get(kind="visit_reminder", appointment=visit)
    clock.set(row.due_at)
    TreatmentSeries.objects.update(status="ended", ended_at=clock.now(), status_reason="x")
    (claim,) = outbox.claim_due("email")
    assert outbox.begin_sending(claim) is None
    row.refresh_from_db()
    assert (row.state, row.closed_reason) == ("cancelled", "The series is not active.")


def sql(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize(
    ("assignment", "rule"),
    [
        ("state = 'nonsense'", "message_state_known"),
        ("state = 'sent', sent_at = NULL", "sent_message_has_a_time"),
        ("state = 'sending', lease_until = NULL", "claimed_message_has_a_lease"),
        ("expires_at = due_at", "message_expires_after_due"),
        ("appointment_id = NULL, follow_up_id = NULL", "message_has_a_cause"),
        ("idem_key = (SELECT idem_key FROM scheduling_message WHERE id <> m.id LIMIT 1)", "idem_key"),
    ],
)
def test_the_database_keeps_the_rules_of_messages(clinic, visit, assignment, rule):
    row = Message.objects.filter(appointment=visit).first()
    with pytest.raises(IntegrityError, match=rule):
        sql(f"UPDATE scheduling_message m SET {assignment} WHERE m.id = %s", row.pk)


@pytest.mark.parametrize(
    ("assignment", "rule"),
    [
        ("state = 'nonsense'", "follow_up_state_known"),
        ("latest_at = target_at - interval '1 s'", "follow_up_moments_in_order"),
        ("state = 'missed', closed_reason = ''", "closed_follow_up_says_why"),
        ("state = 'booked', appointment_id = NULL", "booked_follow_up_has_appointment"),
        ("therapy = true, gate = 'none'", "therapy_waits_for_window"),
        ("ordinal = 1, kind = 'rest_message'", "one_follow_up_per_visit_and_kind"),
    ],
)
def test_the_database_keeps_the_rules_of_follow_ups(clinic, visit, assignment, rule):
    row = FollowUp.objects.get(visit=visit, kind="no_driving")
    with pytest.raises(IntegrityError, match=rule):
        sql(f"UPDATE scheduling_followup SET {assignment} WHERE id = %s", row.pk)


def test_one_message_per_follow_up_kind_place_and_generation(clinic, clock, visit):
    first = FollowUp.objects.get(visit=visit, kind="no_driving")
    fields = {
        "patient": clinic.patient, "follow_up": first, "contact_point": clinic.contact, "channel": "email",
        "kind": "no_driving", "due_at": clock.now(), "expires_at": clock.now() + timedelta(hours=1),
        "due_local": "", "time_zone": "UTC", "created_at": clock.now(),
    }  # fmt: skip
    Message.objects.create(idem_key="a", **fields)
    with pytest.raises(IntegrityError, match="one_message_per_key"), transaction.atomic():
        Message.objects.create(idem_key="b", **fields)
