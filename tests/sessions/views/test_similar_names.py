"""Two patients in the clinic with names that look alike: each record says so; the queue does, too."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.queue_page import names_alike
from tests import factories
from tests.scheduling.booking.helpers import book, local, six
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


@pytest.mark.parametrize(("day", "said"), [(4, False), (5, True)])
def test_the_record_names_somebody_who_is_expected_the_same_day(clinic, clock, day, said):
    first, family = clinic.patient.given_name, clinic.patient.family_name
    twin = factories.make_patient(clinic.site, given_name=first, family_name=f"{family}e")
    book(clinic, patient=twin, visits=six(clinic, hour=15))  # from Thursday the 5th on
    clock.set(local(clinic, day, 8))
    mine = world.arrived(clinic)
    client = Client()
    client.force_login(clinic.nurse)
    page = client.get(reverse("infusion_detail", args=[mine.code])).content.decode()
    assert (f"{SAYS}: {family}e, {first}" in page) is said


def test_the_queue_names_each_for_the_other():
    def row(key, given, family):
        patient = SimpleNamespace(given_name=given, family_name=family, birth_date=date(1980, 1, key))
        return SimpleNamespace(window=SimpleNamespace(patient_id=key, patient=patient))

    found = names_alike([row(1, "Anna", "Larsen"), row(2, "Anna", "Larson"), row(3, "Ben", "Okafor")])
    assert found == {1: "Larson, Anna", 2: "Larsen, Anna"}
