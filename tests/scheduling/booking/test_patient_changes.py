"""A patient who moves away or dies: what is planned follows, in the same transaction, and somebody is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from patients.services import set_status, update_patient
from scheduling.models import Appointment, FollowUp, Message, ResourceBooking, TreatmentSeries, WorkItem
from scheduling.schedule_checks import check_schedule
from scheduling.services import patient_changes
from scheduling.services.series import TherapyChoice
from tests import factories
from tests.scheduling.booking.helpers import book, local, visits_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(clinic):
    """Planned for Friday 09:00, after the infusion of Thursday, with the patient's own therapist."""
    first = TherapyChoice(1, "integration_1", local(clinic, 6, 9), str(clinic.therapist_lane.code))
    series = book(clinic, therapy=[first])
    return series.appointments.get(kind="therapy")


def moved(clinic, **changes):
    patient = type(clinic.patient).objects.get(pk=clinic.patient.pk)
    return update_patient(patient=patient, changes=changes, expected_version=None, by=clinic.coordinator)


def listed():
    return WorkItem.objects.open().filter(key__startswith="lives-elsewhere:")


def test_another_jurisdiction_lists_the_session_whose_therapist_has_no_licence_there(clinic, session):
    moved(clinic, jurisdiction="US-WA")
    item = listed().get()
    assert (item.owner, item.patient) == (clinic.therapist, clinic.patient)
    assert item.detail == "No therapist's licence for US-WA on that day."
    session.refresh_from_db()
    assert session.status == "provisional", "nobody cancels it silently"
    moved(clinic, jurisdiction="US-WA")
    assert listed().count() == 1
    moved(clinic, jurisdiction="US-OR")
    assert not listed().exists(), "it fits again"


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Pacific/Honolulu", "Fri 6 Mar 07:00"),
        ("Asia/Tokyo", "where the patient lives"),
        ("Europe/London", ""),
    ],
)
def test_another_zone_lists_the_session_at_an_hour_of_the_night(clinic, session, zone, words):
    """09:00 in Los Angeles is 07:00 in Honolulu, 17:00 in London and 02:00 of the next day in Tokyo."""
    moved(clinic, time_zone=zone)
    found = listed().first()
    if zone == "Asia/Tokyo":
        assert found is not None
        assert words in found.detail
    else:
        assert found is None


def test_the_patient_page_shows_the_list_after_the_change(clinic, session):
    client = Client()
    client.force_login(clinic.coordinator)
    url = f"/patients/{clinic.patient.code}/schedule/"
    assert "no longer fit" not in client.get(url).content.decode()
    moved(clinic, jurisdiction="US-WA")
    text = client.get(url).content.decode()
    assert "no longer fit where the patient lives" in text
    assert "Jo Lindqvist" in text


def test_a_death_stops_everything_that_is_planned_at_once(clinic, session):
    series = TreatmentSeries.objects.get()
    claimed = Message.objects.filter(patient=clinic.patient, state="scheduled").first()
    assert claimed is not None, "the reminder of the first visit"
    lease = clinic.now + timedelta(seconds=30)
    Message.objects.filter(pk=claimed.pk).update(state="claimed", lease_until=lease)
    set_status(patient=clinic.patient, status="deceased", by=clinic.nurse)
    series.refresh_from_db()
    assert (series.status, series.status_reason[:12]) == ("ended", "Patient died")
    assert {row.status for row in Appointment.objects.all()} == {"cancelled"}
    assert not ResourceBooking.objects.exists()
    assert not FollowUp.objects.filter(state__in=FollowUp.OPEN).exists()
    assert not Message.objects.pending().exists()
    assert check_schedule(clinic.now) == []


def test_a_death_is_recorded_even_when_the_plan_cannot_follow(clinic, session, monkeypatch):
    def breaks(**_):
        raise RuntimeError("no")

    monkeypatch.setattr(patient_changes, "end_series", breaks)
    found = set_status(patient=clinic.patient, status="deceased", by=clinic.nurse)
    assert found.status == "deceased"
    assert visits_of(TreatmentSeries.objects.get())[0].status == "booked"
    item = WorkItem.objects.open().get(key=f"patient-changed:{clinic.patient.code}")
    assert (item.role, item.title) == ("coordinator", "The patient has died: look at what is planned")


def test_whoever_has_no_series_changes_nothing(clinic):
    patient = factories.make_patient(clinic.site)
    update_patient(patient=patient, changes={"time_zone": "Asia/Tokyo"}, expected_version=1, by=clinic.nurse)
    set_status(patient=patient, status="deceased", by=clinic.nurse)
    assert not WorkItem.objects.exists()
