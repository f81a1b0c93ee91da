"""What PostgreSQL itself refuses about patients, as the app role; each with a control that drops the rule."""

import pytest
from django.db import IntegrityError, connection, transaction

from patients import services
from tests.factories import make_contact, make_patient


def run(sql, params):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


def as_owner(sql):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role = cursor.fetchone()[0]
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("RESET ROLE")
        cursor.execute(sql)
        cursor.execute(f'SET ROLE "{role}"')


def drop(name, table):
    """Take the rule away, whether it is a constraint or a unique index."""
    as_owner(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}; DROP INDEX IF EXISTS {name}")


PATIENT, POINT = "patients_patient", "patients_contactpoint"
CONTRA, EXPOSURE = "patients_contraindication", "patients_priorexposure"
RULES = [
    (
        "patient_mrn_unique_at_site",
        PATIENT,
        "mrn = lower((SELECT mrn FROM patients_patient WHERE id = %(other)s))",
    ),
    ("patient_status_known", PATIENT, "status = 'gone'"),
    ("patient_sex_known", PATIENT, "sex = 'X'"),
    ("patient_height_in_range", PATIENT, "height_cm = 99.9"),
    ("patient_height_in_range", PATIENT, "height_cm = 'NaN'"),
    ("patient_birth_date_in_range", PATIENT, "birth_date = '1899-12-31'"),
    ("patient_is_identified", PATIENT, "mrn = ''"),
    ("patient_is_identified", PATIENT, "family_name = ''"),
    ("contact_address_once", POINT, "channel = 'email', address_index = %(index)s"),
    ("one_preferred_contact_per_patient", POINT, "preferred = true"),
    ("contact_channel_known", POINT, "channel = 'fax'"),
    ("contraindication_open_once", CONTRA, "resolved_at = NULL"),
    ("contraindication_severity_known", CONTRA, "severity = 'fatal'"),
    ("exposure_count_in_range", EXPOSURE, "count = 0"),
    ("exposure_count_in_range", EXPOSURE, "count = 2001"),
    ("exposure_dates_in_order", EXPOSURE, "first_on = '2025-02-02', last_on = '2025-02-01'"),
]


@pytest.fixture
def rows(clinic):
    """One row of each table that a statement changes, and what it would then collide with."""
    patient, other = make_patient(clinic.site), make_patient(clinic.site)
    first = make_contact(patient, "a@mail.example")
    second = make_contact(patient, "+15035550142", channel="sms", preferred=False)
    closed = services.record_contraindication(patient=patient, kind="mania", by=clinic.nurse)
    services.resolve_contraindication(contraindication=closed, reason="Never confirmed", by=clinic.nurse)
    services.record_contraindication(patient=patient, kind="mania", by=clinic.nurse)
    exposure = services.record_prior_exposure(
        patient=patient, route="iv", count=1, source="Letter", by=clinic.nurse
    )
    return {
        PATIENT: patient.pk,
        POINT: second.pk,
        CONTRA: closed.pk,
        EXPOSURE: exposure.pk,
        "params": {"other": other.pk, "index": first.address_index},
    }


@pytest.mark.parametrize(("name", "table", "change"), RULES)
def test_the_database_refuses_it_and_without_the_rule_it_would_happen(rows, name, table, change):
    sql = f"UPDATE {table} SET {change} WHERE id = %(row)s"
    params = rows["params"] | {"row": rows[table]}
    with pytest.raises(IntegrityError) as refused:
        run(sql, params)
    assert refused.value.__cause__.diag.constraint_name == name
    drop(name, table)
    assert run(sql, params) == 1


@pytest.mark.parametrize("table", [PATIENT, POINT, CONTRA, EXPOSURE])
def test_nothing_of_a_patient_can_be_deleted_and_no_history_rewritten(rows, table):
    for sql in (
        f"DELETE FROM {table} WHERE id = %s",
        f"DELETE FROM {table}event WHERE pgh_obj_id = %s",
        f"UPDATE {table}event SET pgh_label = 'x' WHERE pgh_obj_id = %s",
    ):
        with pytest.raises(Exception, match="permission denied"):
            run(sql, [rows[table]])


def test_an_address_moved_to_another_column_does_not_open(rows):
    """The ciphertext is bound to its column: copied elsewhere it is refused, not shown."""
    from staff.fields import decrypt

    with connection.cursor() as cursor:
        cursor.execute("SELECT address FROM patients_contactpoint WHERE id = %s", [rows[POINT]])
        stored = cursor.fetchone()[0]
    assert decrypt(stored, context="patients_contactpoint.address") == "+15035550142"
    with pytest.raises(ValueError, match="does not belong here"):
        decrypt(stored, context="patients_patient.mrn")
