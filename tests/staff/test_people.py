"""Roles, secrets at rest, idle sign-out, and what a visitor or a stranger gets to see."""

from __future__ import annotations

import base64
import re

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from config.middleware import LAST_SEEN
from patients.models import ContactPoint
from patients.services import add_contact_point
from staff import roles
from staff.access import require
from staff.errors import StateConflict
from staff.fields import blind_index, blind_indexes, decrypt, encrypt
from staff.services import sync_roles
from tests.factories import make_user


def test_every_action_is_held_by_the_roles_of_the_table(clinic):
    for action, holders in roles.ACTIONS.items():
        for role in roles.LABELS:
            assert make_user(role).may(action) == (role in holders), (action, role)


def test_several_roles_add_up_and_an_inactive_person_may_nothing(clinic):
    both = make_user("nurse", "therapist")
    assert both.may("infusion.record")
    assert both.may("therapy.conduct")
    both.is_active = False
    assert not both.may("infusion.record")


def test_syncing_twice_changes_nothing(db):
    assert sync_roles() == sync_roles()


def test_unknown_action_is_a_programming_error(clinic):
    with pytest.raises(KeyError):
        clinic.nurse.may("infusion.fly")
    with pytest.raises(PermissionDenied):
        require(clinic.therapist, "infusion.record")


@given(st.text(min_size=1))
def test_encrypted_text_comes_back_and_only_in_its_own_column(plain):
    stored = encrypt(plain, context="a.b")
    assert decrypt(stored, context="a.b") == plain
    assert plain not in stored or len(plain) < 4
    with pytest.raises(ValueError, match="belong"):
        decrypt(stored, context="a.c")


def test_with_a_new_key_what_the_old_one_sealed_opens_and_is_found(clinic, settings):
    """Rows from before keep the old key until they are saved; their check values are compared by both."""
    point = clinic.contact
    settings.FIELD_KEYS_OLD = [settings.FIELD_KEY]
    settings.FIELD_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
    again = ContactPoint.objects.get(pk=point.pk)
    assert again.address == point.address
    assert again.address_index != blind_index(again.address)
    assert again.address_index in blind_indexes(again.address)
    with pytest.raises(StateConflict, match="on file"):
        add_contact_point(
            patient=again.patient, channel=again.channel, address=again.address, by=clinic.coordinator
        )
    again.save()
    settings.FIELD_KEYS_OLD = []
    assert ContactPoint.objects.get(pk=point.pk).address == point.address, "sealed with the new key by saving"


def test_address_is_not_readable_in_the_database(clinic):
    with connection.cursor() as cursor:
        cursor.execute("SELECT address FROM patients_contactpoint WHERE id = %s", [clinic.contact.pk])
        stored = cursor.fetchone()[0]
    assert "@" not in stored
    assert (
        ContactPoint.objects.get(address_index=blind_index(clinic.contact.address.upper())) == clinic.contact
    )


def test_idle_sign_out_counts_only_acts_of_the_person(clinic, client, settings):
    client.force_login(clinic.nurse)
    session = client.session
    session[LAST_SEEN] = 1
    session.save()
    response = client.get(reverse("home"))
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_login"))


def test_polling_does_not_keep_anyone_signed_in(clinic, client):
    import time

    client.force_login(clinic.therapist)
    client.get(reverse("home"))
    session = client.session
    session[LAST_SEEN] = then = int(time.time()) - 60
    session.save()
    client.get(reverse("therapist_queue"), headers={"HX-Request": "true"})
    assert client.session[LAST_SEEN] == then
    client.get(reverse("therapist_queue"))
    assert client.session[LAST_SEEN] > then


PASSWORD = "a-long-sample-password-7"


def test_guessing_passwords_is_slowed_and_then_the_right_one_is_refused_too(clinic, client):
    clinic.nurse.set_password(PASSWORD)
    clinic.nurse.save()

    def sign_in(password):
        return client.post("/accounts/login/", {"login": clinic.nurse.email, "password": password})

    assert [sign_in("wrong-password").status_code for _ in range(5)] == [200] * 5
    refused = sign_in(PASSWORD)
    assert refused.status_code != 302, "five wrong ones in five minutes lock this address"
    assert client.get("/").status_code == 302


def test_a_forgotten_password_is_chosen_anew_by_a_link_and_nobody_learns_who_has_an_account(
    clinic, client, mailoutbox
):
    clinic.nurse.set_password("an-old-password-of-hers")
    clinic.nurse.save()
    answers = [
        client.post("/accounts/password/reset/", {"email": email}).status_code
        for email in (clinic.nurse.email, "nobody@clinic.example")
    ]
    assert answers == [302, 302]
    assert {
        tuple(message.to) for message in mailoutbox if "/accounts/password/reset/key/" in message.body
    } == {(clinic.nurse.email,)}
    link = re.search(r"https?://[^/\s]+(/accounts/password/reset/key/\S+)", mailoutbox[0].body)
    assert link
    page = client.get(link[1])["Location"]
    client.get(page)
    for chosen, status in (("short", 200), (PASSWORD, 302)):
        assert client.post(page, {"password1": chosen, "password2": chosen}).status_code == status
    clinic.nurse.refresh_from_db()
    assert clinic.nurse.check_password(PASSWORD)
