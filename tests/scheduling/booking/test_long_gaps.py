"""A longer gap: only where the version allows it, by a prescriber, with a reason; then it holds on every path."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from protocols import library
from scheduling.models import GapException, TreatmentSeries
from scheduling.schedule_checks import check_schedule
from scheduling.services import replans
from scheduling.services import visits as visit_service
from scheduling.services.long_gaps import approve_long_gap
from scheduling.services.proposals import propose_series
from scheduling.services.resources import add_closure
from scheduling.services.visit_options import visit_options
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import WEIGHT, book, local, six, visits_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(clinic):
    text = library.SIX_IN_THREE_WEEKS
    phase = replace(text.phases[0], long_gap_max_hours=168)
    return factories.make_version(
        definition=replace(text, phases=(phase,)), slug="with-long-gap", author=clinic.admin
    )


def later(clinic):
    """Infusions 1 to 6; the second a week after the first."""
    rows = six(clinic)
    return [
        rows[0],
        *(
            replace(row, start=local(clinic, day))
            for row, day in zip(rows[1:], (12, 16, 19, 23, 26), strict=True)
        ),
    ]


def test_only_a_prescriber_with_a_reason_and_only_as_far_as_the_text_allows(clinic, version):
    visits = later(clinic)
    with pytest.raises(RuleNotMet, match="at most 96 h"):
        book(clinic, protocol_version=version, visits=visits)
    for by, gaps, reason, error in (
        (clinic.coordinator, {2: 168}, "Travel", NotAllowed),
        (clinic.clinician, {2: 168}, " ", RuleNotMet),
        (clinic.clinician, {2: 169}, "Travel", InvalidInput),
        (clinic.clinician, {3: 168}, "Travel", RuleNotMet),
    ):
        with pytest.raises(error):
            book(
                clinic, protocol_version=version, visits=visits, by=by, long_gaps=gaps, long_gap_reason=reason
            )
    with pytest.raises(RuleNotMet):
        book(
            clinic,
            visits=visits,
            by=clinic.clinician,
            long_gaps={2: 168},
            long_gap_reason="The text allows none",
        )
    assert not TreatmentSeries.objects.exists()
    series = book(
        clinic,
        protocol_version=version,
        visits=visits,
        by=clinic.clinician,
        long_gaps={2: 168},
        long_gap_reason="Travel",
    )
    assert GapException.objects.get().approved_by == clinic.clinician
    assert check_schedule(clinic.now) == []
    moved = visit_service.move_visit(
        appointment=visits_of(series)[1], start=local(clinic, 12, 10), by=clinic.nurse, reason="staff"
    )
    assert moved.during.lower == local(clinic, 12, 10)
    GapException.objects.update(max_hours=96)
    assert [item.kind for item in check_schedule(clinic.now)] == ["gap"]


def test_a_running_series_gets_one_and_its_offers_reach_further(clinic, version):
    series = book(clinic, protocol_version=version)
    last = visits_of(series)[5]
    before = {item.start.date() for item in visit_options(series=series, ordinal=6).choices}
    with pytest.raises(RuleNotMet):
        visit_service.move_visit(
            appointment=last, start=local(clinic, 26, 9), by=clinic.nurse, reason="staff"
        )
    approve_long_gap(series=series, ordinal=6, max_hours=168, reason="Exam week", by=clinic.clinician)
    with pytest.raises(StateConflict):
        approve_long_gap(series=series, ordinal=6, max_hours=168, reason="Again", by=clinic.clinician)
    after = {item.start.date() for item in visit_options(series=series, ordinal=6).choices}
    assert max(after) > max(before)
    visit_service.move_visit(appointment=last, start=local(clinic, 26, 9), by=clinic.nurse, reason="staff")
    assert check_schedule(clinic.now) == []


def test_the_plan_page_offers_it_by_name_and_books_it_with_the_reason(clinic, version):
    """Closed Monday to Friday: no plan with 96 hours, one with a longer gap."""
    add_closure(
        site=clinic.site,
        first=date(2026, 3, 9),
        last=date(2026, 3, 10),
        reason="Works",
        by=clinic.coordinator,
    )
    arguments = {
        "patient": clinic.patient, "protocol_version": version, "weight_kg": WEIGHT, "first_day": date(2026, 3, 5),
        "by": clinic.clinician, "pinned": {1: local(clinic, 5, 9)},
    }  # fmt: skip
    assert not propose_series(**arguments).plan.complete
    add_closure(
        site=clinic.site, first=date(2026, 3, 3), last=date(2026, 3, 4), reason="Works", by=clinic.coordinator
    )
    offer = propose_series(**arguments).plan.long_gap_offer
    assert offer is not None
    assert propose_series(**arguments, long_gaps={offer.ordinal: 168}).plan.complete
    client = Client()
    client.force_login(clinic.clinician)
    url = reverse("series_plan", args=[clinic.patient.code])
    data = {
        "protocol": str(version.code), "weight_kg": "70", "first_day": "2026-03-05", "part_of_day": "", "therapist": "",
        "patient_code": str(clinic.patient.code), "act": "long:2:168",
    }  # fmt: skip
    page = client.post(url, data).content.decode()
    assert "longer gap" in page

    def values(name):
        return [html.unescape(text) for text in re.findall(rf'name="{name}" value="([^"]*)"', page)]

    shown = {name: values(name) for name in ("visit", "session", "token", "long_gap")}
    assert shown["long_gap"] == ["2:168"]
    assert client.post(url, data | shown | {"act": "book"}).status_code == 422, "a reason is asked"
    assert client.post(url, data | shown | {"act": "book", "long_gap_reason": "Works"}).status_code == 302
    series = TreatmentSeries.objects.get()
    assert "Approved by" in client.get(reverse("series_detail", args=[series.code])).content.decode()
    for bad in ("long:2:x", "long:0:168", "long:2:9999"):
        assert client.post(url, data | {"act": bad}).status_code in (302, 400)


def test_page_and_api_of_a_running_series(clinic, version):
    series = book(clinic, protocol_version=version)
    client = Client()
    client.force_login(clinic.clinician)
    url = reverse("series_long_gap", args=[series.code])
    form = {"ordinal": "3", "max_hours": "168", "note": "Travel", "patient_code": str(series.patient.code)}
    assert client.post(url, form | {"max_hours": "500"}).status_code == 400
    assert client.post(url, form | {"note": ""}).status_code == 422
    assert client.post(url, form).status_code == 302
    assert client.post(url, form).status_code == 409
    api = f"/api/v1/series/{series.code}/long-gaps/"
    body = {"ordinal": 4, "max_hours": 168, "reason": "Travel"}

    def send(user, data):
        client.force_login(user)
        return client.post(
            api, json.dumps(data), content_type="application/json", HTTP_IDEMPOTENCY_KEY=str(uuid4())
        ).status_code

    assert send(clinic.coordinator, body) == 403
    assert send(clinic.clinician, body | {"max_hours": True}) == 400
    assert send(clinic.clinician, body | {"ordinal": 1}) == 400
    assert send(clinic.clinician, body) == 201
    assert GapException.objects.count() == 2


def test_a_closure_that_96_hours_cannot_cross_is_crossed_by_name(clinic, version):
    """The page of new times says what one longer gap would allow, where the version allows one."""
    series = book(clinic, protocol_version=version)
    add_closure(
        site=clinic.site,
        first=date(2026, 3, 9),
        last=date(2026, 3, 11),
        reason="Flood",
        by=clinic.coordinator,
    )
    group = next(
        g for g in replans.review(site=clinic.site, by=clinic.coordinator).groups if g.series == series
    )
    assert not group.placed
    assert group.plan.long_gap is not None
    assert group.why_not[-1] == group.plan.long_gap.text
    assert "a clinician must approve it" in group.why_not[-1]
