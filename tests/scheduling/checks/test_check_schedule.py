"""`check_schedule` is silent on a sound schedule and names each fault that is planted behind the database's back."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from scheduling.models import Appointment
from scheduling.schedule_checks import find_all
from scheduling.services.series import TherapyChoice
from scheduling.services.visits import check_in
from staff.models import Licence
from tests.scheduling.booking.helpers import book, local, visits_of

pytestmark = pytest.mark.django_db


def as_owner(*statements):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role = cursor.fetchone()[0]
        cursor.execute("RESET ROLE")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(f'SET ROLE "{role}"')


def kinds(now):
    return {finding.kind for finding in find_all(now)}


def report(*arguments):
    """What the command printed, and its exit status."""
    out = StringIO()
    try:
        call_command("check_schedule", *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


def test_a_booked_series_has_no_findings(clinic):
    book(clinic)
    assert report() == ("0 findings\n", 0)


def test_a_visit_without_resources_is_an_orphan(clinic):
    visit = visits_of(book(clinic))[0]
    as_owner(
        "ALTER TABLE scheduling_resourcebooking DISABLE TRIGGER USER",
        f"DELETE FROM scheduling_resourcebooking WHERE appointment_id = {visit.pk}",
    )
    text, status = report("--json")
    assert status == 1
    assert {(row["kind"], row["code"]) for row in map(json.loads, text.splitlines())} == {
        ("orphan", str(visit.code))
    }


def test_two_patients_in_one_chair_and_one_patient_in_two_places(clinic):
    first, second = visits_of(book(clinic))[:2]
    as_owner(
        "ALTER TABLE scheduling_resourcebooking DROP CONSTRAINT one_booking_per_lane",
        "ALTER TABLE scheduling_appointment DROP CONSTRAINT patient_is_in_one_place",
        "ALTER TABLE scheduling_patientspan DROP CONSTRAINT no_therapy_before_clearance",
        "ALTER TABLE scheduling_resourcebooking DISABLE TRIGGER USER",
        "ALTER TABLE scheduling_appointment DISABLE TRIGGER USER",
        f"UPDATE scheduling_appointment SET during = (SELECT during FROM scheduling_appointment WHERE id = {first.pk})"
        f" WHERE id = {second.pk}",
        "UPDATE scheduling_resourcebooking b SET during = x.during FROM scheduling_resourcebooking x"
        f" WHERE b.appointment_id = {second.pk} AND x.appointment_id = {first.pk} AND x.resource_id = b.resource_id",
    )
    assert {"resource-overlap", "patient-overlap", "gap"} <= kinds(clinic.now)


def test_a_gap_outside_the_protocol(clinic):
    second = visits_of(book(clinic))[1]
    as_owner(
        "ALTER TABLE scheduling_appointment DISABLE TRIGGER USER",
        "ALTER TABLE scheduling_resourcebooking DISABLE TRIGGER USER",
        "UPDATE scheduling_appointment SET during = tstzrange(lower(during) - interval '60 hours',"
        f" upper(during) - interval '60 hours') WHERE id = {second.pk}",
    )
    assert "gap" in kinds(clinic.now)


def test_a_state_that_does_not_follow_its_infusion(clinic, clock):
    visit = visits_of(book(clinic))[0]
    clock.set(visit.during.lower)
    check_in(appointment=visit, by=clinic.nurse)
    assert kinds(clinic.now) == set()
    Appointment.objects.filter(pk=visit.pk).update(status=Appointment.Status.INFUSING)
    assert kinds(clinic.now) == {"state-mismatch"}


def test_therapy_by_somebody_whose_licence_ended(clinic):
    session = TherapyChoice(1, "integration_1", local(clinic, 6, 15), str(clinic.therapist_lane.code))
    book(clinic, therapy=[session])
    assert kinds(clinic.now) == set()
    Licence.objects.filter(user=clinic.therapist).update(jurisdiction="US-WA")
    assert kinds(clinic.now) == {"unlicensed"}
