"""Until when a visit can start, and the chair's day re-timed as one accepted proposal."""

from __future__ import annotations

import html
import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from scheduling.schedule_checks import check_schedule
from scheduling.services.lateness import propose_late, start_by
from staff.errors import InvalidInput, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import book, choice, local, minutes, visits_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def day(clinic, clock):
    """Thursday 5 March in chair 1: 09:00, 12:00 and 15:00, each three hours with turnover; hours end at 18:00."""
    single = factories.make_version("single-infusion", author=clinic.admin)
    made = [
        visits_of(
            book(
                clinic,
                patient=factories.make_patient(clinic.site),
                protocol_version=single,
                visits=[choice(clinic, 1, local(clinic, 5, hour))],
            )
        )[0]
        for hour in (9, 12, 15)
    ]
    clock.set(local(clinic, 5, 8))
    return made


def test_start_by_is_the_last_start_that_ends_inside_the_hours(clinic, day):
    assert start_by(day[0]) == local(clinic, 5, 15, 5), "160 minutes and 15 of turnover before 18:00"


def test_ten_minutes_push_the_chairs_day_and_what_is_too_late_is_named(clinic, day):
    lines = propose_late(visit=day[0], minutes=10, by=clinic.nurse)
    news = [line.new for line in lines]
    assert news[0] == local(clinic, 5, 9, 10)
    assert news[1] == local(clinic, 5, 12, 5)
    assert news[2] == local(clinic, 5, 15), "the buffer between the visits takes up what is left"
    late = propose_late(visit=day[0], minutes=40, by=clinic.nurse)
    assert late[2].new is None
    assert "Start by" in late[2].why
    assert [row.version for row in day] == [1, 1, 1]
    for bad in (0, 4, 301):
        with pytest.raises(InvalidInput):
            propose_late(visit=day[0], minutes=bad, by=clinic.nurse)


def test_only_today(clinic, day, clock):
    clock.set(local(clinic, 4, 8))
    with pytest.raises(StateConflict):
        propose_late(visit=day[0], minutes=10, by=clinic.nurse)


def test_page_and_api_accept_what_was_shown(clinic, day):
    client = Client()
    client.force_login(clinic.nurse)
    url = reverse("visit_late", args=[day[0].code])
    form = {"minutes": "10", "version": "1", "patient_code": str(day[0].patient.code)}
    assert "Start by" in client.get(url).content.decode()
    page = client.post(url, form | {"act": "look"}).content.decode()
    seen = [html.unescape(text) for text in re.findall(r'name="seen" value="([^"]*)"', page)]
    assert len(seen) == 3
    assert client.post(url, form | {"act": "accept", "seen": seen[:2]}).status_code == 412
    assert client.post(url, form | {"minutes": "2", "act": "look"}).status_code == 422
    assert client.post(url, form | {"act": "accept", "seen": seen}).status_code == 302
    assert client.post(url, form | {"act": "accept", "seen": seen}).status_code in (409, 412)
    starts = []
    for row in day:
        row.refresh_from_db()
        starts.append(row.during.lower)
    assert starts == [local(clinic, 5, 9, 10), local(clinic, 5, 12, 5), local(clinic, 5, 15)]
    assert check_schedule(clinic.now) == []
    api = f"/api/v1/appointments/{day[1].code}/running-late/"

    def send(body):
        return client.post(api, json.dumps(body), content_type="application/json")

    shown = send({"minutes": 5}).json()
    assert len(shown["visits"]) == 2
    assert send({"minutes": 5, "accept": True, "seen": []}).status_code == 412
    assert send({"minutes": 5, "accept": True, "seen": shown["seen"]}).json()["accepted"]
    day[1].refresh_from_db()
    assert day[1].during.lower == local(clinic, 5, 12, 5) + minutes(5)
    for bad in ({"minutes": True}, {"minutes": 5, "x": 1}, {}):
        assert send(bad).status_code == 400
