"""Plan a series, on its page: proposed, changed row by row, booked by one POST; whatever is wrong is said beside it."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta

import pytest
from django.urls import reverse

from scheduling.models import Appointment, TreatmentSeries
from scheduling.plan_pages import versions_to_offer
from tests import factories
from tests.scheduling.booking.helpers import book, local, six
from tests.scheduling.booking.pages import plan_data, plan_url, shown, signed_in
from tests.scheduling.follow.world import book_course

pytestmark = pytest.mark.django_db


def test_three_steps_book_a_series(clinic):
    client = signed_in(clinic.coordinator)
    assert client.get(plan_url(clinic)).status_code == 200
    type(clinic.version).objects.filter(pk=clinic.version.pk).update(next_review_on="2026-01-05")
    proposal = client.post(plan_url(clinic), plan_data(clinic))
    assert "Review overdue: Its review was due on 5 January 2026." in proposal.content.decode()
    assert proposal.status_code == 200
    fields = shown(proposal)
    assert len(fields["visit"]) == 6
    assert "Therapy from" in proposal.content.decode()
    answer = client.post(plan_url(clinic), plan_data(clinic, "book", **fields))
    series = TreatmentSeries.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == reverse("series_detail", args=[series.code])
    assert series.appointments.infusions().count() == 6
    page = client.get(answer["Location"])
    assert "Infusion 6" in page.content.decode()


def test_sending_the_booking_twice_books_once(clinic):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    first = client.post(plan_url(clinic), plan_data(clinic, "book", **fields))
    second = client.post(plan_url(clinic), plan_data(clinic, "book", **fields))
    assert first["Location"] == second["Location"]
    assert TreatmentSeries.objects.count() == 1
    assert Appointment.objects.count() == 6


def test_therapy_is_reserved_when_asked_for(clinic):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    assert fields["session"]
    client.post(plan_url(clinic), plan_data(clinic, "book", reserve_therapy="1", **fields))
    assert Appointment.objects.filter(kind="therapy", status="provisional").count() == len(fields["session"])


def test_one_visit_changes_and_the_others_stay(clinic):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    options = client.post(plan_url(clinic), plan_data(clinic, "options:3", **fields))
    buttons = re.findall(r'value="(pick:3:[^"]*:keep)"', options.content.decode())
    assert buttons
    changed = shown(client.post(plan_url(clinic), plan_data(clinic, buttons[0], **fields)))
    before = [item.split("|")[1] for item in fields["visit"]]
    after = [item.split("|")[1] for item in changed["visit"]]
    assert [n for n, pair in enumerate(zip(before, after, strict=True), 1) if pair[0] != pair[1]] == [3]


def test_a_slot_that_somebody_took_meanwhile_is_named_and_the_rest_proposed_again(clinic):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    third = fields["visit"][2].split("|")
    starts = [item.split("|")[1] for item in fields["visit"]]
    other = factories.make_patient(clinic.site, family_name="Faster")
    rows = six(clinic)
    rows = [
        type(row)(row.ordinal, datetime.fromisoformat(start), third[2], row.nurse, row.prescriber)
        for row, start in zip(rows, starts, strict=True)
    ]
    book(clinic, patient=other, visits=rows)
    answer = client.post(plan_url(clinic), plan_data(clinic, "book", **fields))
    assert answer.status_code == 409
    text = html.unescape(answer.content.decode())
    assert re.search(r"\d of 6: ", text)
    assert "Error: Plan a series" in text
    assert TreatmentSeries.objects.count() == 1
    again = client.post(plan_url(clinic), plan_data(clinic, "book", **shown(answer)))
    assert again.status_code == 302


def test_an_impossible_series_says_why(clinic):
    clinic.site.closures.create(
        days=(local(clinic, 1).date(), local(clinic, 1).date() + timedelta(days=300)), reason="Rebuilding"
    )
    answer = signed_in(clinic.coordinator).post(plan_url(clinic), plan_data(clinic))
    assert answer.status_code == 200
    assert "No complete series is possible" in answer.content.decode()
    assert "Rebuilding" in answer.content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weight_kg", "NaN"),
        ("weight_kg", "7_0"),
        ("weight_kg", "1e400"),
        ("weight_kg", "19"),
        ("first_day", "2026-02-30"),
        ("first_day", "2026-03-02"),
        ("first_day", "2031-01-01"),
        ("protocol", "nope"),
        ("therapist", "a\x00b"),
        ("act", "drop"),
        ("act", "options:0"),
        ("act", "options:x"),
        ("act", "pick:3:2026-03-12T09:00:00:keep"),
        ("act", "pick:3:2026-03-12T09:00:00+00:00:steal"),
        ("visit", ["1|2026-03-12T17:00:00+00:00|x"]),
        ("visit", ["1|yesterday|a|b|c"]),
        ("visit", ["1|2026-03-12T17:00:00+00:00|a|b|c"] * 61),
        ("patient_code", "00000000-0000-4000-8000-000000000000"),
    ],
)
def test_bad_input_to_the_plan_is_refused_in_words(clinic, field, value):
    data = plan_data(clinic) if field != "visit" else plan_data(clinic, "book", token="0" * 36)
    answer = signed_in(clinic.coordinator).post(plan_url(clinic), data | {field: value})
    assert answer.status_code in (400, 409, 422)
    assert "data-error-summary" in answer.content.decode()
    assert not TreatmentSeries.objects.exists()


def test_booking_needs_the_token_of_a_page(clinic):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    answer = client.post(plan_url(clinic), plan_data(clinic, "book", visit=fields["visit"], token="x"))
    assert answer.status_code == 400
    assert not TreatmentSeries.objects.exists()


def test_a_fragment_for_htmx_and_a_page_for_everybody_else(clinic):
    client = signed_in(clinic.coordinator)
    fragment = client.post(
        plan_url(clinic), plan_data(clinic), headers={"HX-Request": "true"}
    ).content.decode()
    assert "<html" not in fragment
    assert 'id="plan"' in fragment


def test_what_is_booked_most_is_offered_first_and_single_infusions_last(clinic):
    often = factories.make_version("six-in-twelve-days", author=clinic.admin)
    factories.make_version("single-infusion", author=clinic.admin)
    assert versions_to_offer()[0] == clinic.version, "in the order they came into force"
    book_course(clinic, [local(clinic, 10)], protocol_version=often)
    assert [item.template.slug for item in versions_to_offer()] == [
        "six-in-twelve-days",
        clinic.version.template.slug,
        "single-infusion",
    ]
