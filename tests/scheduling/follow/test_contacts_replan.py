"""Messages follow the addresses that may be used, in the transaction of the change; the change never waits for them."""

from __future__ import annotations

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from patients.services import contacts as addresses
from scheduling import receivers
from scheduling.models import Message, WorkItem
from scheduling.services import windows
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(clinic, clock):
    """`waiting()` are the addresses of messages that are still to leave after a pump stop."""
    visit = w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    clock.set(infusion.stopped_at)
    windows.reanchor(infusion=infusion)

    def found():
        rows = Message.objects.filter(patient=clinic.patient, state="scheduled")
        return set(rows.values_list("contact_point_id", flat=True))

    assert found() == {clinic.contact.pk}
    return found


def calls():
    return WorkItem.objects.open().filter(kind="call-patient").count()


def test_opted_out_is_cancelled_and_agreed_again_is_planned_anew(clinic, waiting):
    addresses.opt_out(contact_point=clinic.contact, by=None)
    assert (waiting(), calls()) == (set(), 1)
    assert Message.objects.filter(patient=clinic.patient, state="cancelled").exists()
    addresses.consent_contact_point(contact_point=clinic.contact, by=clinic.nurse)
    assert (waiting(), calls()) == ({clinic.contact.pk}, 0)


def test_an_address_that_bounces_for_good_is_left_for_another(clinic, waiting):
    other = addresses.add_contact_point(
        patient=clinic.patient, channel="email", address="other@mail.example", by=clinic.nurse
    )
    assert waiting() == {clinic.contact.pk}, "not verified, not agreed to"
    addresses.verify_contact_point(contact_point=other, address_again="other@mail.example", by=clinic.nurse)
    addresses.consent_contact_point(contact_point=other, by=clinic.nurse)
    addresses.suspend(contact_point=clinic.contact)
    assert waiting() == {other.pk}


def test_longer_quiet_hours_move_what_is_planned(clinic, waiting):
    rest = Message.objects.get(kind="rest", state="scheduled")
    addresses.set_quiet_hours(
        patient=clinic.patient, quiet_from=time(19), quiet_until=time(9), by=clinic.nurse
    )
    moved = Message.objects.get(kind="rest", state="scheduled")
    assert moved.due_at < rest.due_at
    assert moved.due_at.astimezone(ZoneInfo(clinic.patient.time_zone)).time() <= time(19)


def test_a_plan_that_fails_keeps_the_change_and_tells_somebody(clinic, waiting, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("planned to fail")

    monkeypatch.setattr(receivers, "sync_patient", fail)
    addresses.opt_out(contact_point=clinic.contact, by=None)
    clinic.contact.refresh_from_db()
    assert clinic.contact.opted_out_at is not None
    item = WorkItem.objects.open().get(key=f"patient-changed:{clinic.patient.code}")
    assert item.title == "The contact details have changed: look at what is planned"
