"""What a browser sends to the pages of bookings, for several test modules."""

from __future__ import annotations

import html
import re

from django.test import Client
from django.urls import reverse

from tests.scheduling.booking.helpers import local


def signed_in(user) -> Client:
    """A browser of this person."""
    client = Client()
    client.force_login(user)
    return client


def plan_data(clinic, act="propose", **over):
    """The form of plan-a-series."""
    fields = {
        "protocol": str(clinic.version.code),
        "weight_kg": "70",
        "first_day": local(clinic, 5).date().isoformat(),
        "part_of_day": "",
        "therapist": str(clinic.therapist.code),
        "patient_code": str(clinic.patient.code),
        "act": act,
    }
    return fields | over


def plan_url(clinic):
    """Plan-a-series for the first patient."""
    return reverse("series_plan", args=[clinic.patient.code])


def shown(response) -> dict[str, list[str]]:
    """The hidden fields of an answer, as the browser would send them back."""
    text = response.content.decode()
    found = {
        name: [html.unescape(value) for value in re.findall(rf'name="{name}" value="([^"]*)"', text)]
        for name in ("visit", "session", "token")
    }
    assert len(found["token"]) == 1
    return found


def reason_data(visit, reason, **over):
    """The form of an act on one visit: why, by whom, and the version that was looked at."""
    fields = {
        "reason": reason,
        "initiator": "patient",
        "note": "",
        "version": str(visit.version),
        "patient_code": str(visit.patient.code),
    }
    return fields | over
