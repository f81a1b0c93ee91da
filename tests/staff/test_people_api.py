"""/api/v1/people/, /licences/ and /sites/: the services of the pages, each answer of the API once."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.authtoken.models import Token

from scheduling.models import Resource, WorkItem
from staff.models import Licence, Site, User
from tests.factories import make_site, make_user
from tests.scheduling.booking.helpers import book
from tests.scheduling.follow import world as w

PEOPLE, LICENCES, SITES = "/api/v1/people/", "/api/v1/licences/", "/api/v1/sites/"
PASSWORD = "a-long-sample-password-7"


@pytest.fixture
def manager(clinic):
    person = make_user("manager", sites=[clinic.site], full_name="Noa Winter")
    person.set_password(PASSWORD)
    person.save()
    return person


@pytest.fixture
def api(client, manager):
    """A manager who has just given the password again."""
    client.post("/accounts/login/", {"login": manager.email, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})

    def send(method, path, body=None, **headers):
        text = None if body is None else json.dumps(body)
        return getattr(client, method)(path, data=text, content_type="application/json", headers=headers)

    return send


def once():
    return {"idempotency_key": str(uuid.uuid4())}


def colleague(clinic, **over):
    fields = {
        "full_name": "Ida Holm", "email": "ida@clinic.example", "roles": ["nurse"],
        "sites": [str(clinic.site.code)],
    }  # fmt: skip
    return fields | over


def at(person):
    return f"{PEOPLE}{person.code}/"


def seen(person):
    person.refresh_from_db()
    return {"if_match": f'"{person.code}.{person.version}"'}


class TestPeople:
    def test_invited_once_however_often_it_is_sent(self, api, clinic):
        key = once()
        first = api("post", PEOPLE, colleague(clinic), **key)
        assert first.status_code == 201, first.content
        body = first.json()
        assert (body["state"], body["roles"], body["second_step"]) == ("invited", ["nurse"], False)
        assert body["invited_at"]
        assert first["ETag"] == f'"{body["code"]}.1"'
        again = api("post", PEOPLE, colleague(clinic), **key)
        assert (again.status_code, again.json()["code"]) == (201, body["code"])
        assert again["Idempotent-Replay"] == "true"
        assert [message.to for message in mail.outbox] == [["ida@clinic.example"]]
        assert Resource.objects.filter(user__email="ida@clinic.example", kind="nurse").count() == 1
        assert api("get", f"{PEOPLE}{body['code']}/").json()["email"] == "ida@clinic.example"
        assert api("post", PEOPLE, colleague(clinic), **once()).status_code == 409
        assert api("post", PEOPLE, colleague(clinic)).status_code == 400

    @pytest.mark.parametrize(
        ("over", "pointer"),
        [
            ({"email": "nobody"}, "/email"), ({"full_name": ""}, "/full_name"), ({"roles": ["king"]}, "/roles/0"),
            ({"roles": []}, "/roles"), ({"sites": []}, "/sites"), ({"sites": [str(uuid.UUID(int=7))]}, "/sites"),
            ({"languages": ["xx"]}, "/languages/0"), ({"title": True}, "/title"), ({"is_superuser": True}, "/is_superuser"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_named_and_nothing_is_written(self, api, clinic, over, pointer):
        before = User.objects.count()
        answer = api("post", PEOPLE, colleague(clinic, **over), **once())
        assert answer.status_code == 400
        assert any(item["pointer"].startswith(pointer) for item in answer.json()["errors"]), answer.json()
        assert (User.objects.count(), mail.outbox) == (before, [])

    def test_changes_need_what_was_read(self, api, clinic):
        path, change = at(clinic.nurse), {"title": "RN"}
        assert api("patch", path, change).status_code == 428
        assert api("patch", path, change, if_match='"x.1"').status_code == 412
        changed = api("patch", path, change, **seen(clinic.nurse))
        assert (changed.status_code, changed.json()["title"], changed.json()["version"]) == (200, "RN", 2)
        assert api("patch", path, change, if_match=f'"{clinic.nurse.code}.1"').status_code == 412
        assert api("patch", path, {}, **seen(clinic.nurse)).status_code == 400
        clinic.nurse.set_password(PASSWORD)
        clinic.nurse.save()
        taken = api("patch", path, {"email": "other@clinic.example"}, **seen(clinic.nurse))
        assert (taken.status_code, taken.json()["errors"][0]["pointer"]) == (409, "/email")

    def test_access_ends_and_begins_again(self, api, clinic):
        book(clinic)
        roles = {"roles": ["nurse", "coordinator"], "sites": [str(clinic.site.code)]}
        for act, body in (("access", roles), ("end", {"reason": "left"}), ("restore", {})):
            assert api("post", f"{at(clinic.nurse)}{act}/", body).status_code == 428
        given = api("post", f"{at(clinic.nurse)}access/", roles, **seen(clinic.nurse))
        assert (given.status_code, given.json()["roles"]) == (200, ["nurse", "coordinator"])
        stale = {"if_match": f'"{clinic.nurse.code}.1"'}
        assert api("post", f"{at(clinic.nurse)}access/", roles, **stale).status_code == 412
        assert api("post", f"{at(clinic.nurse)}end/", {"reason": "left"}, **stale).status_code == 412
        assert api("post", f"{at(clinic.nurse)}end/", {}, **seen(clinic.nurse)).status_code == 400
        read = seen(clinic.nurse)
        ended = api("post", f"{at(clinic.nurse)}end/", {"reason": "moved away"}, **read)
        assert (ended.status_code, ended.json()["state"]) == (200, "deactivated")
        assert ended.json()["handed_over"] == ["6 bookings", "1 duty turn"]
        again = api("post", f"{at(clinic.nurse)}end/", {"reason": "moved away"}, **read)
        assert (again.status_code, again.json()["handed_over"]) == (200, [])
        assert WorkItem.objects.filter(key__startswith="left:").count() == 6
        back = api("post", f"{at(clinic.nurse)}restore/", {}, **seen(clinic.nurse))
        assert (back.status_code, back.json()["state"]) == (200, "invited")
        assert api("post", f"{at(clinic.nurse)}invitation/", {}).status_code == 200
        assert len(mail.outbox) == 2

    def test_rules_that_stand_in_the_way(self, api, clinic, manager):
        body = {"roles": ["nurse"], "sites": [str(clinic.site.code)]}
        alone = api("post", f"{at(manager)}access/", body, **seen(manager))
        assert (alone.status_code, alone.json()["type"]) == (422, "/problems/last-manager")
        own = api("post", f"{at(manager)}end/", {"reason": "x"}, **seen(manager))
        assert own.status_code == 403
        assert api("post", f"{at(manager)}invitation/", {}).status_code == 409
        assert api("get", f"{PEOPLE}{uuid.UUID(int=7)}/").status_code == 404
        assert api("delete", at(manager)).status_code == 405

    def test_a_role_is_given_only_with_the_password_given_again(self, client, clinic, manager):
        headers = {"Authorization": f"Token {Token.objects.create(user=manager).key}"}
        assert client.get(PEOPLE, headers=headers).status_code == 200
        invited = client.post(
            PEOPLE, json.dumps(colleague(clinic)), content_type="application/json", headers=headers | once()
        )
        assert (invited.status_code, invited.json()["type"]) == (403, "/problems/reauthentication-required")
        assert not User.objects.filter(email="ida@clinic.example").exists()


@pytest.mark.parametrize("role", ["clinician", "nurse", "therapist", "coordinator", "protocol_admin"])
def test_other_roles_see_their_sites_and_nothing_else(client, clinic, role):
    elsewhere = make_site()
    licence = Licence.objects.first()
    client.force_login(make_user(role, sites=[clinic.site]))
    for path in (PEOPLE, at(clinic.nurse), LICENCES, f"{LICENCES}{licence.code}/"):
        assert client.get(path).status_code == 403, path
    for path in (PEOPLE, f"{at(clinic.nurse)}end/", LICENCES, SITES, f"{LICENCES}{licence.code}/end/"):
        assert client.post(path, "{}", content_type="application/json").status_code == 403, path
    for path in (at(clinic.nurse), f"{LICENCES}{licence.code}/", f"{SITES}{clinic.site.code}/"):
        assert client.patch(path, "{}", content_type="application/json").status_code == 403, path
    assert [row["code"] for row in client.get(SITES).json()["results"]] == [str(clinic.site.code)]
    assert client.get(f"{SITES}{elsewhere.code}/").status_code == 404


def test_a_visitor_gets_nothing(client, db):
    assert {client.get(path).status_code for path in (PEOPLE, LICENCES, SITES)} <= {401, 403}


class TestLicences:
    def test_recorded_corrected_and_ended(self, api, clinic):
        w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)])
        body = {
            "person": str(clinic.nurse.code), "profession": "nurse", "jurisdiction": "US-OR", "number": "N 1",
            "valid_from": "2025-01-01",
        }  # fmt: skip
        key = once()
        made = api("post", LICENCES, body, **key)
        assert (made.status_code, made.json()["last_day"]) == (201, None)
        assert api("post", LICENCES, body, **key).json()["code"] == made.json()["code"]
        assert api("post", LICENCES, body, **once()).status_code == 409
        bad = (
            ("valid_from", "2025-02-30"),
            ("valid_from", "٢٠٢٥-٠١-٠١"),
            ("jurisdiction", "Oregon"),
            ("number", 7),
        )
        for name, value in bad:
            refused = api("post", LICENCES, body | {name: value}, **once())
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, f"/{name}")
        path = f"{LICENCES}{made.json()['code']}/"
        assert api("patch", path, {"number": "N 2"}).status_code == 428
        changed = api("patch", path, {"number": "N 2"}, if_match=made["ETag"])
        assert (changed.status_code, changed.json()["number"], changed.json()["valid_from"]) == (
            200,
            "N 2",
            "2025-01-01",
        )
        assert api("patch", path, {"number": "N 3"}, if_match=made["ETag"]).status_code == 412
        assert api("post", f"{path}end/", {"last_day": "2026-12-31"}).status_code == 428
        early = api("post", f"{path}end/", {"last_day": "2024-12-31"}, if_match=changed["ETag"])
        assert early.status_code == 400
        ended = api("post", f"{path}end/", {"last_day": "2026-12-31"}, if_match=changed["ETag"])
        assert (ended.status_code, ended.json()["last_day"], ended.json()["handed_over"]) == (
            200,
            "2026-12-31",
            [],
        )
        listed = api("get", f"{LICENCES}?person={clinic.nurse.code}").json()["results"]
        assert [row["number"] for row in listed] == ["N 2"]

    def test_what_a_licence_no_longer_covers_is_told(self, api, clinic):
        series = w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)])
        series.appointments.update(practitioner=clinic.clinician)
        licence = Licence.objects.get(user=clinic.clinician)
        path, day = f"{LICENCES}{licence.code}/end/", w.FIRST.date().isoformat()
        told = api("post", path, {"last_day": day}, if_match=f'"{licence.code}.1"').json()["handed_over"]
        assert told == ["1 booking without a licence"]


class TestSites:
    NEW = {"name": "Bend", "time_zone": "America/Los_Angeles", "country": "US", "subdivision": "OR",
           "phone": "+1 541 555 0100"}  # fmt: skip

    def test_opened_read_and_changed(self, api, clinic, manager):
        key = once()
        made = api("post", SITES, self.NEW, **key)
        assert (made.status_code, made.json()["jurisdiction"]) == (201, "US-OR")
        assert api("post", SITES, self.NEW, **key).json()["code"] == made.json()["code"]
        assert api("post", SITES, self.NEW, **once()).status_code == 409
        assert manager.sites.filter(name="Bend").exists()
        path = f"{SITES}{made.json()['code']}/"
        assert api("get", path)["ETag"] == made["ETag"]
        assert api("patch", path, {"phone": "+1 541 555 0111"}).status_code == 428
        assert api("patch", path, {"phone": "+1 541 555 0111"}, if_match=made["ETag"]).status_code == 200
        assert api("patch", path, {"phone": "+1 541 555 0122"}, if_match=made["ETag"]).status_code == 412
        for name, value in (("time_zone", "Mars/Base"), ("country", "usa"), ("open_on_holidays", "yes")):
            refused = api("post", SITES, self.NEW | {"name": "Sisters", name: value}, **once())
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, f"/{name}")
        assert not Site.objects.filter(name="Sisters").exists()

    def test_a_site_keeps_its_clock_while_visits_are_booked(self, api, clinic):
        w.book_course(clinic, [w.FIRST])
        path = f"{SITES}{clinic.site.code}/"
        moved = api("patch", path, {"time_zone": "Europe/Berlin"}, if_match=f'"{clinic.site.code}.1"')
        assert moved.status_code == 409


@pytest.mark.parametrize("path", ["/people/", PEOPLE, LICENCES, SITES, "/sites/"])
def test_lists_ask_as_often_for_three_rows_as_for_one(client, clinic, manager, path):
    client.force_login(manager)

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200
        return len(asked)

    client.get(path)
    few = queries()
    for number in range(3):
        site = make_site()
        person = make_user("nurse", "therapist", sites=[site, clinic.site])
        manager.sites.add(site)
        Licence.objects.create(
            user=person,
            profession="nurse",
            jurisdiction="US-OR",
            number=str(number),
            valid_during=("2024-01-01", None),
        )
    assert queries() == few
