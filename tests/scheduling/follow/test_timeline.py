"""The timeline of a patient: everything once, newest first, in pages without a gap; each part by role."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from scheduling.timeline import PAGE, patient_timeline
from sessions import services
from staff.clock import app_now
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def visit(clinic, clock):
    found = w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)
    w.given(clinic, found)
    clock.set(w.FIRST + 30 * HOUR)
    found.refresh_from_db()
    return found


def as_(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def score(clinic, days: int) -> None:
    services.record_outcome(
        patient=clinic.patient,
        instrument="phq9",
        total=days % 27,
        taken_at=app_now() - days * 24 * HOUR,
        by=clinic.nurse,
    )


def titles(page) -> list[str]:
    return [moment.title for moment in page.moments]


def test_pages_hold_everything_once_newest_first_with_a_constant_number_of_queries(clinic, visit):
    def cost(before=None):
        with CaptureQueriesContext(connection) as seen:
            page = patient_timeline(clinic.patient, clinic.clinician, app_now(), before)
        return page, len(seen)

    cost()  # the person's roles and sites are known by now
    first, few = cost()
    known = len(first.moments)
    for days in range(1, 31):
        score(clinic, days)
    page, many = cost()
    assert many == few <= 12
    got, pages = list(page.moments), 1
    while page.older:
        assert len(page.moments) >= PAGE
        page, _ = cost(got[-1].at)
        got, pages = [*got, *page.moments], pages + 1
    assert len(got) == known + 30
    assert pages >= 3
    assert [one.at for one in got] == sorted((one.at for one in got), reverse=True)


def test_each_part_only_for_who_may_read_it(clinic, visit):
    score(clinic, 1)
    services.record_safety_contact(
        patient=clinic.patient,
        manner="phone",
        outcome="Calm, sleeps well",
        next_owner=clinic.clinician,
        by=clinic.nurse,
    )
    by = {
        name: patient_timeline(clinic.patient, getattr(clinic, name), app_now())
        for name in ("clinician", "therapist", "coordinator")
    }
    for page in by.values():
        assert "Infusion visit 1" in titles(page)
        assert any(title.startswith("Window for therapy opens") for title in titles(page))
    record = f"/infusions/{visit.infusion.code}/"
    assert any(moment.url == record for moment in by["clinician"].moments)
    assert not any(moment.url == record or "mg" in moment.text for moment in by["therapist"].moments)
    assert "Safety contact" in titles(by["therapist"])
    assert "Safety contact" not in titles(by["coordinator"])
    assert not any(title.startswith("Message") for title in titles(by["therapist"]))


def test_the_page_and_its_part(clinic, visit):
    address = reverse("patient_timeline", args=[clinic.patient.code])
    nurse = as_(clinic.nurse)
    page = nurse.get(address).content.decode()
    assert "<html" in page
    assert "Infusion visit 1" in page
    part = nurse.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    for nonsense in ("x", "2026-01-01T00:00", "9999-12-31T23:59:59+00:00", "%00"):
        assert "Infusion visit 1" in nurse.get(f"{address}?before={nonsense}").content.decode()
    assert nurse.post(address).status_code == 405
    assert Client().get(address).status_code == 302
    assert as_(clinic.outsider).get(address).status_code == 404
    assert as_(clinic.admin).get(address).status_code == 403
