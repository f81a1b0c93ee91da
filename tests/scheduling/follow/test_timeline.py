"""The timeline of a patient: everything once, newest first, in pages without a gap; each part by role."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from scheduling.models import GapException
from scheduling.timeline import PAGE, PARTS, patient_timeline
from scheduling.today import visits_of_day
from sessions import services
from sessions.models import GateAnswer
from staff.clock import app_now
from tests.factories import make_patient
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
    assert many == few <= 16
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


def test_decisions_and_what_was_set_aside_stand_on_it(clinic, visit, clock):
    GapException.objects.create(
        series=visit.series,
        ordinal=2,
        max_hours=200,
        reason="Flu",
        approved_by=clinic.clinician,
        approved_at=app_now(),
    )
    asked = {
        "patient": clinic.patient, "site": clinic.site, "outcome": "overridden", "reason_code": "assessed",
        "answered_at": app_now(), "answered_by": clinic.clinician, "answered_as": "clinician",
    }  # fmt: skip
    GateAnswer.objects.create(**asked, visit=visit.code, gate="escort", label="Escort")
    GateAnswer.objects.create(**asked, infusion=visit.infusion, gate="weight", label="Weight")
    by = {
        name: set(titles(patient_timeline(clinic.patient, getattr(clinic, name), app_now())))
        for name in ("clinician", "coordinator")
    }
    both = {"Up to 200 h allowed before infusion visit 2", "Before the visit, set aside: Escort"}
    assert both <= by["clinician"] & by["coordinator"]
    assert "At the start, set aside: Weight" in by["clinician"] - by["coordinator"]


def test_the_api_pages_through_the_same_entries_with_the_same_limits(clinic, visit):
    for days in range(1, 16):
        score(clinic, days)
    address = f"/api/v1/timelines/{clinic.patient.code}/"
    api = APIClient()
    assert api.get(address).status_code in (401, 403)
    api.force_authenticate(clinic.nurse)
    answer = api.get(address).json()
    page = patient_timeline(clinic.patient, clinic.nurse, app_now())
    assert [one["title"] for one in answer["moments"]] == titles(page)
    assert {one["kind"] for one in answer["moments"]} <= set(PARTS)
    got = len(answer["moments"])
    while answer["before"]:
        answer = api.get(address, {"before": answer["before"]}).json()
        got += len(answer["moments"])
    assert got == len(full_line(clinic.patient, clinic.nurse))
    for wrong in ("x", "2026-01-01T00:00", "", "9999-12-31T23:59:59+00:00"):
        assert api.get(address, {"before": wrong}).status_code == 400
    assert api.post(address).status_code == 405
    for person, status in ((clinic.outsider, 404), (clinic.admin, 403)):
        api.force_authenticate(person)
        assert api.get(address).status_code == status


def full_line(patient, user):
    page = patient_timeline(patient, user, app_now())
    found = list(page.moments)
    while page.before:
        page = patient_timeline(patient, user, app_now(), page.before)
        found += page.moments
    return found


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


def test_today_puts_what_is_over_below_and_keeps_its_chair(clinic, clock):
    early = w.book_course(clinic, [w.FIRST]).appointments.get()
    w.given(clinic, early)
    other = make_patient(clinic.site)
    late = w.add_visit(
        clinic, w.book_course(clinic, [], patient=other, visits=1), w.FIRST + 4 * HOUR, 1, chair=1
    )
    clock.set(w.FIRST + 3 * HOUR)
    rows = visits_of_day(clinic.nurse, clinic.site, app_now())
    assert [(row["visit"].pk, row["over"], row["place"]) for row in rows] == [
        (late.pk, False, clinic.chairs[1].name),
        (early.pk, True, "Chair 1"),
    ]
    page = as_(clinic.nurse).get("/").content.decode()
    assert "Over for today: 1" in page
    assert (
        page.index(other.family_name) < page.index("Over for today") < page.index(clinic.patient.family_name)
    )
