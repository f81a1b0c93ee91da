"""`check_schedule` is silent about a clinic in order, and names each harm once it is there, however it got there.

The harm is done by raw SQL, with the rule that would refuse it dropped by the owner inside the test's transaction.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from protocols import library
from scheduling.models import Appointment, Resource
from scheduling.schedule_checks import check_schedule
from scheduling.services import visits as visit_service
from scheduling.services.holds import sweep_expired
from scheduling.services.pauses import pause_series, watch_pauses
from scheduling.services.series import TherapyChoice
from tests import factories
from tests.scheduling.booking.helpers import book, choice, local, minutes, six, visits_of
from tests.scheduling.booking.steps import arrive, give, start

pytestmark = pytest.mark.django_db


def as_owner(*statements: str, **values) -> None:
    """Statements with the owner's rights, all waiting rules asked before."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("RESET ROLE")
        for statement in statements:
            cursor.execute(statement, values or None)
        cursor.execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')


def kinds(clinic) -> list[str]:
    return [item.kind for item in check_schedule(clinic.now)]


NO_RESOURCE_RULES = (
    "DROP TRIGGER appointment_resources_agree ON scheduling_appointment",
    "DROP TRIGGER booking_resources_agree ON scheduling_resourcebooking",
)


def test_a_clinic_in_order_has_no_findings(clinic, clock):
    session = TherapyChoice(1, "integration_1", local(clinic, 6, 15), str(clinic.therapist_lane.code))
    series = book(clinic, therapy=[session])
    rows = visits_of(series)
    give(clinic, rows[0], clock)
    visit_service.cancel_visit(appointment=rows[4], by=clinic.coordinator, reason="staff")
    other = book(
        clinic, patient=factories.make_patient(clinic.site), visits=six(clinic, first_day=12, hour=13)
    )
    start(clinic, visits_of(other)[0], clock)
    sweep_expired()
    assert check_schedule(clinic.now) == []


def test_two_bookings_of_one_chair(clinic):
    book(clinic)
    other = book(clinic, patient=factories.make_patient(clinic.site), visits=six(clinic, hour=13))
    earlier = "during = tstzrange(lower(during) - '3 hours'::interval, upper(during))"
    chair = visits_of(other)[0].resource_bookings.get(resource__kind="chair")
    as_owner(
        "ALTER TABLE scheduling_resourcebooking DROP CONSTRAINT one_booking_per_lane",
        f"UPDATE scheduling_resourcebooking SET {earlier} WHERE id = {chair.pk}",
    )
    assert kinds(clinic) == ["overlap"]


def test_a_lane_that_the_resource_no_longer_has(clinic):
    book(clinic)
    second = [
        choice(clinic, n.ordinal, n.start + minutes(15), chair=str(clinic.chairs[1].code))
        for n in six(clinic)
    ]
    book(clinic, patient=factories.make_patient(clinic.site), visits=second)
    Resource.objects.filter(pk=clinic.nurse_lane.pk).update(capacity=1)
    assert set(kinds(clinic)) == {"overlap"}


def test_one_patient_in_two_places(clinic):
    series = book(clinic)
    first, second = visits_of(series)[:2]
    as_owner(
        "ALTER TABLE scheduling_appointment DROP CONSTRAINT patient_is_in_one_place",
        "ALTER TABLE scheduling_patientspan DROP CONSTRAINT no_therapy_before_clearance",
        "DROP TRIGGER close_infusions_are_decided ON scheduling_appointment",
        *NO_RESOURCE_RULES,
        f"UPDATE scheduling_appointment SET during = (SELECT during FROM scheduling_appointment WHERE id = {first.pk}) "
        f"WHERE id = {second.pk}",
    )
    assert "overlap" in kinds(clinic)


def test_a_visit_without_its_chair(clinic):
    visit = visits_of(book(clinic))[0]
    as_owner(
        *NO_RESOURCE_RULES,
        f"DELETE FROM scheduling_resourcebooking b USING scheduling_resource r WHERE r.id = b.resource_id "
        f"AND r.kind = 'chair' AND b.appointment_id = {visit.pk}",
    )
    assert kinds(clinic) == ["orphan"]


def test_a_cancelled_visit_that_keeps_its_chair(clinic):
    visit = visits_of(book(clinic))[5]
    as_owner(
        *NO_RESOURCE_RULES, f"UPDATE scheduling_appointment SET status = 'omitted' WHERE id = {visit.pk}"
    )
    assert kinds(clinic) == ["orphan"] * 3


def test_a_gap_that_the_protocol_does_not_allow(clinic):
    visit = visits_of(book(clinic))[5]
    later = "during = tstzrange(lower(during) + '3 days'::interval, upper(during) + '3 days'::interval)"
    as_owner(
        *NO_RESOURCE_RULES,
        f"UPDATE scheduling_appointment SET {later} WHERE id = {visit.pk}",
        f"UPDATE scheduling_resourcebooking SET {later} WHERE appointment_id = {visit.pk}",
    )
    found = check_schedule(clinic.now)
    assert [item.kind for item in found] == ["gap"]
    assert "at most 96 h" in found[0].text


def test_therapy_in_a_no_therapy_period_and_in_the_quiet_time(clinic):
    session = TherapyChoice(1, "integration_1", local(clinic, 6, 15), str(clinic.therapist_lane.code))
    series = book(clinic, therapy=[session])
    row = series.appointments.get(kind="therapy")

    def put(at):
        as_owner(
            f"UPDATE scheduling_appointment SET during = tstzrange('{at.isoformat()}', "
            f"'{(at + minutes(50)).isoformat()}') WHERE id = {row.pk}",
        )

    as_owner(
        "ALTER TABLE scheduling_patientspan DROP CONSTRAINT no_therapy_before_clearance",
        *NO_RESOURCE_RULES,
        f"DELETE FROM scheduling_resourcebooking WHERE appointment_id = {row.pk}",
    )
    put(local(clinic, 5, 13))
    assert "therapy planned inside a no-therapy period" in [item.text for item in check_schedule(clinic.now)]
    put(local(clinic, 9, 8))
    assert "therapy planned in the quiet time before an infusion" in [
        item.text for item in check_schedule(clinic.now)
    ]


def test_therapy_by_somebody_whose_licence_ended(clinic):
    session = TherapyChoice(1, "integration_1", local(clinic, 6, 15), str(clinic.therapist_lane.code))
    book(clinic, therapy=[session])
    clinic.therapist.licences.update(valid_during=("2024-01-01", "2026-03-06"))
    found = check_schedule(clinic.now)
    assert [(item.kind, item.text) for item in found] == [
        ("unlicensed", "therapist without a licence for US-OR on 2026-03-06")
    ]


def test_a_prescriber_without_a_licence(clinic):
    book(clinic)
    clinic.clinician.licences.update(jurisdiction="US-WA")
    assert kinds(clinic) == ["unlicensed"] * 6


def test_a_visit_that_says_something_else_than_its_record(clinic, clock):
    visit = visits_of(book(clinic))[0]
    arrive(clinic, visit, clock)
    Appointment.objects.filter(pk=visit.pk).update(status="infusing")
    assert kinds(clinic) == ["mismatch"]
    Appointment.objects.filter(pk=visit.pk).update(status="arrived", infusion=None)
    assert kinds(clinic) == ["mismatch", "mismatch"]


def test_an_infusion_that_nobody_has(clinic):
    series = book(clinic)
    visit_service.cancel_visit(appointment=visits_of(series)[2], by=clinic.coordinator, reason="staff")
    assert kinds(clinic) == []
    series.patient.work_items.update(resolved_at=clinic.now, resolution="Forgotten")
    assert kinds(clinic) == ["lost"]


def test_a_hold_that_was_never_given_back(clinic, clock):
    book(clinic, hold_minutes=10)
    clock.advance(minutes=30)
    assert kinds(clinic) == []
    clock.advance(minutes=60)
    assert set(kinds(clinic)) == {"hold"}


def test_a_pause_that_nobody_looks_at(clinic, clock):
    series = book(clinic)
    pause_series(
        series=series, reason="patient-asked", review_on=local(clinic, 9).date(), by=clinic.clinician
    )
    clock.set(local(clinic, 10, 12))
    sweep_expired()
    assert kinds(clinic) == [], "one day of grace"
    clock.set(local(clinic, 11, 12))
    assert "pause" in kinds(clinic)
    watch_pauses()
    assert "pause" not in kinds(clinic), "it is on its owner's list now"


def test_infusions_too_close_together_without_a_reason(clinic):
    """As rows stand that were written before the rule was there."""
    phase = replace(library.SIX_IN_THREE_WEEKS.phases[0], visits=3, gap_min_hours=24, gap_target_hours=24)
    version = factories.make_version(
        "dense", author=clinic.admin, definition=replace(library.SIX_IN_THREE_WEEKS, phases=(phase,))
    )
    two = [choice(clinic, n, local(clinic, day)) for n, day in ((1, 5), (2, 6), (3, 9))]
    book(clinic, protocol_version=version, visits=two, by=clinic.clinician, close_reason="Agreed.")
    assert kinds(clinic) == []
    as_owner(
        "ALTER TABLE scheduling_spacingdecision DISABLE TRIGGER spacing_decision_is_fixed",
        "DELETE FROM scheduling_spacingdecision",
    )
    assert kinds(clinic) == ["close"]


def test_the_command_says_so_and_ends_with_1(clinic, capsys):
    book(clinic)
    call_command("check_schedule")
    assert capsys.readouterr().out == "0 findings.\n"
    clinic.clinician.licences.update(jurisdiction="US-WA")
    with pytest.raises(SystemExit) as ended:
        call_command("check_schedule", "--json")
    assert ended.value.code == 1
    lines = json.loads(capsys.readouterr().out)
    assert {item["kind"] for item in lines} == {"unlicensed"}
    assert clinic.patient.family_name not in json.dumps(lines)
