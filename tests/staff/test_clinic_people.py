"""Who manages a clinic: services, what PostgreSQL refuses, and the commands that open one."""

from __future__ import annotations

from datetime import date, timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from rest_framework.authtoken.models import Token

from scheduling.models import Appointment, DutyShift, Resource, WorkItem
from scheduling.schedule_checks import check_schedule
from scheduling.services import resources
from staff.clock import app_now
from staff.errors import Clash, InvalidInput, NotAllowed, RuleNotMet, StaleVersion, StateConflict
from staff.models import Licence, Site, User
from staff.services import licences, people, sites
from staff.services.invitations import send_invitation
from tests.factories import make_licence, make_user
from tests.scheduling.follow import world as w

PASSWORD = "a-long-sample-password-7"


@pytest.fixture
def manager(clinic):
    return make_user("manager", sites=[clinic.site], full_name="Noa Winter")


def run(sql, *params):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)


def test_today_of_who_manages_people_says_what_waits_for_them(clinic, manager, client):
    today = app_now().date()
    make_user("therapist", sites=[clinic.site], full_name="Lapsed Lena")
    ending = make_user("therapist", sites=[clinic.site], full_name="Ending Ed", password=PASSWORD)
    make_licence(ending, valid_during=(date(2024, 1, 1), today + timedelta(days=20)))
    client.force_login(manager)
    page = client.get("/").content.decode().split('id="staff-title"')[1]
    assert "No valid licence: " in page.split("Lapsed Lena")[1][:300]
    assert "the last day is" in page.split("Ending Ed")[1][:300]
    assert "has not signed in yet" in page
    client.force_login(clinic.nurse)
    assert 'id="staff-title"' not in client.get("/").content.decode()


def as_owner(sql):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role = cursor.fetchone()[0]
        cursor.execute("RESET ROLE")
        cursor.execute(sql)
        cursor.execute(f'SET ROLE "{role}"')


def invite(clinic, manager, **over):
    fields = {
        "email": "new@clinic.example", "full_name": "Ida Holm", "role_names": ["nurse", "therapist"],
        "sites": [clinic.site], "by": manager,
    }  # fmt: skip
    return people.invite(**(fields | over))


def booked(clinic, *starts):
    """A course under the clinician."""
    series = w.book_course(clinic, list(starts))
    series.appointments.update(practitioner=clinic.clinician)
    return series


class TestJoining:
    def test_an_invited_person_is_bookable_but_for_hours_and_gets_a_link_that_works_once(
        self, clinic, manager, client, settings
    ):
        person = invite(clinic, manager)
        lanes = Resource.objects.filter(user=person)
        assert sorted(lanes.values_list("kind", "capacity")) == [("nurse", 2), ("therapist", 1)]
        assert send_invitation(person, "https://clinic.example", at=app_now())
        (message,) = mail.outbox
        assert message.to == ["new@clinic.example"]
        assert "ketamine" not in message.body.lower()
        link = next(line for line in message.body.splitlines() if line.startswith("https://"))
        path = link.removeprefix("https://clinic.example")
        form = client.get(path)
        page = form["Location"]
        client.get(page)
        assert client.post(page, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 302
        person.refresh_from_db()
        assert person.check_password(PASSWORD)
        assert b"no longer works" in Client().get(path).content

    def test_refusals_name_their_field_and_write_nothing(self, clinic, manager):
        before = User.objects.count()
        for over, error, field in (
            ({"email": "nobody"}, InvalidInput, "email"),
            ({"email": clinic.nurse.email.upper()}, Clash, "email"),
            ({"full_name": "  "}, InvalidInput, "full_name"),
            ({"role_names": ["king"]}, InvalidInput, "roles"),
            ({"role_names": []}, InvalidInput, "roles"),
            ({"sites": []}, InvalidInput, "sites"),
            ({"languages": ["xx"]}, InvalidInput, "languages"),
        ):
            with pytest.raises(error) as refused:
                invite(clinic, manager, **over)
            assert refused.value.field == field
        assert User.objects.count() == before

    def test_a_message_that_cannot_be_sent_leaves_the_person_invited(self, clinic, manager, settings):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        person = invite(clinic, manager)
        assert not send_invitation(person, "https://clinic.example", at=app_now())
        assert User.objects.get(pk=person.pk).invited_at is None


class TestAccess:
    def test_nobody_changes_their_own_roles_unless_they_are_the_only_manager(self, clinic, manager):
        alone = people.set_access(
            person=manager, role_names=["manager", "coordinator"], sites=[clinic.site], by=manager
        )
        assert alone.person.role_names == {"manager", "coordinator"}
        event = apps.get_model("staff", "HeldRoleEvent").objects.latest("pgh_id")
        assert (event.pgh_label, event.pgh_context.metadata["user"]) == ("role.given", manager.pk)
        invite(clinic, manager, role_names=["manager"])
        with pytest.raises(NotAllowed):
            people.set_access(person=manager, role_names=["manager"], sites=[clinic.site], by=manager)

    def test_the_last_manager_stays_by_service_and_by_raw_sql(self, clinic, manager):
        for act in (
            lambda: people.set_access(person=manager, role_names=["nurse"], sites=[clinic.site], by=None),
            lambda: people.deactivate(person=manager, reason="left", by=None),
        ):
            with pytest.raises(RuleNotMet, match="last person"), transaction.atomic():
                act()
        for sql in (
            "UPDATE staff_user SET is_active = false WHERE id = %s",
            "DELETE FROM staff_user_groups WHERE user_id = %s",
        ):
            with pytest.raises(IntegrityError, match="at least one active manager"):
                run(sql, manager.pk)
        as_owner("DROP TRIGGER last_manager_stays ON staff_user")
        run("UPDATE staff_user SET is_active = false WHERE id = %s", manager.pk)
        assert people.managers() == 0, "the control: without the trigger nobody would be left"

    def test_a_stale_page_changes_nothing(self, clinic, manager):
        people.update_person(person=clinic.nurse, changes={"title": "RN"}, by=manager, expected_version=1)
        for act in (
            lambda: people.update_person(
                person=clinic.nurse, changes={"title": "x"}, by=manager, expected_version=1
            ),
            lambda: people.deactivate(person=clinic.nurse, reason="left", by=manager, expected_version=1),
        ):
            with pytest.raises(StaleVersion):
                act()
        assert User.objects.get(pk=clinic.nurse.pk).title == "RN"


def test_who_leaves_is_signed_out_and_leaves_nothing_behind(clinic, manager, client):
    series = booked(clinic, w.FIRST, w.FIRST + timedelta(days=3))
    clinician = clinic.clinician
    clinician.set_password(PASSWORD)
    clinician.save()
    Token.objects.create(user=clinician)
    client.post("/accounts/login/", {"login": clinician.email, "password": PASSWORD})
    assert client.get("/").status_code == 200
    item = WorkItem.objects.create(
        kind="unsigned", key="x", site=clinic.site, title="Open", role="clinician", owner=clinician,
        due_at=app_now(), created_at=app_now(),
    )  # fmt: skip
    outcome = people.deactivate(person=clinician, reason="moved away", by=manager)
    assert client.get("/").status_code == 302
    assert not Token.objects.filter(user=clinician).exists()
    assert set(outcome.handed_over) == {"2 bookings", "2 patients", "1 duty turn", "1 work item"}
    keys = set(WorkItem.objects.filter(kind="staffing", resolved_at=None).values_list("key", flat=True))
    visits = {f"left:{visit.code}" for visit in Appointment.objects.filter(series=series)}
    assert visits | {f"team:prescriber:{clinic.patient.code}", f"series:{series.code}"} <= keys
    assert Appointment.objects.filter(series=series, status="booked").count() == 2, "bookings stand"
    assert not DutyShift.objects.filter(user=clinician, cancelled_at=None).exists()
    item.refresh_from_db()
    assert item.owner is None
    assert people.deactivate(person=clinician, reason="again", by=manager).handed_over == ()
    back = people.reactivate(person=clinician, by=manager)
    assert back.is_active
    assert not back.has_usable_password()


def test_a_therapist_who_leaves_hands_patients_back_to_the_pool(clinic, manager):
    people.set_access(person=clinic.therapist, role_names=["coordinator"], sites=[clinic.site], by=manager)
    clinic.patient.refresh_from_db()
    assert clinic.patient.therapist is None
    assert WorkItem.objects.filter(key=f"team:therapist:{clinic.patient.code}").exists()
    clinic.therapist_lane.refresh_from_db()
    assert not clinic.therapist_lane.active


class TestLicences:
    def test_an_ended_licence_lists_what_it_no_longer_covers(self, clinic, manager):
        booked(clinic, w.FIRST, w.FIRST + timedelta(days=3))
        assert check_schedule(app_now()) == []
        licence = Licence.objects.get(user=clinic.clinician)
        first = w.FIRST.date()
        _, told = licences.end_licence(licence=licence, last_day=first, by=manager)
        assert told == ("1 booking without a licence",)
        assert WorkItem.objects.filter(key__startswith="licence:", resolved_at=None).count() == 1
        row = Licence.objects.get(pk=licence.pk)
        licences.correct_licence(
            licence=row, profession="prescriber", jurisdiction="US-OR", number="A 7",
            valid_from=date(2024, 1, 1), last_day=None, by=manager, expected_version=row.version,
        )  # fmt: skip
        assert check_schedule(app_now()) == []

    def test_two_of_a_kind_in_one_day_and_ends_before_starts_are_refused(self, clinic, manager):
        fields = {
            "user": clinic.therapist, "profession": "therapist", "jurisdiction": "US-OR", "number": "9",
            "valid_from": date(2026, 1, 1), "by": manager,
        }  # fmt: skip
        with pytest.raises(Clash):
            licences.record_licence(**fields)
        with pytest.raises(InvalidInput, match="before the first"):
            licences.record_licence(**fields | {"last_day": date(2025, 1, 1)})
        with pytest.raises(InvalidInput, match="US-OR or GB"):
            licences.record_licence(**fields | {"jurisdiction": "Oregon"})


class TestPlaces:
    def test_a_site_keeps_its_clock_while_visits_are_booked_by_service_and_by_raw_sql(self, clinic, manager):
        sites.update_site(site=clinic.site, changes={"country": "US", "subdivision": "WA"}, by=manager)
        sites.update_site(site=clinic.site, changes={"subdivision": "OR"}, by=manager)
        w.book_course(clinic, [w.FIRST])
        with pytest.raises(StateConflict, match="1 visit is booked ahead"):
            sites.update_site(site=clinic.site, changes={"time_zone": "Europe/Berlin"}, by=manager)
        change = "UPDATE staff_site SET time_zone = 'Europe/Berlin' WHERE id = %s"
        with pytest.raises(IntegrityError, match="keeps its time zone"):
            run(change, clinic.site.pk)
        sites.update_site(site=clinic.site, changes={"phone": "+1 503 555 0199"}, by=manager)
        as_owner("DROP TRIGGER site_stays_while_booked ON staff_site")
        run(change, clinic.site.pk)
        assert Site.objects.get(pk=clinic.site.pk).time_zone == "Europe/Berlin", "the control"

    def test_bad_values_are_named(self, clinic, manager):
        good = {
            "name": "Bend",
            "time_zone": "America/Los_Angeles",
            "country": "US",
            "phone": "+1 541 555 0100",
        }
        for over, field in (
            ({"time_zone": "Mars/Base"}, "time_zone"),
            ({"country": "usa"}, "country"),
            ({"subdivision": "ZZ"}, "subdivision"),
            ({"phone": "call us"}, "phone"),
            ({"name": ""}, "name"),
        ):
            with pytest.raises(InvalidInput) as refused:
                sites.found_site(values=good | over, by=manager)
            assert refused.value.field == field
        with pytest.raises(Clash):
            sites.found_site(values=good | {"name": clinic.site.name}, by=manager)

    def test_what_is_booked_ahead_stays_in_use_and_what_is_retired_is_not_booked(self, clinic, manager):
        series = w.book_course(clinic, [w.FIRST])
        visit = series.appointments.get()
        chair = visit.resource_bookings.get(resource__kind="chair").resource
        with pytest.raises(StateConflict) as refused:
            resources.retire_resource(resource=chair, by=manager)
        assert refused.value.conflicts[0].resource == chair.name
        with pytest.raises(IntegrityError, match="stays in use"):
            run("UPDATE scheduling_resource SET active = false WHERE id = %s", chair.pk)
        spare = next(item for item in clinic.chairs if item != chair)
        resources.retire_resource(resource=spare, by=manager)
        with pytest.raises(IntegrityError, match="retired is not booked"):
            run(
                "INSERT INTO scheduling_resourcebooking (resource_id, lane, during, appointment_id)"
                " SELECT %s, 1, during, id FROM scheduling_appointment WHERE id = %s",
                spare.pk,
                visit.pk,
            )
        resources.restore_resource(resource=spare, by=manager)
        made = resources.furnish(site=clinic.site, kind="room", name="Quiet room", capacity=1, by=manager)
        with pytest.raises(Clash):
            resources.furnish(site=clinic.site, kind="room", name="Quiet room", capacity=1, by=manager)
        row = resources.change_resource(resource=made, name="Rest room", capacity=2, by=manager)
        with pytest.raises(StaleVersion):
            resources.change_resource(resource=made, name="x", capacity=1, by=manager, expected_version=1)
        assert (row.name, row.capacity) == ("Rest room", 2)


class TestCommands:
    OPEN = (
        "open_clinic", "--name", "Lakeside", "--time-zone", "America/Los_Angeles", "--country", "US",
        "--subdivision", "OR", "--phone", "+1 541 555 0100", "--manager-email", "ada@clinic.example",
        "--manager-name", "Ada Quist",
    )  # fmt: skip

    def test_a_clinic_is_opened_once(self, db):
        out, words = StringIO(), StringIO()
        call_command(*self.OPEN, stdout=out, stderr=words)
        assert "/accounts/password/reset/key/" in out.getvalue()
        person = User.objects.get(email="ada@clinic.example")
        assert person.role_names == {"manager"}
        assert not person.may("patient.view")
        with pytest.raises(CommandError, match="already"):
            call_command(*self.OPEN)

    def test_what_cannot_be_is_refused_and_nothing_is_left(self, db):
        wrong = [*self.OPEN]
        wrong[4] = "Nowhere/Land"
        with pytest.raises(CommandError, match="time_zone"):
            call_command(*wrong)
        assert not Site.objects.exists()

    def test_a_person_is_added_and_given_a_role_more(self, clinic):
        out = StringIO()
        arguments = ("add_person", "--email", "bo@clinic.example", "--name", "Bo Lund", "--role")
        call_command(*arguments, "nurse", "--site", clinic.site.name, stdout=out, stderr=StringIO())
        assert "/accounts/password/reset/key/" in out.getvalue()
        call_command(*arguments, "manager", stdout=StringIO(), stderr=StringIO())
        assert User.objects.get(email="bo@clinic.example").role_names == {"nurse", "manager"}
