"""Rules about clock, environment and rights live in PostgreSQL: broken here on purpose with raw SQL as the app role."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction

from staff.clock import app_now, environment, move_clock_by, set_clock
from staff.errors import NotAllowed
from staff.models import Licence
from staff.services import mark_database
from tests.factories import make_user


def run(sql, *params):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)


def as_owner(sql):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role = cursor.fetchone()[0]
        cursor.execute("RESET ROLE")
        try:
            cursor.execute(sql)
        finally:
            cursor.execute(f'SET ROLE "{role}"')


@pytest.fixture
def production(db):
    as_owner("UPDATE staff_databaseenvironment SET kind = 'production'")


def test_clock_moves_in_a_test_database(clock):
    before = app_now()
    assert move_clock_by(timedelta(minutes=5)) >= before


def test_clock_of_a_real_clinic_is_refused_by_service_and_by_raw_sql(production):
    with pytest.raises(NotAllowed):
        set_clock(app_now() + timedelta(hours=1))
    with pytest.raises(IntegrityError, match="may not be moved"):
        run("UPDATE staff_clockoffset SET offset_by = interval '1 hour'")
    with pytest.raises(IntegrityError, match="may not be moved"):
        run("UPDATE staff_clockoffset SET frozen_at = now()")


def test_control_without_the_trigger_the_clock_would_move(production):
    as_owner("DROP TRIGGER clock_moves_only_in_demo_or_test ON staff_clockoffset")
    before = app_now()
    run("UPDATE staff_clockoffset SET offset_by = interval '1 hour'")
    assert app_now() - before > timedelta(minutes=59)


def test_start_up_check_refuses_a_moved_clock(production):
    assert run_checks(databases=["default"], tags=["database"]) == []
    as_owner("DROP TRIGGER clock_moves_only_in_demo_or_test ON staff_clockoffset")
    run("UPDATE staff_clockoffset SET offset_by = interval '1 hour'")
    assert "staff.E001" in {found.id for found in run_checks(databases=["default"], tags=["database"])}


def test_app_role_cannot_say_what_the_database_is_for(db):
    with pytest.raises(ProgrammingError), transaction.atomic():
        mark_database("demo")
    assert environment() == "test"


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE staff_user CASCADE",
        "ALTER TABLE treatment_sessions_pumpevent DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP TABLE scheduling_patientspan",
        "DELETE FROM patients_patient",
        "DELETE FROM treatment_sessions_infusion",
        "DELETE FROM scheduling_message",
        "UPDATE patients_patientevent SET given_name = 'x'",
        "DELETE FROM patients_patientevent",
        "INSERT INTO scheduling_patientspan (patient_id, kind, during, source)"
        " VALUES (1, 'therapy', '[2026-01-01,2026-01-02)', 'x')",
        "DELETE FROM scheduling_patientspan",
        "SELECT put_span('x', 1, 'therapy', NULL)",
    ],
)
def test_app_role_may_not(db, statement):
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"):
        run(statement)


def test_every_clinical_change_is_written_to_history(clinic):
    """Also by .update() and raw SQL, which model signals would miss."""
    history = apps.get_model("patients", "PatientEvent")
    start = history.objects.filter(pgh_obj=clinic.patient).count()
    type(clinic.patient).objects.filter(pk=clinic.patient.pk).update(given_name="Robin")
    run("UPDATE patients_patient SET given_name = 'Casey' WHERE id = %s", clinic.patient.pk)
    assert history.objects.filter(pgh_obj=clinic.patient).count() == start + 2


def test_licence_periods_of_one_kind_do_not_overlap(clinic):
    with pytest.raises(IntegrityError, match="licence_one_at_a_time"), transaction.atomic():
        Licence.objects.create(
            user=clinic.therapist,
            profession="therapist",
            jurisdiction="US-OR",
            number="second",
            valid_during=(date(2026, 1, 1), None),
        )


def test_licence_covers_its_first_day_and_not_its_end(clinic):
    licence = Licence(jurisdiction="US-OR")
    from psycopg2.extras import DateRange

    licence.valid_during = DateRange(date(2026, 3, 1), date(2026, 3, 31))
    assert licence.covers("US-OR", date(2026, 3, 1))
    assert not licence.covers("US-OR", date(2026, 3, 31))
    assert not licence.covers("US-WA", date(2026, 3, 1))


def test_email_is_unique_ignoring_case(clinic):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user(email=clinic.nurse.email.upper())
