"""What PostgreSQL itself refuses about patients, as the app role; each with a control that drops the rule."""

import base64
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, connection, transaction

from patients import services
from patients.models import UNREADABLE_ADDRESS, ContactPoint
from staff import fields
from tests.factories import make_contact, make_patient
from tests.raw import as_owner


def run(sql, params):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount


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
    ("contact_whose_known", POINT, "whose = 'nobody'"),
    ("escort_is_named_and_agreed_to", POINT, "whose = 'escort', person_name = 'Sam'"),
    ("contact_address_is_sealed_to_its_row", POINT, "address = substr(address, 4)"),
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


def test_an_address_opens_in_its_own_row_only(rows):
    """The ciphertext is bound to column, row and patient: copied elsewhere it is refused, not shown (hazard H8)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT address, code, patient_id FROM patients_contactpoint WHERE id = %s", [rows[POINT]]
        )
        stored, code, patient = cursor.fetchone()
    place = "patients_contactpoint.address"
    assert fields.open_sealed(stored, place=place, row=f"{code}:{patient}") == "+15035550142"
    for other, row in (
        (place, f"{code}:{rows['params']['other']}"),
        ("patients_patient.mrn", f"{code}:{patient}"),
    ):
        with pytest.raises(fields.Unreadable):
            fields.open_sealed(stored, place=other, row=row)


def test_only_saving_the_row_writes_an_address(rows):
    points = ContactPoint.objects.filter(pk=rows[POINT])
    for write in (lambda: points.update(address="+15035550199"), lambda: points.filter(address="x").exists()):
        with pytest.raises(TypeError, match="by saving its row"), transaction.atomic():
            write()
    point = points.get()
    point.address = "+15035550199"
    point.save(update_fields=["address"])
    assert points.get().address == "+15035550199"
    assert points.only("preferred").get().address == "+15035550199", "loaded when it is asked for"


def test_old_addresses_are_readable_before_the_migration_and_sealed_by_it(rows):
    """One row from before is whole, one was copied here by hand: that one never opens again. Twice is harmless."""
    migration = import_module("patients.migrations.0005_addresses_are_sealed_to_their_row")
    as_owner(migration.NO_RULE)
    place = migration.PLACE
    whole = ContactPoint.objects.get(pk=rows[POINT])
    copied = ContactPoint.objects.get(patient=whole.patient, channel="email")
    for point, plain in ((whole, whole.address), (copied, "stranger@mail.example")):
        run(
            f"UPDATE {POINT} SET address = %s WHERE id = %s", [fields.encrypt(plain, context=place), point.pk]
        )
    assert ContactPoint.objects.get(pk=whole.pk).address == "+15035550142"
    editor = SimpleNamespace(connection=connection)
    for _ in range(2):
        migration.seal_all(None, editor)
    as_owner(migration.RULE)
    assert ContactPoint.objects.get(pk=whole.pk).address == "+15035550142"
    assert ContactPoint.objects.get(pk=copied.pk).shown_address == UNREADABLE_ADDRESS


def test_without_its_keys_the_migration_stops(rows, settings):
    migration = import_module("patients.migrations.0005_addresses_are_sealed_to_their_row")
    stored = fields.encrypt("a@mail.example", context=migration.PLACE)
    settings.FIELD_KEY = base64.urlsafe_b64encode(bytes(32)).decode()
    with pytest.raises(fields.KeyMissing):
        migration.sealed(stored, "row", "index")
