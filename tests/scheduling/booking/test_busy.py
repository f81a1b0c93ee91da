"""Somebody else holds what an act needs for longer than it may wait: 503 in words, nothing written, and once it is
free the same press works, with the same Idempotency-Key.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from django.db import connection

from scheduling.models import Appointment, ResourceBooking, TreatmentSeries
from staff import locks
from tests.scheduling.booking.pages import plan_data, plan_url, shown, signed_in
from tests.scheduling.booking.test_api import SERIES, body, caller, key

pytestmark = pytest.mark.django_db


@pytest.fixture
def occupied(clinic, monkeypatch) -> Iterator[Callable[[], None]]:
    """The patient's lock is held on another connection; call it to let go."""
    monkeypatch.setattr(locks, "WAIT", "20ms")
    with closing(connection.copy()) as other:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [locks.PATIENT, clinic.patient.pk])

        def let_go() -> None:
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")

        yield let_go


def counts() -> tuple[int, int, int]:
    return TreatmentSeries.objects.count(), Appointment.objects.count(), ResourceBooking.objects.count()


def test_the_api_says_busy_and_when_to_come_back(clinic, occupied):
    client, pressed = caller(clinic.coordinator), key()
    answer = client.post(SERIES, body(clinic), format="json", **pressed)
    assert answer.status_code == 503
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Retry-After"] == "1"
    assert answer.json()["detail"] == "Somebody else is changing this right now. Try again."
    assert counts() == (0, 0, 0)
    occupied()
    assert client.post(SERIES, body(clinic), format="json", **pressed).status_code == 201
    assert TreatmentSeries.objects.count() == 1


def test_the_plan_page_keeps_what_was_chosen(clinic, occupied):
    client = signed_in(clinic.coordinator)
    fields = shown(client.post(plan_url(clinic), plan_data(clinic)))
    busy = client.post(plan_url(clinic), plan_data(clinic, "book", **fields))
    assert busy.status_code == 503
    assert "Somebody else is changing this right now" in html.unescape(busy.content.decode())
    assert counts() == (0, 0, 0)
    again = shown(busy)
    assert again["visit"] == fields["visit"], "the same visits stand on the page"
    occupied()
    assert client.post(plan_url(clinic), plan_data(clinic, "book", **again)).status_code == 302
    assert TreatmentSeries.objects.count() == 1
