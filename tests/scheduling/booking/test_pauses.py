"""A paused series: nobody is checked in, chairs go back on their day, and resuming judges every gap again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.models import Message, ResourceBooking, WorkItem
from scheduling.schedule_checks import check_schedule
from scheduling.services import visits as visit_service
from scheduling.services.holds import sweep_expired
from scheduling.services.pauses import pause_series, resume_series, watch_pauses
from staff.errors import InvalidInput, StaleVersion, StateConflict
from tests.scheduling.booking.helpers import book, local, visits_of
from tests.scheduling.booking.steps import give

pytestmark = pytest.mark.django_db


def reminders(series):
    return Message.objects.pending().filter(patient=series.patient, kind="visit_reminder").count()


def test_chairs_stay_as_long_as_was_said_and_reminders_stop_at_once(clinic, clock):
    series = book(clinic)
    give(clinic, visits_of(series)[0], clock)
    follow_ups = series.follow_ups.filter(state__in=["released", "firm"]).count()
    assert follow_ups
    assert reminders(series)
    paused = pause_series(
        series=series, reason="admitted", review_on=date(2026, 3, 12), keep_chairs_days=3, by=clinic.clinician
    )
    assert reminders(series) == 0
    assert series.follow_ups.filter(state__in=["released", "firm"]).count() == follow_ups, "safety goes on"
    held = ResourceBooking.objects.filter(appointment__series=series).count()
    assert watch_pauses() == 0
    assert ResourceBooking.objects.filter(appointment__series=series).count() == held
    clock.set(local(clinic, 8, 12))
    assert watch_pauses() == 5
    assert watch_pauses() == 0
    assert not ResourceBooking.objects.filter(appointment__series=series).exists()
    clock.set(local(clinic, 12, 9))
    sweep_expired()
    watch_pauses()
    item = WorkItem.objects.get(key=f"pause:{series.code}", resolved_at__isnull=True)
    assert item.owner == clinic.clinician
    assert check_schedule(clinic.now) == []
    with pytest.raises(StaleVersion):
        resume_series(series=series, by=clinic.clinician, expected_version=paused.version)
    resume_series(series=series, by=clinic.clinician)
    item.refresh_from_db()
    assert item.resolved_at is not None


def test_resuming_keeps_what_fits_and_takes_off_what_does_not(clinic, clock):
    """Infusion 1 given Thursday 5; back on Tuesday 10: infusion 2 (Monday 9) is past, and then 3 is too far."""
    series = book(clinic)
    give(clinic, visits_of(series)[0], clock)
    pause_series(
        series=series, reason="travel", review_on=date(2026, 3, 20), keep_chairs_days=20, by=clinic.clinician
    )
    clock.set(local(clinic, 9, 8))
    with pytest.raises(StateConflict, match="paused"):
        visit_service.check_in(appointment=visits_of(series)[1], by=clinic.nurse)
    clock.set(local(clinic, 10, 8))
    series, lost = resume_series(series=series, by=clinic.clinician)
    assert [item.ordinal for item in lost] == [2]
    assert (
        WorkItem.objects.filter(key__startswith=f"undated:{series.code}", resolved_at__isnull=True).count()
        == 1
    )
    assert check_schedule(clinic.now) == []
    assert resume_series(series=series, by=clinic.clinician)[1] == []


def test_page_and_refusals(clinic, clock):
    series = book(clinic)
    with pytest.raises(InvalidInput):
        pause_series(series=series, reason="travel", review_on=date(2026, 3, 3), by=clinic.clinician)
    with pytest.raises(InvalidInput):
        pause_series(series=series, reason="because", review_on=date(2026, 3, 9), by=clinic.clinician)
    client = Client()
    client.force_login(clinic.clinician)
    url = reverse("series_pause", args=[series.code])
    form = {
        "reason": "travel", "initiator": "patient", "note": "", "review_on": "2026-03-20", "keep_chairs_days": "0",
        "version": "1", "patient_code": str(series.patient.code),
    }  # fmt: skip
    assert client.post(url, form | {"keep_chairs_days": "99"}).status_code in (400, 422)
    assert client.post(url, form).status_code == 302
    assert "Resume" in client.get(reverse("series_detail", args=[series.code])).content.decode()
    assert client.post(url, form).status_code == 412, "sent again it does not resume"
    series.refresh_from_db()
    again = {"version": str(series.version), "patient_code": str(series.patient.code)}
    assert client.post(url, again).status_code == 302
    series.refresh_from_db()
    assert series.status == "active"
    assert timedelta(0) < clinic.now - series.booked_at or series.paused_at is None
