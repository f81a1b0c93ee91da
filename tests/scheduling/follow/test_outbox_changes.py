"""What waits in the outbox while the facts change: zone, limits, window, amendments, moved visits; and the SMS channel."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from scheduling import dispatch
from scheduling.models import Appointment, FollowUp, Message, SpacingDecision
from scheduling.services import messages, outbox, recheck, windows
from tests import factories
from tests.scheduling.follow import outbox_world as o
from tests.scheduling.follow import world as w
from tests.scheduling.follow.outbox_world import again

pytestmark = pytest.mark.django_db
mailbox, visit, infusion, no_driving = o.mailbox, o.visit, o.infusion, o.no_driving


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
