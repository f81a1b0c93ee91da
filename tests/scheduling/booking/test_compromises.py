"""Less than 0.5 mg/kg, less than 40 minutes, not into a vein: each has a coded reason, and is counted (clinic-day 53)."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from protocols.library import SIX_IN_THREE_WEEKS
from protocols.review import review
from scheduling.compromises import compromises
from sessions.models import Infusion
from tests.factories import make_patient, make_user
from tests.scheduling.booking.test_version_moves import publish
from tests.scheduling.follow.world import FIRST, book_course, start_pump

SHORT = replace(
    SIX_IN_THREE_WEEKS.dose,
    mg_per_kg=Decimal("0.4"),
    infusion_minutes=30,
    low_dose_reason="frailty",
    short_infusion_reason="capacity",
)
pytestmark = pytest.mark.django_db


def test_each_needs_its_coded_reason_before_it_is_published():
    for dose, field in (
        (replace(SHORT, low_dose_reason=""), "dose.low_dose_reason"),
        (replace(SHORT, short_infusion_reason=""), "dose.short_infusion_reason"),
        (replace(SIX_IN_THREE_WEEKS.dose, route="im"), "dose.route_reason"),
        (replace(SHORT, low_dose_reason="because"), "dose.low_dose_reason"),
    ):
        text = replace(SIX_IN_THREE_WEEKS, dose=dose)
        assert field in [item.field for item in review(text, {}) if item.blocks]


@pytest.fixture
def given(clinic, clock):
    """On a weaker version one infusion in March and one in April; on the usual one a low order and a full one."""
    usual = clinic.version
    clinic.version = publish(clinic, replace(SIX_IN_THREE_WEEKS, dose=SHORT))
    weak = book_course(clinic, [FIRST, FIRST + timedelta(days=30)])
    for visit in weak.appointments.order_by("ordinal"):
        Infusion.objects.filter(pk=start_pump(clinic, visit).pk).update(
            status="recovering", stopped_at=visit.during.lower + timedelta(minutes=30)
        )
    clinic.version = usual
    for number, (mg, reason) in enumerate((("20.0", "interaction"), ("35.0", ""))):
        patient = make_patient(clinic.site)
        course = book_course(clinic, [FIRST + timedelta(hours=6 * number + 6)], patient=patient)
        infusion = start_pump(clinic, course.appointments.get())
        Infusion.objects.filter(pk=infusion.pk).update(ordered_mg=Decimal(mg), order_low_reason=reason)
    clock.set(FIRST + timedelta(days=40))


def test_every_kind_is_counted_in_its_month_with_its_reason(clinic, given, clock):
    rows = [
        (f"{row.month:%m}", row.kind, row.reason, row.infusions, row.patients, row.given)
        for row in compromises(clinic.site, 6, clock.now())
    ]
    assert rows == [
        ("04", "low_dose", "frailty", 1, 1, 1),
        ("04", "short", "capacity", 1, 1, 1),
        ("03", "low_dose", "frailty", 1, 1, 3),
        ("03", "low_order", "interaction", 1, 1, 3),
        ("03", "short", "capacity", 1, 1, 3),
    ]
    assert {row.month.month for row in compromises(clinic.site, 1, clock.now())} == {4}


def test_page_file_and_api_say_the_same_to_those_who_may_read_protocols(client, clinic, given):
    url = reverse("compromises")
    assert client.get(url)["Location"].startswith("/accounts/login")
    client.force_login(clinic.admin)
    words = client.get(url, {"months": "6"}).content.decode()
    assert "April 2026" in words
    assert "no evidence that it is as good" in words
    assert "Less than 0.5 mg/kg, by the order" in words
    assert "slows the breakdown of ketamine" in words
    rows = list(csv.DictReader(io.StringIO(client.get(url, {"format": "csv"}).content.decode())))
    api = APIClient()
    api.force_login(clinic.admin)
    listed = api.get("/api/v1/compromises/", {"site": str(clinic.site.code)}).json()["compromises"]
    assert [{key: str(value) for key, value in line.items()} for line in listed] == rows
    assert len(rows) == 5
    assert client.post(url).status_code == 405
    assert client.get(url, {"months": "1e9"}).status_code == 200
    assert (
        api.get("/api/v1/compromises/", {"months": "1e9", "site": str(clinic.site.code)}).status_code == 400
    )
    elsewhere = make_user("nurse")
    client.force_login(elsewhere)
    assert "April 2026" not in client.get(url).content.decode()
