"""Acts on one visit and on its series, each on its page: moved and undone, postponed, skipped, an extra one, ended,
checked in.
"""

from __future__ import annotations

import html
import re

import pytest
from django.urls import reverse

from scheduling.services import visits as visit_service
from tests import factories
from tests.scheduling.booking.helpers import book, local, minutes, visits_of
from tests.scheduling.booking.pages import reason_data, signed_in
from tests.scheduling.booking.steps import arrive

pytestmark = pytest.mark.django_db


@pytest.fixture
def series(clinic):
    return book(clinic)


@pytest.fixture
def visit(series):
    return visits_of(series)[2]


def test_a_visit_moves_to_an_offered_time_and_back(clinic, visit):
    client = signed_in(clinic.coordinator)
    url = reverse("visit_move", args=[visit.code])
    page = client.get(url)
    offers = re.findall(r'name="offered" value="(2026[^"]*)"', page.content.decode())
    assert offers
    answer = client.post(url, reason_data(visit, "patient-asked", offered=html.unescape(offers[0])))
    assert answer.status_code == 302
    visit.refresh_from_db()
    assert visit.moved_from is not None
    page = client.get(answer["Location"])
    undo = reverse("visit_undo_move", args=[visit.code, visit.version])
    assert undo in page.content.decode()
    assert client.post(undo).status_code == 302
    assert client.post(undo).status_code == 302, "a second press changes nothing"
    came_back = visit.moved_from.lower
    visit.refresh_from_db()
    assert visit.during.lower == came_back


def test_a_typed_time_is_read_in_the_clinics_clock(clinic, visit):
    client = signed_in(clinic.nurse)
    data = reason_data(visit, "staff", offered="other", start="2026-03-12T13:30")
    assert client.post(reverse("visit_move", args=[visit.code]), data).status_code == 302
    visit.refresh_from_db()
    assert visit.during.lower == local(clinic, 12, 13, 30)


@pytest.mark.parametrize(
    ("over", "status"),
    [
        ({"offered": "other", "start": ""}, 422),
        ({"offered": "other", "start": "2026-03-08T02:30"}, 422),
        ({"offered": "other", "start": "2026-03-12T99:99"}, 422),
        ({"offered": "other", "start": "2026-03-02T09:00"}, 422),
        ({"offered": "other", "start": "2026-03-10T09:00"}, 422),
        ({"offered": "2026-03-12T09:00:00"}, 422),
        ({"offered": "other", "start": "2026-03-12T13:00", "reason": "because"}, 422),
        ({"offered": "other", "start": "2026-03-12T13:00", "version": "7"}, 412),
        ({"offered": "other", "start": "2026-03-12T13:00", "version": "true"}, 422),
        ({"offered": "other", "start": "2026-03-12T13:00", "note": "x" * 111}, 422),
        ({"offered": "other", "start": "2026-03-12T13:00", "patient_code": "someone-else"}, 409),
    ],
)
def test_bad_moves_are_refused_in_words_and_move_nothing(clinic, visit, over, status):
    data = reason_data(visit, "patient-asked") | over
    answer = signed_in(clinic.coordinator).post(reverse("visit_move", args=[visit.code]), data)
    assert answer.status_code == status
    assert "data-error-summary" in answer.content.decode()
    before = visit.during
    visit.refresh_from_db()
    assert (visit.during, visit.version) == (before, 1)


def test_postpone_skip_and_not_attended(clinic, clock, series):
    rows = visits_of(series)
    client = signed_in(clinic.clinician)
    postpone = reverse("visit_cancel", args=[rows[3].code])
    assert client.post(postpone, reason_data(rows[3], "patient-unwell")).status_code == 302
    assert client.post(postpone, reason_data(rows[3], "patient-unwell")).status_code == 412
    skip = reverse("visit_omit", args=[rows[4].code])
    assert client.post(skip, reason_data(rows[4], "responded")).status_code == 302
    early = client.post(reverse("visit_no_show", args=[rows[0].code]), reason_data(rows[0], "no-contact"))
    assert early.status_code == 422
    clock.set(rows[0].during.lower + minutes(30))
    late = client.post(reverse("visit_no_show", args=[rows[0].code]), reason_data(rows[0], "no-contact"))
    assert late.status_code == 302
    states = [row.status for row in visits_of(series)]
    assert states == ["no-show", "booked", "booked", "cancelled", "omitted", "booked"]


def test_an_infusion_without_a_date_gets_one_or_is_skipped(clinic, series):
    rows = visits_of(series)
    for row in (rows[4], rows[5]):
        visit_service.cancel_visit(appointment=row, by=clinic.coordinator, reason="staff")
    client = signed_in(clinic.coordinator)
    page = client.get(reverse("series_detail", args=[series.code])).content.decode()
    assert reverse("infusion_rebook", args=[series.code, 5]) in page
    url = reverse("infusion_rebook", args=[series.code, 5])
    offers = re.findall(r'name="offered" value="(2026[^"]*)"', client.get(url).content.decode())
    data = {"offered": html.unescape(offers[0]), "patient_code": str(clinic.patient.code)}
    assert client.post(url, data).status_code == 302
    assert client.post(url, data).status_code == 409
    skip = reverse("infusion_skip", args=[series.code, 6])
    answer = client.post(
        skip, {"reason": "responded", "initiator": "clinician", "patient_code": str(clinic.patient.code)}
    )
    assert answer.status_code == 302
    assert [row.status for row in visits_of(series)[-2:]] != ["booked", "booked"]
    assert client.get(reverse("infusion_skip", args=[series.code, 9])).status_code == 404


def test_an_extra_infusion(clinic, series):
    client = signed_in(clinic.clinician)
    url = reverse("infusion_extra", args=[clinic.patient.code])
    offers = re.findall(r'name="offered" value="(2026[^"]*)"', client.get(url).content.decode())
    data = {
        "offered": html.unescape(offers[-1]),
        "reason": "early-return",
        "initiator": "clinician",
        "note": "",
    }
    answer = client.post(url, data | {"patient_code": str(clinic.patient.code)})
    assert answer.status_code == 302
    series.refresh_from_db()
    assert series.visits == 7
    nobody = factories.make_patient(clinic.site)
    redirected = client.get(reverse("infusion_extra", args=[nobody.code]))
    assert redirected["Location"] == reverse("series_plan", args=[nobody.code])


def test_ending_a_series(clinic, series):
    client = signed_in(clinic.clinician)
    url = reverse("series_end", args=[series.code])
    data = {
        "reason": "no-response",
        "initiator": "clinician",
        "note": "",
        "version": "1",
        "patient_code": str(clinic.patient.code),
    }
    assert client.post(url, data).status_code == 302
    assert client.post(url, data).status_code == 409
    series.refresh_from_db()
    assert series.status == "ended"


def test_check_in_leads_to_the_record_also_the_second_time(clinic, clock, series):
    visit = visits_of(series)[0]
    clock.set(visit.during.lower - minutes(10))
    client = signed_in(clinic.nurse)
    url = reverse("visit_check_in", args=[visit.code])
    first = client.post(url, {"version": "1"})
    second = client.post(url, {"version": "1"})
    visit.refresh_from_db()
    assert first["Location"] == second["Location"] == reverse("infusion_detail", args=[visit.infusion.code])
    coordinator = signed_in(clinic.coordinator).post(url, {"version": "1"})
    assert coordinator["Location"] == reverse("visit_detail", args=[visit.code])


@pytest.mark.parametrize("version", ["", "x", "-1", "1" * 30, "7"])
def test_check_in_with_a_version_that_is_none_or_stale(clinic, clock, series, version):
    visit = visits_of(series)[0]
    clock.set(visit.during.lower)
    answer = signed_in(clinic.nurse).post(reverse("visit_check_in", args=[visit.code]), {"version": version})
    assert answer.status_code == (412 if version == "7" else 400)
    visit.refresh_from_db()
    assert visit.infusion is None


def test_arrived_visits_are_linked_to_their_record(clinic, clock, series):
    infusion = arrive(clinic, visits_of(series)[0], clock)
    text = (
        signed_in(clinic.nurse)
        .get(reverse("visit_detail", args=[visits_of(series)[0].code]))
        .content.decode()
    )
    assert reverse("infusion_detail", args=[infusion.code]) in text
    assert "Check in" not in text
