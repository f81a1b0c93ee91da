"""Retiring a version asks what becomes of the series on it; each has an owner, and held means that no pump starts."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from protocols import services as protocols
from protocols.models import ProtocolVersion
from scheduling.models import WorkItem
from scheduling.services.rules import check_running_version
from sessions import services as sessions
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from tests.factories import make_patient
from tests.scheduling.booking.helpers import book
from tests.sessions import world

pytestmark = pytest.mark.django_db


def retire(clinic, running):
    return protocols.retire(version=clinic.version, by=clinic.admin, reason="New warning", running=running)


@pytest.mark.parametrize("running", ["finish", "hold"])
def test_each_series_on_a_retired_version_is_an_item_of_its_prescriber(clinic, running):
    series = book(clinic)
    version = retire(clinic, running)
    item = WorkItem.objects.get(key__startswith=f"retired:{series.code}")
    assert (item.owner, item.patient, item.resolved_at) == (series.prescriber, series.patient, None)
    assert "New warning" in item.detail
    assert ("hold" in item.title) is (running == "hold")
    if running == "finish":
        check_running_version(version)
    else:
        with pytest.raises(StateConflict, match="on hold"):
            check_running_version(version)


def test_no_pump_starts_on_a_held_version_but_a_running_one_goes_on(clinic):
    infusion = world.ready(clinic)
    retire(clinic, "hold")
    with pytest.raises(RuleNotMet) as refused:
        sessions.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    assert refused.value.code == "start-gate"
    assert "withdrawn" in refused.value.message
    assert not infusion.pump_events.exists()


def test_what_already_runs_can_be_recorded_to_its_end(clinic):
    infusion = world.ready(clinic)
    sessions.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    retire(clinic, "hold")
    sessions.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    assert infusion.pump_events.count() == 2


def test_retiring_says_what_happens_to_series_and_the_database_insists(clinic):
    for wrong in ("", "later"):
        with pytest.raises(InvalidInput) as refused:
            retire(clinic, wrong)
        assert refused.value.field == "running"
    with pytest.raises(IntegrityError, match="version_retired_says_what_runs_on"), transaction.atomic():
        connection.cursor().execute(
            "UPDATE protocols_protocolversion SET status = 'retired' WHERE id = %s", [clinic.version.pk]
        )
    assert ProtocolVersion.objects.get(pk=clinic.version.pk).status == "active"


def test_a_booking_page_and_the_series_say_that_the_review_is_overdue_and_who_reviewed(client, clinic):
    ProtocolVersion.objects.filter(pk=clinic.version.pk).update(next_review_on=date(2026, 1, 5))
    series = book(clinic)
    client.force_login(clinic.coordinator)
    page = client.get(reverse("series_detail", args=[series.code])).content.decode()
    assert "Review overdue" in page
    assert "5 January 2026" in page
    assert "No second reviewer" not in page
    other = make_patient(clinic.site)
    plan = client.get(reverse("series_plan", args=[other.code]))
    assert plan.status_code == 200
    assert ": review overdue" in plan.content.decode()
