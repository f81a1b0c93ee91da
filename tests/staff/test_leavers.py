"""Who has left can no longer sign, hold anything, or be booked: by page, service and raw SQL (hazard H27)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.test import Client
from rest_framework.authtoken.models import Token

from patients.services import assign_team
from scheduling.models import Resource, ResourceBooking, WorkItem
from scheduling.schedule_checks import check_schedule
from scheduling.services import duty
from scheduling.services.workitems import raise_item
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput, StaleVersion
from staff.models import User
from staff.services import people
from tests import factories
from tests.conftest import TUESDAY_NINE, Clock
from tests.factories import make_user
from tests.scheduling.booking.helpers import book, visits_of
from tests.scheduling.follow.conftest import basics_afterwards

__all__ = ["basics_afterwards"]
PASSWORD = "a-long-sample-password-7"


def run(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.rowcount


@pytest.fixture
def manager(clinic):
    return make_user("manager", sites=[clinic.site])


def give_password(person):
    person.set_password(PASSWORD)
    person.save()


def test_neither_session_nor_password_nor_token_nor_link_opens_anything(clinic, manager, client):
    person = clinic.clinician
    give_password(person)
    token = {"Authorization": f"Token {Token.objects.create(user=person).key}"}
    assert client.get("/api/v1/patients/", headers=token).status_code == 200
    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    people.deactivate(person=person, reason="left", by=manager)
    assert client.get("/")["Location"].startswith("/accounts/login/")
    assert Client().get("/api/v1/patients/", headers=token).status_code in (401, 403)
    again = Client()
    again.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert again.get("/").status_code == 302
    asked = {"username": person.email, "password": PASSWORD}
    assert Client().post("/api/v1/token/", asked, content_type="application/json").status_code == 400


def test_nobody_who_left_stands_under_a_signature(clinic, manager, client):
    """The second person under an act identifies with their own password: it is void, even if the row is not."""
    from sessions.views.people import confirmed_person

    person = clinic.second_clinician
    give_password(person)
    request = client.get("/accounts/login/").wsgi_request
    assert confirmed_person(request, person.email, PASSWORD, field="password") == person
    people.deactivate(person=person, reason="left", by=manager)
    password = User(password="")
    password.set_password(PASSWORD)  # even if an old password came back
    User.objects.filter(pk=person.pk).update(password=password.password)
    with pytest.raises(InvalidInput):
        confirmed_person(request, person.email, PASSWORD, field="password")


def test_nothing_is_given_to_hold(clinic, manager):
    gone = clinic.second_clinician
    people.deactivate(person=gone, reason="left", by=manager)
    gone.refresh_from_db()
    with pytest.raises(DomainError):
        assign_team(
            patient=clinic.patient, therapist=None, prescriber=gone, by=clinic.coordinator, expected_version=1
        )
    with pytest.raises(DomainError):
        duty.add_shift(
            site=clinic.site,
            user=gone,
            start=app_now(),
            end=app_now() + timedelta(hours=8),
            rank=3,
            by=manager,
        )
    item = raise_item(
        kind="unsigned", key="x", site=clinic.site, title="Open", role="clinician", owner=gone, due_at=app_now(),
        at=app_now(),
    )  # fmt: skip
    assert item.owner is None


def test_what_is_booked_stands_and_nothing_new_is_booked(clinic, manager):
    """The nurse leaves with visits ahead: they stand, are on a list, and other visits need somebody else."""
    visit = visits_of(book(clinic))[0]
    people.deactivate(person=clinic.nurse, reason="left", by=manager)
    lane = Resource.objects.get(pk=clinic.nurse_lane.pk)
    assert not lane.active
    assert ResourceBooking.objects.filter(resource=lane).count() == 6
    assert check_schedule(app_now()) == [], "all are on the coordinators' list"
    WorkItem.objects.filter(key=f"left:{visit.code}").update(resolved_at=app_now(), resolution="x")
    assert [found.kind for found in check_schedule(app_now())] == ["left"]
    other = factories.make_patient(clinic.site, therapist=clinic.therapist, prescriber=clinic.clinician)
    with pytest.raises(DomainError):
        book(clinic, patient=other)
    booking = visit.resource_bookings.get(resource=lane)
    insert = (
        "INSERT INTO scheduling_resourcebooking (resource_id, lane, during, appointment_id)"
        " SELECT resource_id, 2, during, appointment_id FROM scheduling_resourcebooking WHERE id = %s"
    )
    with pytest.raises(IntegrityError, match="retired is not booked"), transaction.atomic():
        run(insert, booking.pk)
    run("UPDATE scheduling_appointment SET status = 'arrived' WHERE id = %s", visit.pk)
    assert run(insert, booking.pk) == 1, (
        "a visit that is going on may run over: what happens is always storable"
    )
    run("DELETE FROM scheduling_resourcebooking WHERE resource_id = %s AND lane = 2", lane.pk)
    run("UPDATE scheduling_appointment SET status = 'booked' WHERE id = %s", visit.pk)
    run("UPDATE scheduling_resource SET active = true WHERE id = %s", lane.pk)
    assert run(insert, booking.pk) == 1, "the control: of somebody who works here the same row is taken"


def test_a_place_in_the_schedule_is_kept_while_its_person_works_there(clinic):
    """Bookings ahead keep it in use, in the database too; only the person's leaving ends it."""
    book(clinic)
    retire = "UPDATE scheduling_resource SET active = false WHERE id = %s"
    with pytest.raises(IntegrityError, match="stays in use"), transaction.atomic():
        run(retire, clinic.nurse_lane.pk)
    clinic.nurse.groups.clear()
    assert run(retire, clinic.nurse_lane.pk) == 1


@pytest.mark.fault
class TestTwoManagersAtOnce:
    """On real connections as the app role."""

    @pytest.fixture
    def clinic(self, basics_afterwards, transactional_db):
        Clock().set(TUESDAY_NINE)
        return factories.make_clinic()

    def at_once(self, *works):
        barrier = threading.Barrier(len(works))

        def run(work):
            try:
                with connection.cursor() as cursor:
                    cursor.execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')
                barrier.wait(30)
                return work()
            except DomainError as refusal:
                return refusal
            finally:
                connection.close()

        with ThreadPoolExecutor(len(works)) as pool:
            return list(pool.map(lambda work: run(work), works))

    def test_one_changes_a_person_and_the_other_is_told(self, clinic):
        first, second = (make_user("manager", sites=[clinic.site]) for _ in range(2))
        nurse = clinic.nurse
        results = self.at_once(
            lambda: people.set_access(
                person=nurse,
                role_names=["nurse", "coordinator"],
                sites=[clinic.site],
                by=first,
                expected_version=1,
            ),
            lambda: people.deactivate(person=nurse, reason="left", by=second, expected_version=1),
        )
        lost = [item for item in results if isinstance(item, StaleVersion)]
        assert len(lost) == 1, results
        row = User.objects.get(pk=nurse.pk)
        assert row.version == 2
        assert row.is_active == ("coordinator" in row.role_names)

    def test_two_managers_who_end_each_other_leave_one(self, clinic):
        first, second = (make_user("manager", sites=[clinic.site]) for _ in range(2))
        results = self.at_once(
            lambda: people.deactivate(person=second, reason="left", by=first),
            lambda: people.deactivate(person=first, reason="left", by=second),
        )
        assert sum(isinstance(item, DomainError) for item in results) == 1, results
        assert people.managers() == 1
