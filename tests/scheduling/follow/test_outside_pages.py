"""Pages and API of the therapist outside the clinic; absence cover; and that reports are counted apart."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from patients.models import ExternalTherapist, TherapistRelease
from scheduling import dispatch
from scheduling.models import FollowUp, WorkItem
from scheduling.outcome_report import lines_of, outcome_report
from scheduling.services import cover, outside, therapy
from scheduling.services.proposals import propose_series
from scheduling.utilisation import utilisation
from sessions.models import ReportedTherapy
from staff.api import etag
from tests import factories
from tests.scheduling.follow import outside_world as t
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
therapist, visit, session = t.therapist, t.visit, t.session
MONDAY = date(2026, 3, 2)


def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def patient_page(clinic) -> str:
    return f"/patients/{clinic.patient.code}/"


def test_on_file_released_revoked_and_ended_by_pages(clinic, clock):
    page, new = patient_page(clinic), f"{patient_page(clinic)}outside-therapist/"
    coordinator = browser(clinic.coordinator)
    hidden = {"patient_code": str(clinic.patient.code)}
    assert coordinator.get(f"{page}release/").status_code == 404, "there is nobody to release to"
    assert Client().get(new).status_code == 302
    for user in (clinic.therapist, clinic.admin, clinic.outsider):
        assert browser(user).post(new, hidden | {"name": "Kit"}).status_code in (403, 404)
    assert coordinator.put(new).status_code == 405
    assert coordinator.post(new, hidden | {"name": ""}).status_code == 422
    assert not ExternalTherapist.objects.exists()
    for _ in range(2):
        sent = hidden | {"name": "Kit Marlow", "jurisdiction": "US-OR", "licence_number": "C1"}
        assert coordinator.post(new, sent).status_code == 302
    assert ExternalTherapist.objects.count() == 1
    assert "No release" in coordinator.get(page).content.decode()
    good = hidden | {"signed_on": "2026-03-01", "shown_as": "given"}
    assert coordinator.post(f"{page}release/", good | {"signed_on": "2027-01-01"}).status_code == 422
    for _ in range(2):
        assert coordinator.post(f"{page}release/", good).status_code == 302
    row = TherapistRelease.objects.get()
    text = coordinator.get(page).content.decode()
    assert "Release valid" in text
    assert "by first name" in text
    revoke = f"/releases/{row.code}/revoke/"
    assert browser(clinic.therapist).post(revoke, hidden).status_code == 403
    for _ in range(2):
        assert browser(clinic.nurse).post(revoke, hidden).status_code == 302
    row.refresh_from_db()
    assert row.revoked_by == clinic.nurse
    for _ in range(2):
        assert coordinator.post(f"{page}outside-therapist/end/", hidden).status_code == 302
    clinic.patient.refresh_from_db()
    assert clinic.patient.external_therapist is None


def test_the_queue_marks_it_offers_the_phone_and_the_report_is_shown_apart(clinic, clock, session):
    who = browser(clinic.coordinator)
    with CaptureQueriesContext(connection) as few:
        text = who.get("/queue/").content.decode()
    assert "Kit Marlow, outside" in text
    assert "Times go out soon" in text
    assert "Book a time" not in text
    act = f"/follow-ups/{session.code}/report/"
    assert Client().get(act).status_code == 302
    assert browser(clinic.admin).get(act).status_code == 403
    assert who.delete(act).status_code == 405
    clock.set(w.FIRST + timedelta(hours=26))
    hidden = {"version": session.version, "patient_code": str(clinic.patient.code)}
    inside = hidden | {"held_at": "2026-03-03T12:00", "spoken_with": "Kit"}
    answer = who.post(act, inside)
    assert answer.status_code == 422
    assert "It was held then, in the no-therapy period" in answer.content.decode()
    assert who.post(act, hidden | {"held_at": "", "spoken_with": ""}).status_code == 422
    assert not ReportedTherapy.objects.exists()
    good = hidden | {"held_at": "2026-03-04T10:00", "spoken_with": "Kit"}
    for _ in range(2):
        assert who.post(act, good).status_code == 302
    with CaptureQueriesContext(connection) as done:
        text = who.get("/queue/?show=done").content.decode()
    assert "Therapy reported" in text
    assert len(done) <= len(few) + 1
    window = w.current_window(session.infusion)
    assert "spoken with Kit" in who.get(f"/windows/{window.code}/").content.decode()
    line = who.get(f"{patient_page(clinic)}timeline/").content.decode()
    assert "Therapy session reported by Kit Marlow" in line
    undo = f"/follow-ups/{session.code}/report/withdraw/"
    session.refresh_from_db()
    sent = {"version": session.version, "patient_code": str(clinic.patient.code), "reason": "Mixed up"}
    assert who.post(undo, sent | {"reason": ""}).status_code == 422
    assert who.post(undo, sent).status_code == 302
    session.refresh_from_db()
    assert session.state == "released"


def test_a_report_is_in_no_figure_of_the_clinics_own_windows(clinic, clock, session):
    clock.set(w.FIRST + timedelta(hours=26))
    before = utilisation(clinic.site, MONDAY, 1, clock.now())[0]
    assert (before.windows, before.outside, before.outside_reported, before.outside_open) == (0, 1, 0, 1)
    outside.report_held(
        follow_up=session, held_at=w.FIRST + timedelta(hours=24), spoken_with="Kit", by=clinic.nurse
    )
    after = utilisation(clinic.site, MONDAY, 1, clock.now())[0]
    assert (after.windows, after.windows_kept, after.adherence_percent, after.median_hours) == (
        0,
        0,
        None,
        None,
    )
    assert (after.outside, after.outside_reported, after.outside_open) == (1, 1, 0)
    report = outcome_report(clinic.site, MONDAY, 1, clock.now())
    lines = {(row[0], row[1], row[2]): row[3:] for row in lines_of(report)}
    assert lines[("windows", "all", "adherence")] == (None, "%", 0, 0)
    assert lines[("windows", "outside therapist", "reported")] == (100.0, "%", 1, 0)
    text = browser(clinic.therapist).get("/outcomes/?weeks=4").content.decode()
    assert "Counted apart" in text
    file = browser(clinic.therapist).get("/utilisation/?weeks=1&format=csv").content.decode()
    (row,) = csv.DictReader(io.StringIO(file))
    assert (row["windows"], row["windows_outside"], row["windows_outside_reported"]) == ("0", "1", "1")


def test_a_series_asks_no_therapist_for_such_a_patient_and_says_so(clinic, clock):
    asked = {
        "patient": clinic.patient, "protocol_version": clinic.version, "weight_kg": Decimal(70), "by": clinic.clinician,
        "first_day": date(2026, 3, 9),
    }  # fmt: skip
    here = propose_series(**asked)
    assert any(item.therapy for item in here.plan.visits)
    t.outsider(clinic)
    clinic.patient.refresh_from_db()
    there = propose_series(**asked)
    assert len(there.plan.visits) == len(here.plan.visits)
    assert not any(item.therapy or item.missing_therapy for item in there.plan.visits)
    assert [words.split(":")[0] for words in there.remarks[:2]] == [
        "Therapy after the infusions is with Kit Marlow, outside the clinic", "No valid release of information to Kit Marlow",
    ]  # fmt: skip


def test_over_the_api(clinic, clock, visit):
    api = APIClient()
    api.force_authenticate(clinic.coordinator)
    patient = str(clinic.patient.code)
    bad = {"patient": patient, "name": "", "nonsense": 1}
    assert api.post("/api/v1/outside-therapists/", bad, format="json").status_code == 400
    made = api.post("/api/v1/outside-therapists/", {"patient": patient, "name": "Kit Marlow"}, format="json")
    assert made.status_code == 201
    code = made.json()["code"]
    assert api.get("/api/v1/outside-therapists/").json()["results"][0]["code"] == code
    assert api.get(f"/api/v1/patients/{patient}/").json()["external_therapist"] == code
    new = {"patient": patient, "therapist": code, "signed_on": "2026-03-01", "shown_as": "initials"}
    assert api.post("/api/v1/releases/", new | {"scope": "all"}, format="json").status_code == 400
    signed = api.post("/api/v1/releases/", new, format="json").json()
    assert signed["scope"] == "times"
    point = {"patient": patient, "channel": "email", "address": t.ADDRESS, "whose": "external"}
    address = api.post("/api/v1/contact-points/", point, format="json")
    assert (address.status_code, address.json()["external_therapist"]) == (201, code)
    asked = api.post("/api/v1/address-links/", {"contact_point": address.json()["code"]}, format="json")
    assert asked.status_code == 422, "this server has no PUBLIC_URL"
    w.given(clinic, visit)
    clock.set(w.FIRST + w.PREDICTED + timedelta(minutes=3))
    dispatch.tick()
    clock.set(w.FIRST + timedelta(hours=26))
    row = w.follow_up(visit, "integration_1")
    act = f"/api/v1/follow-ups/{row.code}/report/"
    told = {"held_at": "2026-03-04T18:00:00Z", "spoken_with": "Kit"}
    assert api.post(act, told, format="json").status_code == 428
    tag = {"HTTP_IF_MATCH": etag(row.code, row.version)}
    wrong = api.post(act, told | {"held_at": "2026-03-03T20:00:00Z"}, format="json", **tag)
    assert wrong.status_code == 422
    assert "no-therapy period" in wrong.content.decode()
    good = api.post(act, told, format="json", **tag).json()
    assert (good["state"], good["reported"]["via"], good["appointment"]) == ("reported", "phone", None)
    assert api.post(act, told, format="json", **tag).status_code == 200, "twice is once"
    tag = {"HTTP_IF_MATCH": etag(row.code, good["version"])}
    assert (
        api.post(
            f"/api/v1/follow-ups/{row.code}/withdraw-report/", {"reason": "x"}, format="json", **tag
        ).status_code
        == 200
    )
    for _ in range(2):
        revoked = api.post(f"/api/v1/releases/{signed['code']}/revoke/", {}, format="json")
        assert revoked.json()["revoked_reason"] == "The patient took it back"
        assert (
            api.post("/api/v1/outside-therapists/end/", {"patient": patient}, format="json").status_code
            == 204
        )
    other = APIClient()
    other.force_authenticate(clinic.outsider)
    assert other.get("/api/v1/outside-therapists/").json()["results"] == []
    assert other.get("/api/v1/releases/").json()["results"] == []
    assert other.post(f"/api/v1/releases/{signed['code']}/revoke/", {}, format="json").status_code == 404


@pytest.fixture
def away(clinic, clock):
    """Two sessions of the therapist booked on Wednesday; one patient has also somebody outside, on a release."""
    rows = []
    for number in range(2):
        patient = (
            clinic.patient if not number else factories.make_patient(clinic.site, therapist=clinic.therapist)
        )
        start = w.FIRST - timedelta(minutes=150 * number)
        w.given(clinic, w.book_course(clinic, [start], patient=patient).appointments.get())
        rows.append(FollowUp.objects.get(patient=patient, kind="integration_1", ordinal=1))
    kit = t.outsider(clinic, treats=False)
    t.release(clinic, kit)
    t.address(clinic, kit)
    clock.set(w.FIRST + timedelta(hours=7))
    dispatch.tick()
    for number, row in enumerate(rows):
        therapy.book_therapy(
            follow_up=row,
            start=w.FIRST + timedelta(hours=24 + number),
            therapist=clinic.therapist,
            by=clinic.therapist,
        )
    return [FollowUp.objects.get(pk=row.pk) for row in rows]


def test_away_tomorrow_offers_video_and_the_outside_therapist(clinic, clock, away):
    first, second = away
    span = {"start": w.FIRST + timedelta(hours=14), "until": w.FIRST + timedelta(hours=38)}
    lines = {
        line.row.pk: line
        for line in cover.propose_cover(therapist=clinic.therapist, by=clinic.therapist, **span)
    }
    assert (lines[first.pk].outside.name, lines[second.pk].outside) == ("Kit Marlow", None)
    page = browser(clinic.therapist).get("/queue/cover/?first=2026-03-04&last=2026-03-04").content.decode()
    assert "told of the times by link" in page
    assert "by video, at the booked time" in page
    choices = {str(first.code): "outside", str(second.code): "video"}
    for _ in range(2):
        cover.accept_cover(therapist=clinic.therapist, by=clinic.therapist, choices=choices, **span)
    for row in away:
        row.refresh_from_db()
    assert (first.outside.name, first.appointment, first.state) == ("Kit Marlow", None, "released")
    assert t.told(first).filter(state="scheduled").exists()
    assert (second.appointment.mode, second.state) == ("video", "booked")
    assert WorkItem.objects.open().get(key=f"video:{second.appointment.code}").role == "coordinator"
    assert not WorkItem.objects.open().filter(kind="displaced").exists(), "the absence leaves room for it"
