"""Slots that are only reserved: they give way in time, and become bookings only as what could be booked now."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from django.urls import reverse

from scheduling import dispatch
from scheduling.models import Appointment, FreedSlot, ResourceBooking, TreatmentSeries, WorkItem
from scheduling.schedule_checks import check_schedule
from scheduling.services.confirming import confirm_series
from scheduling.services.holds import release_series, sweep_expired
from scheduling.services.resources import add_absence, add_closure
from scheduling.services.seating import TherapyChoice
from scheduling.services.visits import cancel_visit
from sessions.services import eligibility_in_force, withdraw_eligibility
from staff.errors import Clash, DomainError, RuleNotMet, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import book, local, six, visits_of
from tests.scheduling.booking.pages import plan_data, plan_url, shown, signed_in

pytestmark = pytest.mark.django_db


def with_therapy(clinic, **over):
    """Six reserved visits, with a session on the day after the first two."""
    visits = six(clinic)
    sessions = [
        TherapyChoice(
            item.ordinal, "integration_1", item.start + timedelta(days=1), str(clinic.therapist_lane.code)
        )
        for item in visits[:2]
    ]
    return book(clinic, visits=visits, therapy=sessions, hold_minutes=30, **over)


def test_holds_expire_and_give_way(clinic, clock):
    held = book(clinic, patient=factories.make_patient(clinic.site), hold_minutes=10)
    assert {row.status for row in visits_of(held)} == {"reserved"}
    with pytest.raises(Clash):
        book(clinic)
    clock.advance(minutes=11)
    assert book(clinic).status == TreatmentSeries.Status.ACTIVE
    held.refresh_from_db()
    assert held.status == "ended"
    assert {row.status for row in visits_of(held)} == {"cancelled"}


def test_holds_are_confirmed_in_time_only(clinic, clock):
    held = book(clinic, hold_minutes=10)
    clock.advance(minutes=9)
    confirm_series(series=held, by=clinic.coordinator)
    assert {row.status for row in visits_of(held)} == {"booked"}
    late = book(
        clinic, patient=factories.make_patient(clinic.site), visits=six(clinic, hour=13), hold_minutes=10
    )
    clock.advance(minutes=10)
    with pytest.raises(StateConflict):
        confirm_series(series=late, by=clinic.coordinator)


@pytest.mark.parametrize("how", ["expired", "given back"])
def test_what_was_planned_with_a_reservation_goes_with_it(clinic, clock, how):
    """No session without its infusion: the therapist is free, the patient can be planned again, the waitlist is told."""
    held = with_therapy(clinic)
    assert ResourceBooking.objects.filter(resource=clinic.therapist_lane).count() == 2
    cancel_visit(appointment=visits_of(held)[5], reason="staff", by=clinic.coordinator)
    assert WorkItem.objects.open().count() == 1, "the sixth has no date"
    if how == "expired":
        clock.advance(minutes=31)
        assert dispatch.tick().failed == []
    else:
        release_series(series=held, by=clinic.coordinator)
        sweep_expired(at=clinic.now + timedelta(minutes=2))  # the place of the sixth, kept for undo
    assert not ResourceBooking.objects.exists()
    assert set(Appointment.objects.values_list("status", flat=True)) == {"cancelled"}
    held.refresh_from_db()
    assert held.status == TreatmentSeries.Status.ENDED
    assert not WorkItem.objects.open().exists()
    assert check_schedule(clinic.now) == []
    assert FreedSlot.objects.filter(resource=clinic.chairs[0]).count() == 6
    assert book(clinic).status == TreatmentSeries.Status.ACTIVE


def test_confirmed_its_therapy_is_that_of_its_follow_ups(clinic):
    held = with_therapy(clinic)
    confirm_series(series=held, by=clinic.coordinator)
    sessions = list(held.appointments.filter(kind="therapy"))
    assert [(item.status, item.follow_up.state) for item in sessions] == [("provisional", "booked")] * 2
    assert [item.follow_up.visit.ordinal for item in sessions] == [1, 2]
    assert {item.follow_up.assignee for item in sessions} == {clinic.therapist}
    assert check_schedule(clinic.now) == []


def _closed(clinic, held):
    add_closure(
        site=clinic.site, first=local(clinic, 12).date(), last=local(clinic, 12).date(), reason="Flood",
        by=clinic.coordinator,
    )  # fmt: skip


def _nurse_away(clinic, held):
    add_absence(
        resource=clinic.nurse_lane, start=local(clinic, 12, 8), end=local(clinic, 12, 18), reason="Course",
        by=clinic.coordinator,
    )  # fmt: skip


def _licence_ended(clinic, held):
    clinic.clinician.licences.update(valid_during=("2024-01-01", local(clinic, 10).date()))


def _checklist_taken_back(clinic, held):
    signed = eligibility_in_force(clinic.patient, clinic.version, clinic.now)
    withdraw_eligibility(sign_off=signed, reason="New findings", by=clinic.clinician)


def _patient_gone(clinic, held):
    type(clinic.patient).objects.filter(pk=clinic.patient.pk).update(status="inactive")


def _therapist_away(clinic, held):
    add_absence(
        resource=clinic.therapist_lane, start=local(clinic, 6, 8), end=local(clinic, 6, 18), reason="Course",
        by=clinic.coordinator,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("meanwhile", "kind", "words"),
    [
        (_closed, RuleNotMet, "3 of 6: .*closed .Flood"),
        (_nurse_away, DomainError, "3 of 6: "),
        (_licence_ended, RuleNotMet, "3 of 6: .*licence"),
        (_checklist_taken_back, DomainError, "checklist"),
        (_patient_gone, StateConflict, "The patient is"),
        (_therapist_away, DomainError, "1 of 6: "),
    ],
)
def test_every_rule_is_asked_again_when_it_is_confirmed(clinic, meanwhile, kind, words):
    held = with_therapy(clinic)
    meanwhile(clinic, held)
    with pytest.raises(kind, match=words):
        confirm_series(series=held, by=clinic.coordinator)
    assert {row.status for row in visits_of(held)} == {"reserved"}, "as they were"
    assert not held.follow_ups.exists()


def test_reserved_on_the_plan_page_then_booked_or_given_back(clinic, clock):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    answer = client.post(plan_url(clinic), plan_data(clinic, "reserve", **fields))
    assert (
        client.post(plan_url(clinic), plan_data(clinic, "reserve", **fields))["Location"]
        == answer["Location"]
    )
    held = TreatmentSeries.objects.get()
    page = html.unescape(client.get(answer["Location"]).content.decode())
    assert "Reserved until" in page
    assert "Book 6 visits" in page
    confirm, release = (reverse(name, args=[held.code]) for name in ("series_confirm", "series_release"))
    add_closure(
        site=clinic.site, first=visits_of(held)[2].during.lower.date(), last=visits_of(held)[2].during.lower.date(),
        reason="Flood", by=clinic.coordinator,
    )  # fmt: skip
    refused = client.post(confirm)
    assert refused.status_code == 422
    assert "3 of 6: " in refused.content.decode()
    clinic.site.closures.all().delete()
    for _ in range(2):
        assert client.post(confirm).status_code == 302, "sent twice it is done once"
    assert {row.status for row in visits_of(held)} == {"booked"}
    assert client.post(release).status_code == 302
    assert {row.status for row in visits_of(held)} == {"booked"}, "what is booked is not given back"
    assert "Reserved until" not in client.get(answer["Location"]).content.decode()


def test_a_reservation_is_given_back_on_its_page_and_late_it_cannot_be_booked(clinic, clock):
    client = signed_in(clinic.coordinator)
    late = book(
        clinic, patient=factories.make_patient(clinic.site), visits=six(clinic, hour=13), hold_minutes=10
    )
    held = book(clinic, hold_minutes=30)
    clock.advance(minutes=10)
    answer = client.post(reverse("series_confirm", args=[late.code]))
    assert answer.status_code == 409
    assert "has run out" in answer.content.decode()
    for _ in range(2):
        assert client.post(reverse("series_release", args=[held.code])).status_code == 302
    assert {row.status for row in visits_of(held)} == {"cancelled"}
