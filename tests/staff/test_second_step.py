"""A second step at sign-in: required for the roles of REQUIRE_MFA_ROLES, asked for by tokens, taken away by a manager."""

from __future__ import annotations

import json

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.authtoken.models import Token

from staff.errors import NotAllowed
from staff.services import people
from tests.factories import make_user

PASSWORD = "a-long-sample-password-7"
SET_UP = "/accounts/2fa/totp/activate/"


@pytest.fixture
def manager(clinic):
    return make_user("manager", sites=[clinic.site])


@pytest.fixture
def required(settings):
    settings.REQUIRE_MFA_ROLES = frozenset({"clinician", "manager"})


def give_second_step(person):
    """A recovery code, which counts once."""
    TOTP.activate(person, generate_totp_secret())
    return RecoveryCodes.activate(person).get_unused_codes()[0]


def test_without_it_only_the_page_where_it_is_set_up_opens(clinic, client, required):
    client.force_login(clinic.clinician)
    for path in ("/", "/patients/", "/queue/", "/admin/"):
        assert client.get(path)["Location"] == SET_UP, path
    assert client.post(f"/patients/{clinic.patient.code}/team/")["Location"] == SET_UP
    part = client.get("/board/live/", headers={"HX-Request": "true"})
    assert (part.status_code, part["HX-Redirect"]) == (200, SET_UP)
    refused = client.get("/api/v1/patients/")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/second-step-missing")
    assert client.get("/accounts/logout/").status_code == 200
    client.force_login(clinic.nurse)
    assert client.get("/").status_code == 200, "another role is not asked"
    give_second_step(clinic.clinician)
    client.force_login(clinic.clinician)
    assert client.get("/").status_code == 200


def test_tokens_stand_for_the_second_step_too(clinic, client, required):
    person = clinic.clinician
    person.set_password(PASSWORD)
    person.save()
    body = {"username": person.email, "password": PASSWORD}

    def ask(**more):
        return client.post("/api/v1/token/", json.dumps(body | more), content_type="application/json")

    assert ask().status_code == 403, "the role asks for a second step that is not there"
    held = {"Authorization": f"Token {Token.objects.create(user=person).key}"}
    assert client.get("/api/v1/patients/", headers=held).status_code in (401, 403)
    code = give_second_step(person)
    assert client.get("/api/v1/patients/", headers=held).status_code == 200
    assert ask().json()["errors"][0]["pointer"] == "/code"
    assert ask(code="123456").status_code == 400
    assert ask(code=code).json() == {"token": held["Authorization"].removeprefix("Token ")}
    assert ask(code=code).status_code == 400, "a code counts once"
    assert ask(surprise=1).status_code == 400
    assert ask(password="wrong").status_code == 400


def test_a_manager_takes_away_a_lost_one(clinic, manager, client):
    give_second_step(clinic.nurse)
    manager.set_password(PASSWORD)
    manager.save()
    client.force_login(manager)
    path = f"/people/{clinic.nurse.code}/second-step/"
    assert b"Device and recovery codes lost?" in client.get(f"/people/{clinic.nurse.code}/").content
    assert client.get(path).status_code == 405
    assert "/accounts/reauthenticate/" in client.post(path)["Location"]
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    for _ in range(2):  # harmless again
        assert client.post(path)["Location"] == f"/people/{clinic.nurse.code}/"
    assert not Authenticator.objects.filter(user=clinic.nurse).exists()
    assert b"Second step taken away" in client.get(f"/people/{clinic.nurse.code}/").content
    other = Client()
    other.force_login(clinic.coordinator)
    assert other.post(path).status_code in (302, 403)
    with pytest.raises(NotAllowed):
        people.reset_second_step(person=manager, by=manager)


def test_the_command_is_the_way_back_for_the_only_manager(manager):
    give_second_step(manager)
    call_command("reset_second_step", email=manager.email.upper())
    assert not Authenticator.objects.filter(user=manager).exists()
    with pytest.raises(CommandError):
        call_command("reset_second_step", email="nobody@clinic.example")


def test_a_misspelt_role_is_an_error(settings):
    settings.REQUIRE_MFA_ROLES = frozenset({"cliniican"})
    assert "staff.E005" in {found.id for found in run_checks(tags=["security"])}
    settings.REQUIRE_MFA_ROLES = frozenset({"clinician"})
    assert "staff.E005" not in {found.id for found in run_checks(tags=["security"])}
