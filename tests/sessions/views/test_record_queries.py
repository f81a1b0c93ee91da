"""The record page asks the database twelve times at most, however much has happened at the chair."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sessions import services
from sessions.models import Infusion
from sessions.pages.timeline import events_log
from sessions.services.rows import read_together
from sessions.views.acting import record_context, reread
from staff.models import User
from tests import factories
from tests.sessions import world

pytestmark = pytest.mark.django_db
MOST = 12


def cost(clinic, infusion) -> int:
    """Queries of the view: the record, all that the page shows, and the forms with their choices."""
    client, user = Client(), User.objects.get(pk=clinic.nurse.pk)
    client.force_login(user)
    assert client.get(reverse("infusion_detail", args=[infusion.code])).status_code == 200
    request = RequestFactory().get("/")
    request.user = user
    assert user.may("infusion.record"), "the person's roles are known by now"
    with CaptureQueriesContext(connection) as seen:
        context = record_context(request, reread(infusion))
        for form in context["forms"].values():
            str(form)
    assert len(seen) <= MOST, "\n".join(query["sql"][:150] for query in seen.captured_queries)
    return len(seen)


def note_much(clinic, clock, infusion) -> None:
    """Several of everything that a nurse adds at the chair."""
    for number in range(4):
        clock.advance(minutes=8)
        services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
        services.save_note(
            infusion=infusion, text=f"Note {number}", kind="note", finish=True, by=clinic.nurse
        )
        services.record_adverse_event(
            infusion=infusion, kind="nausea", severity="mild", note="Brief", by=clinic.nurse
        )
        services.record_given_drug(
            infusion=infusion,
            drug="ondansetron",
            dose_mg=Decimal(4),
            ordered_by=clinic.clinician,
            by=clinic.nurse,
        )


def test_at_most_twelve_queries_and_no_more_with_more_rows(clinic, clock):
    infusion = world.ready(clinic)
    before = cost(clinic, infusion)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    assert cost(clinic, infusion) == before
    other = factories.make_patient(clinic.site)
    waits = world.weighed(
        clinic, world.arrived(clinic, patient=other, ordinal=4, course=uuid4(), chair="Chair 2")
    )
    assert services.points_before(waits), "a review that nobody has signed"
    cost(clinic, waits)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    running = cost(clinic, infusion)
    note_much(clinic, clock, infusion)
    assert cost(clinic, infusion) == running
    services.record_pump_event(infusion=infusion, kind="pause", by=clinic.nurse)
    assert cost(clinic, infusion) <= running
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    assert cost(clinic, infusion) <= running
    world.assessed(clinic, clock, reread(infusion))
    services.sign_off(infusion=infusion, by=clinic.clinician)
    assert cost(clinic, infusion) <= running


def test_rows_read_together_are_the_rows_that_are_stored(clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    note_much(clinic, clock, infusion)
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    world.assessed(clinic, clock, reread(infusion))
    services.sign_off(infusion=infusion, by=clinic.clinician)
    apart, together = reread(infusion), reread(infusion)
    read_together(together)
    assert events_log(apart) == events_log(together)
    for read in (services.therapy_time, services.current_disposition):
        assert read(apart) == read(together)
    one, other = (services.estimates.current_estimate(item) for item in (apart, together))
    assert {**vars(one), "_state": None} == {**vars(other), "_state": None}
    for model in ("pump_events", "vital_signs", "criteria"):
        stored = list(getattr(Infusion.objects.get(pk=infusion.pk), model).values())
        held = services.rows.rows(together, getattr(apart, model).model)
        names = stored[0].keys()
        assert [{name: getattr(row, name) for name in names} for row in held] == stored
