"""A freed slot offers itself in order, is kept by a hold, and goes on when nobody takes it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from scheduling import dispatch
from scheduling.models import Appointment, FreedSlot, WaitlistEntry, WaitlistOffer, WorkItem
from scheduling.schedule_checks import check_schedule
from scheduling.services import visits as visit_service
from scheduling.services import waitlist
from staff.errors import Clash, RuleNotMet, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import book, choice, local, six, visits_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def single(clinic):
    return factories.make_version("single-infusion", author=clinic.admin)


def one(clinic, single, day, hour, **over):
    """A single infusion of a fresh patient."""
    patient = factories.make_patient(clinic.site)
    visits = [choice(clinic, 1, local(clinic, day, hour), **over)]
    return book(clinic, patient=patient, protocol_version=single, visits=visits)


@pytest.fixture
def freed(clinic, single, clock):
    """Thursday 5 March 09:00 in chair 1 was booked and is cancelled; the two minutes for undo have passed."""
    holder = visits_of(one(clinic, single, 5, 9))[0]
    visit_service.cancel_visit(appointment=holder, by=clinic.coordinator, reason="patient-unwell")
    slot = FreedSlot.objects.get()
    assert slot.during.lower == local(clinic, 5, 9)
    assert waitlist.fill() == 0, "undo still has its two minutes"
    clock.advance(seconds=121)
    return slot


def later(clinic, single, hour=13, day=6, **over):
    """A patient booked for later who would come earlier."""
    series = one(clinic, single, day, hour, chair=str(clinic.chairs[1].code))
    return series, waitlist.add_entry(series=series, ordinal=1, by=clinic.coordinator, **over)


def test_a_place_that_is_kept_long_after_its_offer_ran_out_is_named(clinic, single, freed, clock):
    later(clinic, single)
    assert waitlist.fill() == 1
    clock.set(WaitlistOffer.objects.get().expires_at + timedelta(minutes=30))
    assert "offer" not in {item.kind for item in check_schedule(clinic.now)}
    clock.advance(minutes=31)
    assert "offer" in {item.kind for item in check_schedule(clinic.now)}


def test_the_most_urgent_is_asked_first_then_whose_time_runs_out(clinic, single, freed, clock):
    series_a, routine = later(clinic, single, day=6)
    _, soonest = later(clinic, single, hour=9, day=6)
    _, urgent = later(clinic, single, day=9, urgency=3)
    assert waitlist.fill() == 1
    offer = WaitlistOffer.objects.get()
    assert offer.entry == urgent
    assert offer.hold.kind == "hold"
    assert {row.resource.kind for row in offer.hold.resource_bookings.all()} == {
        "chair",
        "nurse",
        "clinician",
    }
    assert waitlist.fill() == 0, "one offer at a time"
    with pytest.raises(Clash):
        one(clinic, single, 5, 9)
    assert WorkItem.objects.filter(key=f"offer:{offer.code}", resolved_at__isnull=True).count() == 1
    waitlist.decline_offer(offer=offer, by=clinic.nurse)
    waitlist.decline_offer(offer=offer, by=clinic.nurse)
    assert waitlist.fill() == 1
    second = WaitlistOffer.objects.get(state="open")
    assert second.entry == soonest, "less time is left to this one"
    clock.set(second.expires_at)
    assert dispatch.tick().failed == []
    second.refresh_from_db()
    assert second.state == "expired"
    third = WaitlistOffer.objects.get(state="open")
    assert third.entry == routine
    booked = waitlist.accept_offer(offer=third, by=clinic.coordinator)
    assert waitlist.accept_offer(offer=third, by=clinic.coordinator) == booked, "accepting twice books once"
    assert booked.during.lower == local(clinic, 5, 9)
    assert booked.pk == visits_of(series_a)[0].pk, "the visit moved, none was added"
    assert check_schedule(clinic.now) == []
    assert not WorkItem.objects.filter(key__startswith="offer:", resolved_at__isnull=True).exists()
    assert FreedSlot.objects.filter(done_at__isnull=True).count() == 1, "the place it left is free now"
    with pytest.raises(StateConflict):
        waitlist.accept_offer(offer=second, by=clinic.coordinator)


def test_an_infusion_without_a_date_is_booked_inside_its_gaps_or_not_offered(clinic, single, clock):
    """Infusion 3 (Thursday 12) lost its date; a slot on Wednesday 18 is too late for it, one on Friday 13 is not."""
    series = book(clinic)
    visit_service.cancel_visit(appointment=visits_of(series)[2], by=clinic.coordinator, reason="staff")
    entry = waitlist.add_entry(series=series, ordinal=3, by=clinic.coordinator, part_of_day="morning")
    assert entry.latest_at <= local(clinic, 14, 9)
    FreedSlot.objects.update(done_at=clinic.now)
    late, afternoon, good = (
        visits_of(one(clinic, single, day, hour, chair=str(clinic.chairs[2].code)))[0]
        for day, hour in ((18, 9), (13, 14), (13, 9))
    )
    for row in (late, afternoon, good):
        visit_service.cancel_visit(appointment=row, by=clinic.coordinator, reason="staff")
    clock.advance(seconds=121)
    assert waitlist.fill() == 1
    offer = WaitlistOffer.objects.get()
    assert offer.hold.during.lower == local(clinic, 13, 9)
    waitlist.accept_offer(offer=offer, by=clinic.coordinator)
    assert [row.status for row in visits_of(series)].count("booked") == 6
    assert check_schedule(clinic.now) == []
    waitlist.add_entry(series=series, ordinal=3, by=clinic.coordinator, urgency=2)
    with pytest.raises(StateConflict):
        waitlist.add_entry(series=series, ordinal=3, by=clinic.coordinator)


def test_what_is_of_no_use_any_more_leaves_the_list(clinic, single, clock, freed):
    _, entry = later(clinic, single, notice_hours=72)
    assert waitlist.fill() == 0, "two days' notice are not enough for this patient"
    clock.set(entry.latest_at + timedelta(minutes=1))
    waitlist.fill()
    entry.refresh_from_db()
    assert entry.state == "expired"
    freed.refresh_from_db()
    assert freed.done_at is not None
    series = book(clinic, visits=six(clinic, first_day=12))
    clock.set(local(clinic, 25, 9))
    visit = visits_of(series)[0]
    visit_service.mark_no_show(appointment=visit, by=clinic.nurse, reason="no-contact")
    with pytest.raises(RuleNotMet):
        waitlist.add_entry(series=series, ordinal=1, by=clinic.coordinator)


def test_page_and_api(clinic, single, freed):
    series, entry = later(clinic, single)
    waitlist.fill()
    offer = WaitlistOffer.objects.get()
    client = Client()
    client.force_login(clinic.coordinator)
    page = client.get(reverse("waitlist")).content.decode()
    assert series.patient.full_name in page
    assert "kept until" in page
    rows = client.get(f"/api/v1/waitlist/?site={clinic.site.code}").json()["results"]
    assert [row["place"] for row in rows] == [1]
    assert rows[0]["offer"]["code"] == str(offer.code)
    url = reverse("waitlist_accept", args=[entry.code])
    for bad in ({}, {"offer": "x", "version": "1"}, {"offer": str(uuid4()), "version": "1"}):
        assert client.post(url, bad).status_code == 400
    assert client.post(url, {"offer": str(offer.code), "version": "9"}).status_code == 412
    assert Appointment.objects.filter(moved_from__isnull=False).count() == 0
    assert client.post(url, {"offer": str(offer.code), "version": "1"}).status_code == 302
    assert client.post(url, {"offer": str(offer.code), "version": "1"}).status_code == 302
    assert WaitlistEntry.objects.get().state == "filled"
    add = reverse("waitlist_add", args=[series.code, 1])
    form = {
        "urgency": "2",
        "part_of_day": "",
        "notice_hours": "1",
        "note": "",
        "patient_code": str(series.patient.code),
    }
    assert client.post(add, form | {"urgency": "9"}).status_code == 422
    assert client.post(add, form).status_code == 302
    assert client.post(add, form).status_code == 409
    body = {"series": str(series.code), "ordinal": 1}
    made = client.post(
        "/api/v1/waitlist/", body, content_type="application/json", HTTP_IDEMPOTENCY_KEY=str(uuid4())
    )
    assert made.status_code == 409
    code = WaitlistEntry.objects.get(state="waiting").code
    gone = client.post(f"/api/v1/waitlist/{code}/withdraw/", {}, content_type="application/json")
    assert gone.json()["state"] == "withdrawn"
    none = client.post(f"/api/v1/waitlist/{code}/accept/", {}, content_type="application/json")
    assert none.status_code == 409
