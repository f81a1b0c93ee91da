"""Chair use and window adherence by week, from what really took place."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.models import FollowUp, PlasticityWindow
from scheduling.services import therapy, windows
from scheduling.services import visits as visit_service
from scheduling.services.resources import add_closure
from scheduling.utilisation import utilisation
from tests.scheduling.booking.helpers import book, visits_of
from tests.scheduling.booking.steps import give

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 3, 2)


def test_weeks_count_stays_closures_and_windows(clinic, clock):
    """Infusion 1 on Thursday 5 March with a session next day; 2 and 3 in the week after, 3 postponed."""
    series = book(clinic)
    add_closure(
        site=clinic.site,
        first=date(2026, 3, 13),
        last=date(2026, 3, 13),
        reason="Works",
        by=clinic.coordinator,
    )
    visit_service.cancel_visit(appointment=visits_of(series)[2], by=clinic.coordinator, reason="staff")
    infusion = give(clinic, visits_of(series)[0], clock)
    window = PlasticityWindow.objects.get(infusion=infusion, superseded_at__isnull=True)
    clock.set(window.t0)
    windows.open_window(window=window)
    before = utilisation(clinic.site, MONDAY, 2, clinic.now)
    assert (before[0].windows, before[0].windows_kept, before[0].windows_open) == (1, 0, 1)
    assert before[0].adherence_percent is None, "an open window is not a missed one"
    row = FollowUp.objects.get(infusion=infusion, kind="integration_1", ordinal=1)
    clock.set(row.target_at)
    therapy.start_therapy(follow_up=row, by=clinic.therapist)
    clock.advance(minutes=50)
    therapy.complete_therapy(follow_up=row, by=clinic.therapist, progress="Goes on.")
    first, second = utilisation(clinic.site, MONDAY, 2, clinic.now)
    assert first.offered_minutes == 3 * 5 * 600, "three chairs, five days of ten hours"
    assert second.offered_minutes == 3 * 4 * 600, "one day is closed"
    assert (first.given, first.booked, second.given, second.booked, second.postponed) == (1, 0, 0, 1, 1)
    assert second.used_minutes == 160
    assert second.use_percent == 2
    assert first.adherence_percent == 100
    assert first.median_hours == pytest.approx((row.target_at - window.t0).total_seconds() / 3600, abs=0.06)


def test_page_file_and_api_say_the_same(clinic):
    book(clinic)
    client = Client()
    client.force_login(clinic.therapist)
    url = reverse("utilisation")
    for weeks in ("", "0", "54", "x", "4"):
        assert client.get(url, {"weeks": weeks}).status_code == 200
    text = client.get(url, {"weeks": "2", "format": "csv"}).content.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["week_from"] for row in rows] == ["2026-02-23", "2026-03-02"]
    assert rows[1]["infusions_booked"] == "1"
    api = client.get(f"/api/v1/utilisation/?site={clinic.site.code}&weeks=2").json()["weeks"]
    assert [str(row["chair_minutes_used"]) for row in api] == [row["chair_minutes_used"] for row in rows]
    assert client.get(f"/api/v1/utilisation/?site={clinic.site.code}&weeks=x").status_code == 400
    client.force_login(clinic.outsider)
    assert client.get(f"/api/v1/utilisation/?site={clinic.site.code}").status_code == 404
