"""Two patients in the clinic with names that look alike: each record says so; the queue does, too."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.queue_page import names_alike
from tests import factories
from tests.sessions import world

pytestmark = pytest.mark.django_db
SAYS = "Similar name here today"


def test_the_record_names_the_other_while_both_are_here(clinic, clock):
    mine = world.arrived(clinic)
    client = Client()
    client.force_login(clinic.nurse)
    page = reverse("infusion_detail", args=[mine.code])
    assert SAYS not in client.get(page).content.decode()
    first, family = clinic.patient.given_name, clinic.patient.family_name
    twin = factories.make_patient(clinic.site, given_name=first, family_name=f"{family}e")
    world.arrived(clinic, patient=twin, chair="Chair 2")
    assert f"{SAYS}: {family}e, {first}" in client.get(page).content.decode()
    clock.advance(hours=25)
    assert SAYS not in client.get(page).content.decode()


def test_the_queue_names_each_for_the_other():
    def row(key, given, family):
        patient = SimpleNamespace(given_name=given, family_name=family, birth_date=date(1980, 1, key))
        return SimpleNamespace(window=SimpleNamespace(patient_id=key, patient=patient))

    found = names_alike([row(1, "Anna", "Larsen"), row(2, "Anna", "Larson"), row(3, "Ben", "Okafor")])
    assert found == {1: "Larson, Anna", 2: "Larsen, Anna"}
