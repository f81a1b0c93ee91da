"""Where no message may be sent a nurse calls, until messages can say all of it or somebody says that the call was made."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduling import dispatch
from scheduling.models import Message, WorkItem
from scheduling.services import messages, windows
from scheduling.services.workitems import resolve_item
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit(clinic):
    return w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)


def test_without_any_address_a_nurse_calls(clinic, visit):
    type(clinic.contact).objects.update(consented_at=None)
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    windows.reanchor(infusion=infusion)
    item = WorkItem.objects.get(kind="call-patient")
    assert (item.role, item.patient) == ("nurse", clinic.patient)
    assert "No consent to messages on file" in item.detail
    assert not Message.objects.filter(follow_up__visit=visit).exists()


@pytest.fixture
def open_calls(clinic, clock, visit):
    """`open_calls()` plans the messages anew and counts the calls; the pump has stopped and nobody may be written to."""
    type(clinic.contact).objects.update(consented_at=None)
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    clock.set(infusion.stopped_at)
    windows.reanchor(infusion=infusion)

    def count():
        messages.sync_messages(series=visit.series)
        return WorkItem.objects.filter(kind="call-patient", resolved_at=None).count()

    assert count() == 1
    return count


def test_a_call_ends_when_messages_can_say_all_of_it(clinic, visit, open_calls):
    type(clinic.contact).objects.update(consented_at=visit.booked_at)
    assert open_calls() == 0
    assert set(
        Message.objects.filter(follow_up__visit=visit, state="scheduled").values_list("kind", flat=True)
    ) >= {"no_driving", "rest", "check_in"}


def test_a_call_that_was_made_is_not_asked_for_again(clinic, open_calls):
    resolve_item(item=WorkItem.objects.get(kind="call-patient"), by=clinic.nurse, resolution="Called.")
    assert open_calls() == 0


@pytest.mark.parametrize("swept", [False, True])
def test_advice_that_went_by_unsaid_stays_a_call(clinic, clock, visit, open_calls, swept):
    clock.set(w.follow_up(visit, "no_driving").hard_latest_at + timedelta(minutes=1))
    if swept:
        dispatch.tick()
        assert w.follow_up(visit, "no_driving").state == "missed"
    type(clinic.contact).objects.update(consented_at=visit.booked_at)
    assert open_calls() == 1
