"""`Start by 15:10` stands on every booked infusion: board, week, calendar, list of the day and visit page."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduling.calendar import initials_of
from scheduling.loaders import load_site
from scheduling.models import Appointment, AvailabilityException
from scheduling.services.lateness import latest_start, start_limits
from tests import factories
from tests.scheduling.booking.helpers import book, choice, local, six, visits_of

pytestmark = pytest.mark.django_db


def rows():
    return list(Appointment.objects.infusions().for_page().order_by("during"))


def test_all_at_once_gives_what_each_gives_and_costs_the_same_for_any_number(clinic):
    book(clinic)
    with CaptureQueriesContext(connection) as one:
        alone = start_limits(clinic.site, rows()[:1])
    other = factories.make_patient(clinic.site)
    book(clinic, patient=other, visits=[choice(clinic, n, local(clinic, d, 13), chair=str(clinic.chairs[1].code))
                                        for n, d in enumerate((5, 9, 12, 16, 19, 23), start=1)])  # fmt: skip
    with CaptureQueriesContext(connection) as many:
        found = start_limits(clinic.site, rows())
    assert len(one) == len(many)
    assert len(found) == 12
    assert set(found.values()) >= {local(clinic, 5, 15, 5)}
    first = rows()[0]
    assert alone[first.pk] == found[first.pk] == local(clinic, 5, 15, 5)


def test_an_absence_in_the_middle_ends_the_stretch(clinic):
    visit = visits_of(book(clinic))[0]
    away = (local(clinic, 5, 14), local(clinic, 5, 15))
    AvailabilityException.objects.create(resource=clinic.chairs[0], during=away, available=False, reason="x")
    load = load_site(clinic.site, first=local(clinic, 5).date(), until=local(clinic, 7).date())
    mine = [
        item
        for item in load.resources
        if item.code in (str(clinic.chairs[0].code), str(clinic.nurse_lane.code))
    ]
    assert latest_start(visit, mine) == local(clinic, 5, 11, 5), "175 minutes before 14:00"


def test_every_page_says_it(clinic, clock):
    visit = visits_of(book(clinic, visits=six(clinic)))[0]
    clock.set(local(clinic, 5, 8))
    client = Client()
    client.force_login(clinic.nurse)
    for url in ("/board/", "/week/", "/", f"/visits/{visit.code}/"):
        text = " ".join(client.get(url).content.decode().split())
        assert "tart by" in text, url
        assert "15:05" in text, url


@pytest.mark.parametrize(
    ("name", "short"), [("Alex Sample", "AS"), ("Ana-Maria de Souza Lima", "AMD"), ("X", "X")]
)
def test_initials(name, short):
    assert initials_of(name) == short
