"""A booked series and its first visit, and short words for its gates."""

from __future__ import annotations

import pytest
from django.test import Client
from rest_framework.test import APIClient

from scheduling.models import WorkItem
from scheduling.services.gates import gates_of
from sessions import services as facts
from tests.scheduling.booking.helpers import book, visits_of

CARE = {"clinician", "nurse", "therapist", "coordinator"}


@pytest.fixture
def series(clinic):
    return book(clinic)


@pytest.fixture
def visit(series):
    return visits_of(series)[0]


def own_gate(clinic, label="Prior authorisation", **over):
    fields = {"due": "before_48h", "owner_role": "coordinator", "hard": False, "by": clinic.coordinator}
    return facts.add_site_gate(site=clinic.site, label=label, **(fields | over))


def state(visit, key):
    return gates_of(visit).line(key).state


def items(visit):
    return WorkItem.objects.open().filter(kind=WorkItem.Kind.GATE, key__startswith=str(visit.code))


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def caller(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client
