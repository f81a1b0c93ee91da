"""A visit left without a date keeps its place for the two minutes of undo; after that whatever came free is offered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.models import Appointment, FreedSlot, ResourceBooking
from scheduling.schedule_checks import check_schedule
from scheduling.services import visits as visit_service
from scheduling.services import waitlist
from scheduling.services.endings import end_series
from scheduling.services.more_visits import book_extra_infusion, rebook_visit
from scheduling.services.moves import undo_move
from staff.errors import Clash, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import WEIGHT, book, choice, local, visits_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def single(clinic):
    return factories.make_version("single-infusion", author=clinic.admin)


def another(clinic, single, start, **over):
    """Somebody else wants chair, nurse and prescriber of the first visit."""
    wanted = [choice(clinic, 1, start, **over)]
    return lambda: book(
        clinic, patient=factories.make_patient(clinic.site), protocol_version=single, visits=wanted
    )


def let_go(clinic, visit, act, clock):
    """The visit loses its date."""
    if act == "mark_no_show":
        clock.set(visit.during.lower + timedelta(minutes=20))
        return visit_service.mark_no_show(appointment=visit, by=clinic.nurse, reason="no-contact")
    reason = {"cancel_visit": "patient-unwell", "omit_visit": "responded"}[act]
    return getattr(visit_service, act)(appointment=visit, by=clinic.clinician, reason=reason)


@pytest.mark.parametrize("act", ["cancel_visit", "omit_visit", "mark_no_show"])
def test_nobody_has_the_place_before_undo_is_over(clinic, clock, single, act):
    visit = visits_of(book(clinic))[0]
    taken = sorted(visit.resource_bookings.values_list("resource", "during"))
    gone = let_go(clinic, visit, act, clock)
    (slot,) = FreedSlot.objects.all()
    assert (slot.left_by, slot.set_aside) == (visit, False)
    assert sorted(slot.hold.resource_bookings.values_list("resource", "during")) == taken
    if act != "mark_no_show":
        with pytest.raises(Clash, match="kept for two minutes so that the change can be undone"):
            another(clinic, single, visit.during.lower)()
    clock.advance(seconds=119)
    assert waitlist.fill() == 0
    back = undo_move(appointment=gone, by=clinic.coordinator)
    assert (back.status, sorted(back.resource_bookings.values_list("resource", "during"))) == (
        "booked",
        taken,
    )
    slot.refresh_from_db()
    assert (slot.outcome, slot.hold.status) == ("The change was taken back.", "cancelled")
    assert not FreedSlot.objects.filter(visit__isnull=False).exists(), (
        "nobody had said that it may not take place"
    )
    assert check_schedule(clinic.now) == []


def test_after_two_minutes_it_is_free_and_undo_is_over(clinic, clock, single):
    visit = visits_of(book(clinic))[0]
    gone = let_go(clinic, visit, "cancel_visit", clock)
    clock.advance(minutes=2)
    with pytest.raises(StateConflict, match="two minutes"):
        undo_move(appointment=gone, by=clinic.coordinator)
    assert another(clinic, single, visit.during.lower)().status == "active"
    waitlist.fill()
    assert FreedSlot.objects.get().outcome == "Booked meanwhile."


def test_the_same_patient_does_not_wait_for_it(clinic, clock):
    """The last visit is cancelled and gets its place back by hand; cancelled again, an extra infusion takes it."""
    last = visits_of(book(clinic))[5]
    where = choice(clinic, 6, last.during.lower)
    let_go(clinic, last, "cancel_visit", clock)
    back = rebook_visit(series=last.series, choice=where, by=clinic.coordinator)
    assert back.during == last.during
    let_go(clinic, back, "cancel_visit", clock)
    extra = book_extra_infusion(
        patient=clinic.patient, protocol_version=clinic.version, weight_kg=WEIGHT, choice=where, reason="early-return",
        by=clinic.clinician,
    )  # fmt: skip
    assert (extra.ordinal, extra.during) == (7, last.during)
    assert not Appointment.objects.filter(kind="hold", status="reserved").exists()
    assert check_schedule(clinic.now) == []


def test_the_calendar_shows_that_the_place_is_kept(clinic, clock):
    visit = visits_of(book(clinic))[0]
    let_go(clinic, visit, "cancel_visit", clock)
    browser = Client()
    browser.force_login(clinic.coordinator)
    week = browser.get(reverse("week"), {"day": visit.during.lower.date().isoformat()}).content.decode()
    assert "Place kept two minutes for undo" in week
    assert "the change can still be undone" in browser.get(reverse("waitlist")).content.decode()


# --- Whatever frees a chair, the waitlist is told ---------------------------------------------------------------------


def ended(clinic, series, clock):
    end_series(series=series, reason="no-response", by=clinic.clinician)


def died(clinic, series, clock):
    from patients.services import set_status

    set_status(patient=series.patient, status="deceased", by=clinic.clinician)


@pytest.mark.parametrize("how", [ended, died])
def test_an_end_offers_every_chair_that_was_ahead(clinic, clock, single, how):
    series = book(clinic)
    waiting = another(clinic, single, local(clinic, 6, 13), chair=str(clinic.chairs[1].code))()
    waitlist.add_entry(series=waiting, ordinal=1, by=clinic.coordinator)
    how(clinic, series, clock)
    assert FreedSlot.objects.filter(resource=clinic.chairs[0], hold=None).count() == 6
    assert waitlist.fill() == 0, "an offer waits two minutes, whatever came free"
    clock.advance(seconds=121)
    assert waitlist.fill() == 1
    offer = waiting.waitlist.get().offers.get()
    assert offer.hold.during.lower == local(clinic, 5, 9)
    assert not ResourceBooking.objects.filter(appointment__series=series).exists()
    assert check_schedule(clinic.now) == []
