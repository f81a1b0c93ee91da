"""The outbox against a real SMTP server: sent once, or shown as failed, unknown or expired. The mailbox is
the judge.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from patients.models import ContactPreference
from scheduling import dispatch
from scheduling.models import Appointment, FollowUp, Heartbeat, Message, SpacingDecision, WorkItem
from scheduling.services import messages, outbox, recheck, windows
from scheduling.services.followups import sync_follow_ups
from staff.fields import Unreadable
from tests import factories
from tests.scheduling.follow import world as w
from tests.scheduling.follow.mailbox import Mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailbox(settings):
    box = Mailbox()
    box.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    yield box
    box.stop()


@pytest.fixture
def visit(clinic):
    return w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)


@pytest.fixture
def infusion(clinic, clock, visit):
    """Stopped at 10:40, not signed; the clock stands there."""
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    clock.set(infusion.stopped_at)
    windows.reanchor(infusion=infusion)
    return infusion


@pytest.fixture
def no_driving(infusion) -> Message:
    return Message.objects.get(kind="no_driving")


def again(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)


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


def test_quiet_hours_of_a_new_zone_postpone_it(clinic, clock, mailbox, infusion, no_driving):
    """11:40 in Los Angeles is 21:40 in Johannesburg: too late for a message there."""
    type(clinic.patient).objects.update(time_zone="Africa/Johannesburg")
    clock.set(no_driving.due_at)
    dispatch.tick()
    assert mailbox.taken == []
    assert again(no_driving).state == "expired", "the next allowed hour comes after its use is over"


def test_a_new_zone_words_what_is_planned_anew_and_moves_no_booking(clinic, clock, mailbox, infusion):
    """The patient has moved to New York: 20:30 and 09:00 are theirs; the visits stand where they are."""
    visits = list(Appointment.objects.order_by("pk").values_list("during", "status"))
    before = Message.objects.get(kind="check_in", state="scheduled")
    type(clinic.patient).objects.update(time_zone="America/New_York")
    dispatch.tick()
    after = Message.objects.get(kind="check_in", state="scheduled")
    assert (before.due_local, after.due_local) == ("Wed 4 Mar 2026, 09:00", "Wed 4 Mar 2026, 09:00")
    assert (after.time_zone, after.due_at) == ("America/New_York", before.due_at - timedelta(hours=3))
    assert list(Appointment.objects.order_by("pk").values_list("during", "status")) == visits


def test_three_messages_an_hour_are_enough(clinic, clock, mailbox, infusion, no_driving):
    clock.set(no_driving.due_at)
    for n in range(3):
        Message.objects.create(
            patient=clinic.patient,
            follow_up=no_driving.follow_up,
            contact_point=clinic.contact,
            channel="email",
            kind="rest",
            ordinal=50 + n,
            due_at=clock.now(),
            expires_at=clock.now() + timedelta(hours=1),
            due_local="",
            time_zone="UTC",
            state="sent",
            idem_key=f"sent/{n}",
            created_at=clock.now(),
            sent_at=clock.now() - timedelta(minutes=20 + n),
        )
    dispatch.tick()
    row = again(no_driving)
    assert mailbox.taken == []
    assert (row.state, row.due_at) == ("scheduled", clock.now() + timedelta(minutes=38))
    assert recheck.PER_HOUR == 3
    clock.set(row.due_at)
    dispatch.tick()
    assert mailbox.subjects == ["Please do not drive today"]


def test_what_waits_for_the_window_waits_in_the_no_therapy_period_too(clinic, clock, mailbox, infusion):
    w.sign(clinic, infusion)
    windows.reanchor(infusion=infusion)
    t0 = w.current_window(infusion).t0
    clock.set(t0)
    dispatch.tick()
    practice = Message.objects.get(kind="practice", state="scheduled")
    assert practice.due_at >= t0 + timedelta(hours=16)
    second = infusion.appointment.series.appointments.get(ordinal=2)
    w.release(second, "cancelled")
    SpacingDecision.objects.create(
        series=second.series, ordinal=2, hours=20, lost="Practice", reason="Travels", decided_by=clinic.clinician,
        decided_at=clock.now(),
    )  # fmt: skip
    earlier = w.add_visit(clinic, second.series, practice.due_at - timedelta(hours=2), 2)
    clock.set(practice.due_at)
    dispatch.tick()
    assert "Your practice plan starts" not in mailbox.subjects
    assert again(practice).state in ("scheduled", "expired", "cancelled")
    if again(practice).state == "scheduled":
        assert again(practice).due_at >= earlier.predicted_t0


def test_a_sent_message_is_not_sent_again_after_an_amendment(clinic, clock, mailbox, infusion, no_driving):
    clock.set(no_driving.due_at)
    dispatch.tick()
    assert len(mailbox.taken) == 1
    FollowUp.objects.filter(pk=no_driving.follow_up_id).update(state="released", closed_at=None)
    infusion.pump_events.filter(kind="stop").update(withdrawn_at=clock.now(), withdrawn_reason="x")
    type(infusion).objects.filter(pk=infusion.pk).update(
        stopped_at=infusion.stopped_at + timedelta(minutes=7)
    )
    windows.reanchor(infusion=type(infusion).objects.get(pk=infusion.pk))
    assert FollowUp.objects.get(pk=no_driving.follow_up_id).generation == 2
    clock.advance(hours=1)
    dispatch.tick()
    assert mailbox.subjects.count("Please do not drive today") == 1


def test_a_moved_visit_takes_its_reminder_along(clinic, clock, mailbox, visit):
    second = visit.series.appointments.get(ordinal=2)
    reminder = Message.objects.get(kind="visit_reminder", appointment=second)
    assert reminder.about_at == second.during.lower
    later = (second.during.lower + timedelta(hours=2), second.during.upper + timedelta(hours=2))
    second.resource_bookings.update(during=later)
    type(second).objects.filter(pk=second.pk).update(
        during=later, predicted_t0=second.predicted_t0 + timedelta(hours=2)
    )
    clock.set(reminder.due_at)
    claim = outbox.claim_due("email")[0]
    assert outbox.begin_sending(claim) is None
    assert again(reminder).state == "cancelled"
    fresh = Message.objects.get(kind="visit_reminder", appointment=second, state="scheduled")
    assert (fresh.about_at, fresh.generation) == (second.during.lower + timedelta(hours=2), 2)


def test_therapy_is_announced_only_once_the_window_is_open(clinic, clock, mailbox, infusion, visit):
    from scheduling.services import therapy

    start = w.FIRST + timedelta(hours=26)
    therapy.book_therapy(
        follow_up=w.follow_up(visit, "integration_1"),
        start=start,
        therapist=clinic.therapist,
        by=clinic.therapist,
    )
    w.sign(clinic, infusion)
    windows.reanchor(infusion=infusion)
    assert not Message.objects.filter(kind="therapy_visit").exists()
    clock.set(w.current_window(infusion).t0)
    dispatch.tick()
    row = Message.objects.get(kind="therapy_visit")
    assert row.due_at >= w.current_window(infusion).t0
    clock.set(row.due_at)
    dispatch.tick()
    assert "Your visit on Wednesday 4 March at 12:00" in mailbox.subjects


def test_sms_goes_to_its_backend_by_key(clinic, clock, settings, tmp_path, visit):
    settings.OUTBOX_DIR = str(tmp_path)
    settings.SMS_BACKEND = "scheduling.channels.FileSMSBackend"
    type(clinic.contact).objects.update(preferred=False, opted_out_at=clock.now())
    factories.make_contact(clinic.patient, "+15035550123", channel="sms")
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    windows.reanchor(infusion=infusion)
    row = Message.objects.get(kind="no_driving")
    clock.set(row.due_at)
    dispatch.tick()
    (found,) = (tmp_path / "sms").glob("*.txt")
    assert "please do not drive" in found.read_text()
    assert len(again(row).body) <= 480
    assert again(row).state == "sent"
    assert mail.outbox == []


def test_a_keyed_channel_repeats_into_the_same_file(clinic, clock, settings, tmp_path, visit):
    settings.OUTBOX_DIR = str(tmp_path)
    type(clinic.contact).objects.update(preferred=False, opted_out_at=clock.now())
    factories.make_contact(clinic.patient, "+15035550123", channel="sms")
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    windows.reanchor(infusion=infusion)
    row = Message.objects.get(kind="no_driving")
    clock.set(row.due_at)
    outgoing = outbox.begin_sending(outbox.claim_due("sms")[0])
    dispatch.open_channel("sms").send(outgoing)
    Message.objects.filter(pk=row.pk).update(lease_until=timezone.now() - timedelta(seconds=1))  # noqa: TID251 - leases live in real time
    dispatch.tick()
    dispatch.tick()
    assert again(row).state == "sent"
    assert len(list((tmp_path / "sms").glob("*.txt"))) == 1


def test_cancelled_is_never_sent_and_too_late_to_recall_is_left_alone(clock, mailbox, infusion, no_driving):
    clock.set(no_driving.due_at)
    claim = outbox.claim_due("email")[0]
    outgoing = outbox.begin_sending(claim)
    assert messages.cancel_messages(Message.objects.filter(pk=no_driving.pk), reason="x") == 0, (
        "it is on its way"
    )
    assert outgoing is not None
    rest = Message.objects.get(kind="rest")
    FollowUp.objects.filter(pk=rest.follow_up_id).update(state="declined", closed_reason="Asked for none")
    messages.sync_messages(series=infusion.appointment.series)
    assert again(rest).state == "cancelled"
    clock.set(rest.due_at)
    dispatch.tick()
    assert "A quiet evening" not in mailbox.subjects
