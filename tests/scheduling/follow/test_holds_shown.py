"""The patient page says that later infusions are on hold; why, only to those who read the record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from sessions.services.holds import end_hold, raise_hold
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db


def plan_card(user, patient):
    client = Client()
    client.force_login(user)
    return client.get(reverse("patient_schedule_fragment", args=[patient.code])).content.decode()


def test_a_hold_is_shown_until_it_is_released(clinic, clock):
    visit = w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)
    infusion = w.start_pump(clinic, visit)
    assert "on hold" not in plan_card(clinic.nurse, clinic.patient)
    hold = raise_hold(
        infusion=infusion, kind="pregnancy", cause="pregnancy", by=clinic.nurse, at=infusion.started_at
    )
    for person, why in ((clinic.nurse, True), (clinic.clinician, True), (clinic.coordinator, False)):
        text = plan_card(person, clinic.patient)
        assert "Later infusions are on hold" in text
        assert ("Pregnancy" in text) is why, person
    end_hold(hold=hold, reason="Test was wrong", by=clinic.clinician, at=infusion.started_at)
    assert "on hold" not in plan_card(clinic.nurse, clinic.patient)
