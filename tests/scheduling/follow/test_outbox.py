"""The outbox against a real SMTP server: sent once, or shown as failed, unknown or expired. The mailbox is
the judge.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from patients.models import ContactPreference
from scheduling import dispatch
from scheduling.models import FollowUp, Heartbeat, Message, WorkItem
from scheduling.services import outbox, windows
from scheduling.services.followups import sync_follow_ups
from staff.fields import Unreadable
from tests import factories
from tests.scheduling.follow import outbox_world as o
from tests.scheduling.follow import world as w
from tests.scheduling.follow.mailbox import Mailbox
from tests.scheduling.follow.outbox_world import again

pytestmark = pytest.mark.django_db
mailbox, visit, infusion, no_driving = o.mailbox, o.visit, o.infusion, o.no_driving


def test_sent_at_its_minute_and_once(clinic, clock, mailbox, infusion, no_driving):
    clock.set(no_driving.due_at - timedelta(seconds=1))
    dispatch.tick()
    assert mailbox.taken == []
    clock.set(no_driving.due_at)
    for _ in range(3):
        dispatch.tick()
    assert mailbox.subjects == ["Please do not drive today"]
    assert mailbox.recipients == [clinic.contact.address]
    row = again(no_driving)
    assert (row.state, row.sent_at, row.attempts) == ("sent", clock.now(), 1)
    assert row.provider_id == mailbox.taken[0]["Message-ID"]
    assert mailbox.taken[0]["Idempotency-Key"] in row.provider_id
    assert row.body.split() == mailbox.taken[0].get_content().split()
    assert w.follow_up(infusion.appointment, "no_driving").state == "done"


def test_the_text_tells_nobody_what_for(clinic, clock, mailbox, infusion):
    for message in Message.objects.order_by("due_at"):
        clock.set(max(clock.now(), message.due_at))
        dispatch.tick()
    assert len(mailbox.taken) == Message.objects.filter(state="sent").count() >= 3
    from patients.contact import contains_clinical_words

    for item in mailbox.taken:
        text = f"{item['Subject']}\n{item.get_content()}"
        assert contains_clinical_words(text) == ()
        assert clinic.patient.family_name not in text
        assert "may drive" not in text


def test_rest_and_check_in_at_their_local_minute(clock, mailbox, infusion):
    rest = Message.objects.get(kind="rest")
    clock.set(rest.due_at)
    dispatch.tick()
    assert "A quiet evening" in mailbox.subjects
    assert rest.due_local == "Tue 3 Mar 2026, 20:30"
    clock.set(Message.objects.get(kind="check_in").due_at)
    dispatch.tick()
    assert "How was your night?" in mailbox.subjects


def test_two_dispatchers_share_the_work(clock, mailbox, infusion, no_driving):
    clock.set(no_driving.due_at)
    first = outbox.claim_due("email")
    assert [claim.pk for claim in first] == [no_driving.pk]
    assert outbox.claim_due("email") == [], "claimed by somebody else"
    dispatch.tick()
    assert mailbox.taken == []
    assert dispatch.send_one(first[0], dispatch.open_channel("email")) == "sent"
    assert len(mailbox.taken) == 1


def test_a_claim_that_lapsed_is_taken_over_and_the_first_one_is_fenced_off(
    clock, mailbox, infusion, no_driving
):
    clock.set(no_driving.due_at)
    lost = outbox.claim_due("email")[0]
    Message.objects.filter(pk=no_driving.pk).update(lease_until=timezone.now() - timedelta(seconds=1))  # noqa: TID251 - leases live in real time
    dispatch.tick()
    assert again(no_driving).state == "sent"
    assert dispatch.send_one(lost, dispatch.open_channel("email")) == "skipped"
    assert len(mailbox.taken) == 1


def test_a_sender_that_fell_silent_while_sending_is_unknown_and_never_repeated(
    clock, mailbox, infusion, no_driving
):
    clock.set(no_driving.due_at)
    claim = outbox.claim_due("email")[0]
    assert outbox.begin_sending(claim) is not None
    Message.objects.filter(pk=no_driving.pk).update(lease_until=timezone.now() - timedelta(seconds=1))  # noqa: TID251 - leases live in real time
    for _ in range(2):
        dispatch.tick()
    assert again(no_driving).state == "unknown"
    assert mailbox.taken == []
    assert WorkItem.objects.get(kind="message-failed").key == str(no_driving.code)
    windows.reanchor(infusion=infusion)
    sync_follow_ups(series=infusion.appointment.series)
    assert Message.objects.filter(follow_up=no_driving.follow_up).count() == 1, "not planned again either"


@pytest.mark.parametrize(
    ("script", "state", "code"),
    [
        ({"rcpt_answers": "550 no such user"}, "dead", "recipient:550"),
        ({"data_answers": "554 refused"}, "dead", "smtp:554"),
        ({"rcpt_answers": "452 mailbox full"}, "scheduled", "recipient:452"),
        ({"data_answers": "421 try later"}, "scheduled", "smtp:421"),
        ({"drop": "mail"}, "scheduled", "lost:SMTPServerDisconnected"),
        ({"drop": "data"}, "unknown", "lost:SMTPServerDisconnected"),
    ],
)
def test_each_smtp_fault_ends_in_its_state(clock, mailbox, infusion, no_driving, script, state, code):
    for name, value in script.items():
        if name == "drop":
            mailbox.drop = value
        else:
            getattr(mailbox, name).append(value)
    clock.set(no_driving.due_at)
    dispatch.tick()
    row = again(no_driving)
    assert (row.state, row.last_error_code) == (state, code)
    assert WorkItem.objects.filter(kind="message-failed").exists() == (state != "scheduled")


def test_a_transient_failure_is_tried_again_later_and_not_at_once(clock, mailbox, infusion, no_driving):
    mailbox.rcpt_answers.append("451 busy")
    clock.set(no_driving.due_at)
    dispatch.tick()
    dispatch.tick()
    row = again(no_driving)
    assert (row.state, row.attempts) == ("scheduled", 1)
    wait = row.lease_until - timezone.now()  # noqa: TID251 - leases live in real time
    assert timedelta(seconds=50) < wait < timedelta(seconds=75)
    Message.objects.filter(pk=row.pk).update(lease_until=timezone.now())  # noqa: TID251 - leases live in real time
    dispatch.tick()
    assert again(no_driving).state == "sent"
    assert len(mailbox.taken) == 1


def test_a_server_that_is_down_loses_nothing(clock, settings, infusion, no_driving):
    box = Mailbox()
    box.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    box.stop()
    clock.set(no_driving.due_at)
    dispatch.tick()
    row = again(no_driving)
    assert (row.state, row.last_error_code) == ("scheduled", "connect:ConnectionRefusedError")
    assert Heartbeat.objects.get(pk="tick").rounds >= 1, "the round itself went through"


def test_a_poison_row_dies_alone(clinic, clock, mailbox, infusion, no_driving):
    poison = Message.objects.get(kind="check_in")
    Message.objects.filter(pk=poison.pk).update(kind="no_such_text")
    clock.set(Message.objects.get(kind="visit_reminder", state="scheduled").due_at)
    dispatch.tick()
    assert (again(poison).state, again(poison).last_error_code) == ("dead", "TemplateDoesNotExist")
    assert "Your visit on Friday 6 March at 10:00" in mailbox.subjects


def test_a_text_with_a_clinical_word_is_not_sent(clock, mailbox, infusion, no_driving):
    from staff import emergency

    emergency.ADVICE["US"], kept = "ask for ketamine", emergency.ADVICE["US"]
    try:
        clock.set(no_driving.due_at)
        dispatch.tick()
    finally:
        emergency.ADVICE["US"] = kept
    assert (again(no_driving).state, again(no_driving).last_error_code) == ("dead", "NotNeutral")
    assert mailbox.taken == []


def test_expired_is_listed_and_never_sent(clock, mailbox, infusion, no_driving):
    clock.set(no_driving.expires_at)
    dispatch.tick()
    row = again(no_driving)
    assert (row.state, row.closed_reason) == ("expired", "It was not sent in time.")
    assert "Please do not drive today" not in mailbox.subjects
    assert WorkItem.objects.filter(key=str(row.code)).exists()


@pytest.mark.parametrize(
    "change",
    [
        "opted out",
        "consent withdrawn",
        "not verified",
        "another patient",
        "deceased",
        "inactive",
        "all stopped",
        "done",
    ],
)
def test_the_last_look_stops_what_may_not_leave(clinic, clock, mailbox, infusion, no_driving, change):
    point, patient = clinic.contact, clinic.patient
    if change == "opted out":
        type(point).objects.update(opted_out_at=clock.now())
    elif change == "consent withdrawn":
        type(point).objects.update(consented_at=None)
    elif change == "not verified":
        type(point).objects.update(verified_at=None)
    elif change == "another patient":
        type(point).objects.update(patient=factories.make_patient(clinic.site))
    elif change in ("deceased", "inactive"):
        type(patient).objects.update(status=change)
    elif change == "all stopped":
        ContactPreference.objects.create(patient=patient, all_messages_stopped_at=clock.now())
    else:
        FollowUp.objects.filter(pk=no_driving.follow_up_id).update(state="done")
    clock.set(no_driving.due_at)
    dispatch.tick()
    assert mailbox.taken == []
    assert again(no_driving).state == "cancelled"
    assert again(no_driving).closed_reason


def test_an_address_that_fell_away_is_replaced_by_another(clinic, clock, mailbox, infusion, no_driving):
    other = factories.make_contact(clinic.patient, "second@mail.example", preferred=False)
    type(other).objects.filter(pk=clinic.contact.pk).update(opted_out_at=clock.now())
    clock.set(no_driving.due_at)
    dispatch.tick()
    dispatch.tick()
    assert mailbox.recipients == ["second@mail.example"]
    fresh = Message.objects.get(kind="no_driving", state="sent")
    assert fresh.generation == again(no_driving).generation + 1


@pytest.mark.parametrize("columns", ["address", "address, address_index"])
def test_an_address_copied_from_another_patient_is_never_written_to(
    clinic, clock, mailbox, infusion, no_driving, columns
):
    """Raw SQL as the app role. With its check value the copy is whole, and only the binding to its row gives it away."""
    stranger = factories.make_contact(factories.make_patient(clinic.site), "stranger@mail.example")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE patients_contactpoint mine SET "
            + ", ".join(f"{name} = theirs.{name}" for name in columns.split(", "))
            + " FROM patients_contactpoint theirs WHERE mine.id = %s AND theirs.id = %s",
            [clinic.contact.pk, stranger.pk],
        )
    clock.set(no_driving.due_at)
    dispatch.tick()
    assert mailbox.taken == []
    assert again(no_driving).state == "dead"
    item = WorkItem.objects.open().get(key=str(no_driving.code))
    assert "not written for this patient" in item.detail
    point = type(clinic.contact).objects.get(pk=clinic.contact.pk)
    with pytest.raises(Unreadable):
        point.address  # noqa: B018 - reading it is the act
    assert point.shown_address == "Cannot be read: add it again"
