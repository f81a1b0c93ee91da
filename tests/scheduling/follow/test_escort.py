"""Answers about a coming visit: what may not take place is set aside for the waitlist, and the escort is asked, too."""

from __future__ import annotations

import re

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from patients import services
from patients.contact import contains_clinical_words
from patients.models import ContactPoint
from scheduling import dispatch
from scheduling.models import Appointment, FreedSlot, Message, PatientLink, ResourceBooking, WorkItem
from scheduling.services import answers, waitlist
from scheduling.services.links import links_of
from scheduling.services.more_visits import rebook_visit
from scheduling.services.moves import move_visit, undo_move
from staff.api import etag
from staff.errors import Clash, InvalidInput, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import book, choice, local, visits_of
from tests.scheduling.follow.mailbox import receiving

pytestmark = pytest.mark.django_db
PATH = re.compile(r"https://visits\.example(/p/[\w-]{20,}/)")
ITEMS = WorkItem.Kind.PATIENT_ANSWER


@pytest.fixture
def mailbox(settings):
    settings.PUBLIC_URL = "https://visits.example"
    with receiving(settings) as box:
        yield box


@pytest.fixture
def visit(clinic, clock, settings) -> Appointment:
    """Thursday 5 March 09:00 in chair 1."""
    settings.PUBLIC_URL = "https://visits.example"
    single = factories.make_version("single-infusion", author=clinic.admin)
    first = choice(clinic, 1, local(clinic, 5, 9))
    return visits_of(book(clinic, patient=clinic.patient, protocol_version=single, visits=[first]))[0]


def add_escort(clinic, address="sam@mail.example", **over) -> ContactPoint:
    fields = {"whose": "escort", "person_name": "Sam", "patient_agrees": True} | over
    return services.add_contact_point(
        patient=clinic.patient, channel="email", address=address, by=clinic.coordinator, **fields
    )


@pytest.fixture
def escort(clinic, visit) -> ContactPoint:
    """Verified, and agreed to by themselves."""
    point = add_escort(clinic)
    point = services.verify_contact_point(
        contact_point=point, address_again="sam@mail.example", by=clinic.coordinator
    )
    return services.consent_contact_point(contact_point=point, by=clinic.coordinator)


def link_of(kind: str, clock) -> PatientLink:
    """The link in the message of this kind, made as the dispatcher makes it."""
    row = Message.objects.filter(kind=kind).earliest("pk")
    made = links_of(row, at=clock.now())
    return PatientLink.objects.get(about=f"message:{row.code}") if made else None


def aside() -> list[FreedSlot]:
    return list(FreedSlot.objects.filter(visit__isnull=False, done_at__isnull=True))


def test_a_visit_without_a_driver_is_set_aside_and_given_back(clinic, clock, visit):
    link = link_of("visit_reminder", clock)
    for _ in range(2):
        answers.answer_visit(link=link, answer="no-driver")
    (slot,) = aside()
    assert (slot.visit, slot.resource) == (visit, clinic.chairs[0])
    assert WorkItem.objects.open().get(kind=ITEMS).role == "coordinator"
    clock.advance(minutes=10)
    assert waitlist.fill() == 0, "the visit still has it"
    answers.answer_visit(link=link, answer="coming")
    assert aside() == []
    assert not WorkItem.objects.open().filter(kind=ITEMS).exists()
    answers.answer_visit(link=link, answer="late")
    assert aside() == [], "late is not away"


def test_let_go_on_the_waitlist_page_it_is_offered_to_whoever_waits(clinic, clock, visit):
    single = visit.series.protocol_version
    chair = str(clinic.chairs[1].code)
    waiting = book(
        clinic, patient=factories.make_patient(clinic.site), protocol_version=single,
        visits=[choice(clinic, 1, local(clinic, 6, 13), chair=chair)],
    )  # fmt: skip
    waitlist.add_entry(series=waiting, ordinal=1, by=clinic.coordinator)
    with pytest.raises(StateConflict):
        answers.let_visit_go(visit=visit, by=clinic.coordinator)
    answers.answer_visit(link=link_of("visit_reminder", clock), answer="no-driver")
    browser = Client()
    browser.force_login(clinic.coordinator)
    page = browser.get(reverse("waitlist")).content.decode()
    assert "May come free" in page
    assert "nobody to take them home" in page
    act = reverse("visit_let_go", args=[visit.code])
    assert browser.get(act).status_code == 405
    assert Client().post(act).status_code == 302
    therapist = Client()
    therapist.force_login(clinic.therapist)
    assert therapist.post(act, {"version": visit.version}).status_code in (403, 404)
    assert browser.post(act, {"version": "99"}).status_code in (409, 412)
    assert len(aside()) == 1
    for _ in range(2):
        assert browser.post(act, {"version": visit.version}).status_code == 302
    assert "the change can still be undone" in browser.get(reverse("waitlist")).content.decode()
    visit.refresh_from_db()
    assert visit.status == "cancelled"
    (slot,) = FreedSlot.objects.filter(done_at__isnull=True)
    assert slot.visit is None
    assert not WorkItem.objects.open().filter(kind=ITEMS).exists()
    clock.advance(seconds=121)
    assert waitlist.fill() == 1
    assert slot.offers.get().entry.series == waiting


@pytest.fixture
def let_go(clinic, clock, visit) -> Appointment:
    """Set aside because nobody drives, and let go by the coordinator just now."""
    answers.answer_visit(link=link_of("visit_reminder", clock), answer="no-driver")
    return answers.let_visit_go(visit=visit, by=clinic.coordinator)


def in_its_place(clinic, visit, hour=9):
    """Another patient wants the very chair at that time."""
    wanted = choice(clinic, 1, local(clinic, 5, hour), chair=str(clinic.chairs[0].code))
    return lambda: book(
        clinic, patient=factories.make_patient(clinic.site), protocol_version=visit.series.protocol_version,
        visits=[wanted],
    )  # fmt: skip


def test_let_go_its_place_is_nobody_else_s_while_that_can_be_undone(clinic, clock, visit, let_go):
    """Booking is refused, by hand in the database too; undo brings back visit, seat, set-aside time and item."""
    before = visit.changes.get().seat_before
    assert not visit.resource_bookings.exists()
    with pytest.raises(Clash, match="kept"):
        in_its_place(clinic, visit)()
    slot = FreedSlot.objects.get()
    hold = slot.hold.resource_bookings.get(resource=clinic.chairs[0])
    with pytest.raises(IntegrityError, match="one_booking_per_lane"), transaction.atomic():
        ResourceBooking.objects.create(resource=hold.resource, lane=1, appointment=visit, during=hold.during)
    clock.advance(seconds=119)
    assert waitlist.fill() == 0
    back = undo_move(appointment=let_go, by=clinic.coordinator)
    assert (back.status, back.during) == ("booked", visit.during)
    seat = back.resource_bookings.values_list("resource_id", "during")
    assert {(key, span.lower.isoformat()) for key, span in seat} == {(key, start) for key, start, _ in before}
    assert [slot.visit for slot in aside()] == [back], "set aside as before"
    assert WorkItem.objects.open().filter(kind=ITEMS).count() == 1, "still to be decided"
    assert not Appointment.objects.filter(kind="hold", status="reserved").exists()
    assert answers.let_visit_go(visit=back, by=clinic.coordinator).status == "cancelled", "and let go again"


def test_after_the_two_minutes_the_place_is_free_and_undo_is_over(clinic, clock, visit, let_go):
    clock.advance(minutes=2)
    with pytest.raises(StateConflict, match="two minutes"):
        undo_move(appointment=let_go, by=clinic.coordinator)
    assert in_its_place(clinic, visit)().status == "active"
    assert FreedSlot.objects.get().hold.status == "cancelled"


def test_the_patient_s_own_new_time_does_not_wait_for_undo(clinic, clock, visit, let_go):
    """Somebody drives after all, an hour later, in the same chair: the hold is for others."""
    again = choice(clinic, 1, local(clinic, 5, 10), chair=str(clinic.chairs[0].code))
    booked = rebook_visit(series=visit.series, choice=again, by=clinic.coordinator)
    assert booked.during.lower == local(clinic, 5, 10)
    assert FreedSlot.objects.get().hold.status == "cancelled"


def test_moved_because_it_was_set_aside_its_old_place_is_kept_too(clinic, clock, visit):
    """By an hour in the same chair: the hour before is kept; the move is taken back, made again, and moved on."""
    answers.answer_visit(link=link_of("visit_reminder", clock), answer="change")
    for hour in (10, 11):
        moved = move_visit(
            appointment=visit, start=local(clinic, 5, hour), by=clinic.coordinator, reason="patient-asked"
        )
        hold = FreedSlot.objects.get(left_by=visit).hold
        assert (hold.during.lower, hold.during.upper) == (local(clinic, 5, 9), local(clinic, 5, hour))
        back = undo_move(appointment=moved, by=clinic.coordinator)
        assert (back.during.lower, len(aside())) == (local(clinic, 5, 9), 1)
    for hour in (10, 13):
        move_visit(
            appointment=visit, start=local(clinic, 5, hour), by=clinic.coordinator, reason="patient-asked"
        )
    assert not Appointment.objects.filter(kind="hold", status="reserved").exists(), (
        "moved again: not undoable"
    )


def test_moved_by_another_path_the_time_that_was_set_aside_comes_free_once(clinic, clock, visit):
    from scheduling.services import visits

    answers.answer_visit(link=link_of("visit_reminder", clock), answer="change")
    visits.cancel_visit(appointment=visit, by=clinic.coordinator, reason="patient-unwell")
    slot = FreedSlot.objects.get()
    assert (slot.visit, slot.done_at) == (None, None)


def test_an_escort_needs_a_name_and_the_patient_s_agreement(clinic, visit):
    for over, field in (
        ({"person_name": " "}, "person_name"),
        ({"patient_agrees": False}, "patient_agrees"),
        ({"preferred": True}, "preferred"),
        ({"whose": "neighbour"}, "whose"),
    ):
        with pytest.raises(InvalidInput) as refused:
            add_escort(clinic, **over)
        assert refused.value.field == field
    point = add_escort(clinic)
    assert not point.preferred
    with pytest.raises(StateConflict):
        services.set_preferred(contact_point=point, by=clinic.coordinator)
    assert not Message.objects.filter(contact_point=point).exists(), (
        "neither verified nor agreed to by themselves"
    )


def test_the_escort_is_reminded_and_answers_for_themselves(clinic, clock, mailbox, visit, escort):
    row = Message.objects.get(kind="escort_reminder", state="scheduled")
    assert row.contact_point == escort
    own = Message.objects.get(kind="visit_reminder", state="scheduled")
    assert own.contact_point.whose == "patient"
    clock.set(row.due_at)
    dispatch.tick()
    (mail,) = [item for item in mailbox.taken if item["To"] == "sam@mail.example"]
    text = mail["Subject"] + mail.get_content()
    assert "Hello Sam" in text
    assert clinic.patient.family_name not in text
    assert not contains_clinical_words(PATH.sub("", text))
    path = PATH.findall(mail.get_content())[0]
    assert "Can you take" in Client().get(path).content.decode()
    assert Client().post(path, {"answer": "ate"}).status_code == 422
    assert (
        "you need not do anything"
        in Client().post(path, {"answer": "no-driver"}, follow=True).content.decode()
    )
    assert "escort cannot" in WorkItem.objects.open().get(kind=ITEMS).title
    answers.answer_visit(link=link_of("visit_reminder", clock), answer="coming")
    assert len(aside()) == 1, "the patient comes, but how do they get home?"
    assert WorkItem.objects.open().filter(kind=ITEMS).count() == 1
    Client().post(path, {"answer": "coming"})
    assert aside() == []
    assert not WorkItem.objects.open().filter(kind=ITEMS).exists()


def test_an_escort_opts_out_alone(clinic, clock, mailbox, visit, escort):
    clock.set(Message.objects.get(kind="escort_reminder").due_at)
    dispatch.tick()
    (mail,) = [item for item in mailbox.taken if item["To"] == "sam@mail.example"]
    assert (
        Client().post(PATH.findall(mail.get_content())[-1], {"List-Unsubscribe": "One-Click"}).status_code
        == 302
    )
    left = Message.objects.filter(state="scheduled", appointment=visit)
    assert set(left.values_list("kind", flat=True)) == {"visit_reminder_soon"}


def test_over_the_api(clinic, clock, visit):
    api = APIClient()
    api.force_authenticate(clinic.coordinator)
    new = {"patient": str(clinic.patient.code), "channel": "email", "address": "sam@mail.example", "whose": "escort",
           "person_name": "Sam"}  # fmt: skip
    assert api.post("/api/v1/contact-points/", new, format="json").status_code == 400
    done = api.post("/api/v1/contact-points/", new | {"patient_agrees": True}, format="json")
    assert (done.status_code, done.json()["person_name"]) == (201, "Sam")
    answers.answer_visit(link=link_of("visit_reminder", clock), answer="no-driver")
    (line,) = api.get(f"/api/v1/set-aside-visits/?site={clinic.site.code}").json()["results"]
    assert line["visit"] == str(visit.code)
    act = f"/api/v1/set-aside-visits/{visit.code}/"
    assert api.post(f"{act}let-go/", {}, format="json").status_code == 428
    assert api.post(f"{act}keep/", {}, format="json").json()["kept"] == 1
    assert api.post(f"{act}keep/", {}, format="json").json()["kept"] == 0
    tag = etag(visit.code, line["version"])
    assert api.post(f"{act}let-go/", {}, format="json", HTTP_IF_MATCH=tag).status_code == 409
    other = APIClient()
    other.force_authenticate(clinic.therapist)
    assert other.post(f"{act}keep/", {}, format="json").status_code in (403, 404)
