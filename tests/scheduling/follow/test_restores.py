"""After a restore nothing that was due before it leaves until a person has decided (hazard H22)."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from scheduling import dispatch
from scheduling.models import DatabaseMark, FollowUp, Message, RestoreHold, WorkItem
from scheduling.services import messages, restores, windows
from staff.errors import InvalidInput, StateConflict
from tests.scheduling.follow import world as w
from tests.scheduling.follow.mailbox import receiving

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailbox(settings):
    with receiving(settings) as box:
        yield box


@pytest.fixture
def restored(clinic, clock, mailbox):
    """A message is due, and the database is not the one that was seen last."""
    visit = w.book_course(clinic, [w.FIRST]).appointments.get()
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    clock.set(infusion.stopped_at)
    windows.reanchor(infusion=infusion)
    dispatch.tick()
    assert not RestoreHold.objects.exists(), "a first look is no restore"
    row = Message.objects.get(kind="no_driving")
    clock.set(row.due_at)
    DatabaseMark.objects.update(fingerprint="7300000000000000001/00000001/16400")
    for _ in range(3):
        dispatch.tick()
    row.refresh_from_db()
    return row


def test_what_was_due_is_held_and_what_comes_later_goes_out(clock, mailbox, restored):
    assert (restored.state, mailbox.taken) == ("held", [])
    hold = RestoreHold.objects.get()
    assert (hold.held, hold.outcome, hold.fingerprint_before[:4]) == (1, "waiting", "7300")
    item = WorkItem.objects.open().get(kind="restored")
    assert "1 message waiting for release" in item.title
    clock.set(Message.objects.get(kind="rest").due_at)
    dispatch.tick()
    assert mailbox.subjects == ["A quiet evening"]


def test_released_it_leaves_once(clinic, clock, mailbox, restored):
    hold = RestoreHold.objects.get()
    with pytest.raises(InvalidInput):
        restores.decide(hold=hold, release=True, by=clinic.nurse, note=" ")
    for _ in range(2):
        restores.decide(hold=hold, release=True, by=clinic.nurse, note="Looked at the provider's log.")
    with pytest.raises(StateConflict):
        restores.decide(hold=hold, release=False, by=clinic.nurse, note="no")
    for _ in range(2):
        dispatch.tick()
    assert mailbox.subjects == ["Please do not drive today"]
    assert not WorkItem.objects.open().filter(kind="restored").exists()


def test_discarded_it_is_never_sent_nor_planned_again(clinic, clock, mailbox, restored):
    restores.decide(hold=RestoreHold.objects.get(), release=False, by=clinic.nurse, note="All were sent.")
    messages.sync_messages(series=restored.follow_up.series)
    dispatch.tick()
    assert mailbox.taken == []
    assert Message.objects.filter(kind="no_driving").count() == 1
    assert Message.objects.get(kind="no_driving").acknowledged_by == clinic.nurse


def test_what_is_planned_anew_for_a_moment_before_the_restore_is_held_too(clock, mailbox, restored):
    FollowUp.objects.filter(pk=restored.follow_up_id).update(generation=5)
    messages.sync_messages(series=restored.follow_up.series)
    fresh = Message.objects.exclude(pk=restored.pk).get(kind="no_driving")
    restored.refresh_from_db()
    assert (restored.state, fresh.state) == ("cancelled", "held")
    dispatch.tick()
    assert mailbox.taken == []


def test_a_send_that_was_under_way_is_not_repeated_without_a_key(clinic, clock, mailbox, restored):
    Message.objects.filter(pk=restored.pk).update(state="sending", lease_until=clock.now())
    DatabaseMark.objects.update(fingerprint="another")
    dispatch.tick()
    restores.decide(hold=RestoreHold.objects.get(), release=True, by=clinic.nurse, note="ok")
    dispatch.tick()
    restored.refresh_from_db()
    assert (restored.state, mailbox.taken) == ("unknown", [])


def test_held_expires_at_its_own_time(clock, mailbox, restored):
    clock.set(restored.expires_at)
    dispatch.tick()
    restored.refresh_from_db()
    assert restored.state == "expired"


def test_the_pages(clinic, client, clock, restored):
    client.force_login(clinic.therapist)
    assert client.get("/messages/held/").status_code == 403
    client.force_login(clinic.nurse)
    assert "Decide about what waits for release" in client.get("/messages/?show=held").content.decode()
    assert client.get("/messages/held/").status_code == 200
    assert client.post("/messages/held/", {"what": "release", "note": ""}).status_code == 422
    assert client.post(f"/messages/{restored.code}/held/", {"what": "discard"}).status_code == 302
    restored.refresh_from_db()
    assert restored.state == "dead"
    for status in (302, 404):
        assert client.post("/messages/held/", {"what": "release", "note": "Done."}).status_code == status


def test_the_command(clinic, clock, restored):
    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("release_messages", stdout=said)
    assert "1 held since" in said.getvalue()
    with pytest.raises(CommandError):
        call_command("release_messages", "--send", "--by", clinic.therapist.email, "--note", "x")
    call_command("release_messages", "--send", "--by", clinic.nurse.email, "--note", "Looked.", stdout=said)
    restored.refresh_from_db()
    assert restored.state == "scheduled"
    call_command("release_messages", stdout=said)
    assert said.getvalue().endswith("No restore waits for a decision.\n")


def test_a_decision_needs_a_person_in_the_database_too(restored):
    with pytest.raises(IntegrityError, match="restore_hold_is_decided_by_a_person"), transaction.atomic():
        RestoreHold.objects.update(outcome="released")
    with pytest.raises(IntegrityError, match="one_restore_hold_waits"), transaction.atomic():
        RestoreHold.objects.create(
            detected_at=restored.due_at - timedelta(1), fingerprint_before="a", fingerprint_now="b"
        )
