"""Rules of the database, each broken by raw SQL as the app role; and what would happen without the rule."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import IntegrityError, ProgrammingError, connection, transaction

from sessions import services
from sessions.models import Infusion
from tests.sessions import world

pytestmark = pytest.mark.django_db
TABLE = "treatment_sessions_"


def run(sql, *values):
    """As the app role. SQLSTATE errors come up as IntegrityError; the savepoint keeps the test's data."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone()[0] == settings.DATABASE_APP_ROLE
        cursor.execute(sql, values)


@contextmanager
def without(rule):
    """The owner takes one rule away; everything is rolled back with the test."""
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # pending checks would forbid altering the table
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(rule)
        cursor.execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')
    yield


def constraint_of(error):
    return error.value.__cause__.diag.constraint_name


UPDATE = f"UPDATE {TABLE}"
# (name of the constraint, harmful SQL with the infusion's pk as %s)
CHECKS = [
    ("infusion_weight_in_range", UPDATE + "infusion SET weight_kg = 154000 / 100 WHERE id = %s"),
    ("infusion_weight_in_range", UPDATE + "infusion SET weight_kg = 'NaN' WHERE id = %s"),
    ("infusion_order_in_range", UPDATE + "infusion SET ordered_mg = 350 WHERE id = %s"),
    ("infusion_bag_in_range", UPDATE + "infusion SET bag_mg_per_ml = 0 WHERE id = %s"),
    ("infusion_status_fits_times", UPDATE + "infusion SET status = 'infusing' WHERE id = %s"),
    (
        "infusion_starts_with_weight_and_order",
        UPDATE + "infusion SET status = 'infusing', started_at = now(), weight_kg = 70, order_weight_kg = 70 "
        "WHERE id = %s",
    ),
    (
        "infusion_weight_fits_the_order",
        UPDATE
        + "infusion SET status = 'infusing', started_at = now(), weight_kg = 70, order_weight_kg = 60, "
        "ordered_mg = 35, ordered_by_id = opened_by_id WHERE id = %s",
    ),
    (
        "infusion_cosigner_is_another_person",
        UPDATE
        + "infusion SET ordered_by_id = opened_by_id, order_cosigned_by_id = opened_by_id WHERE id = %s",
    ),
]


@pytest.mark.parametrize(("name", "sql"), CHECKS, ids=[f"{i}-{c[0]}" for i, c in enumerate(CHECKS)])
def test_an_impossible_record_is_refused_by_the_database(clinic, name, sql):
    infusion = world.arrived(clinic)
    with pytest.raises(IntegrityError) as refused:
        run(sql, infusion.pk)
    assert constraint_of(refused) == name


@pytest.mark.parametrize(("name", "sql"), CHECKS, ids=[f"{i}-{c[0]}" for i, c in enumerate(CHECKS)])
def test_without_its_check_the_impossible_record_is_stored(clinic, name, sql):
    """Control: it is this rule, and no other, that refuses."""
    infusion = world.arrived(clinic)
    with without(f"ALTER TABLE {TABLE}infusion DROP CONSTRAINT {name}"):
        run(sql, infusion.pk)


def signed(clinic, clock):
    infusion, signature = world.signed(clinic, clock)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return infusion, signature


FORGERIES = [
    ("pumpevent", "observed_at = observed_at - interval '7 minutes'"),
    ("vitalsigns", "systolic = 120"),
    ("criterionresult", "outcome = 'met', detail = 'forged'"),
    ("preinfusioncheck", "note = 'forged'"),
    ("clearanceestimate", "t_pk = t_pk - interval '2 hours'"),
    ("signoff", "t_sign = t_sign - interval '1 hour'"),
    ("signoff", "record = '{}'"),
]


@pytest.mark.parametrize(("table", "change"), FORGERIES, ids=[f"{i}-{f[0]}" for i, f in enumerate(FORGERIES)])
def test_what_was_recorded_is_not_rewritten(clinic, clock, table, change):
    infusion, _ = signed(clinic, clock)
    with pytest.raises(IntegrityError) as refused:
        run(f"{UPDATE}{table} SET {change} WHERE infusion_id = %s", infusion.pk)
    assert constraint_of(refused) == "clinical_record_is_fixed"


@pytest.mark.parametrize("table", ["pumpevent", "clearanceestimate", "signoff"])
def test_without_the_trigger_history_is_rewritten(clinic, clock, table):
    """Control: with the trigger gone, the signed time moves and nobody would see it."""
    infusion, signature = signed(clinic, clock)
    change = next(item[1] for item in FORGERIES if item[0] == table)
    with without(f"DROP TRIGGER record_is_fixed ON {TABLE}{table}"):
        run(f"{UPDATE}{table} SET {change} WHERE infusion_id = %s", infusion.pk)
    if table == "signoff":
        before = signature.t_sign
        signature.refresh_from_db()
        assert signature.t_sign < before


def test_a_withdrawal_is_said_once_and_never_taken_back(clinic):
    world.consented(clinic)
    consent = clinic.patient.consents.get()
    services.withdraw_consent(consent=consent, by=clinic.nurse)
    with pytest.raises(IntegrityError) as refused:
        run(f"{UPDATE}consent SET withdrawn_at = NULL WHERE id = %s", consent.pk)
    assert constraint_of(refused) == "clinical_record_is_fixed"


def test_nothing_is_deleted(clinic, clock):
    infusion, _ = signed(clinic, clock)
    for table in ("pumpevent", "signoff", "infusion", "safetycontact"):
        with pytest.raises(ProgrammingError):
            run(f"DELETE FROM {TABLE}{table}")
    assert Infusion.objects.filter(pk=infusion.pk).exists()


def test_a_signed_record_keeps_its_text_and_takes_corrected_times(clinic, clock):
    infusion, _ = signed(clinic, clock)
    with pytest.raises(IntegrityError) as refused:
        run(f"{UPDATE}infusion SET weight_kg = 71 WHERE id = %s", infusion.pk)
    assert constraint_of(refused) == "signed_record_is_fixed"
    with pytest.raises(IntegrityError):
        run(f"{UPDATE}infusion SET status = 'recovering' WHERE id = %s", infusion.pk)
    run(f"{UPDATE}infusion SET stopped_at = stopped_at + interval '1 minute' WHERE id = %s", infusion.pk)


def test_without_its_trigger_a_signed_record_is_edited(clinic, clock):
    infusion, _ = signed(clinic, clock)
    with without(f"DROP TRIGGER signed_record_is_fixed ON {TABLE}infusion"):
        run(f"{UPDATE}infusion SET weight_kg = 71 WHERE id = %s", infusion.pk)
    infusion.refresh_from_db()
    assert infusion.weight_kg == 71


SIGN_NOW = f"{UPDATE}infusion SET status = 'signed-off' WHERE id = %s"


def test_signed_off_needs_a_signature(clinic, clock):
    infusion = world.given(clinic, clock)
    with pytest.raises(IntegrityError) as refused:
        run(f"{SIGN_NOW}; SET CONSTRAINTS ALL IMMEDIATE", infusion.pk)
    assert constraint_of(refused) == "signed_off_needs_a_signature"


def test_without_that_trigger_a_record_is_signed_by_nobody(clinic, clock):
    infusion = world.given(clinic, clock)
    with without(f"DROP TRIGGER signed_off_needs_a_signature ON {TABLE}infusion"):
        run(SIGN_NOW, infusion.pk)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    infusion.refresh_from_db()
    assert infusion.status == "signed-off"
    assert not infusion.sign_offs.exists()


EARLY_SIGNATURE = f"""
    INSERT INTO {TABLE}signoff (code, infusion_id, t_sign, signed_at, signed_by_id, signed_name, meaning, late_reason,
        unmet_reason, opens_window, no_window_reason, override_code, override_reason, record, record_sha256)
    SELECT gen_random_uuid(), id, stopped_at - interval '5 minutes', stopped_at, opened_by_id, 'x', 'x', '', '', true,
        '', '', '', '{{}}', '' FROM {TABLE}infusion WHERE id = %s
"""


def test_ready_to_leave_never_precedes_the_stop(clinic, clock):
    infusion = world.given(clinic, clock)
    with pytest.raises(IntegrityError) as refused:
        run(EARLY_SIGNATURE, infusion.pk)
    assert constraint_of(refused) == "sign_off_after_pump_stop"
    services.record_disposition(infusion=infusion, outcome="unseen", condition="Well", by=clinic.nurse)
    services.record_assessment(infusion=infusion, manner="phone", words="Well at home", by=clinic.clinician)
    with without(f"DROP TRIGGER sign_off_after_pump_stop ON {TABLE}signoff"):
        run(EARLY_SIGNATURE, infusion.pk)
    assert infusion.sign_offs.get().t_sign < infusion.stopped_at


PAIRS = [
    (
        "one_start_per_infusion",
        f"INSERT INTO {TABLE}pumpevent (code, infusion_id, kind, observed_at, entered_at, entered_by_id,"
        " rate_mg_per_min, reason, withdrawn_reason) SELECT gen_random_uuid(), id, 'start', started_at,"
        f" started_at, opened_by_id, 1, '', '' FROM {TABLE}infusion WHERE id = %s",
    ),
    (
        "one_current_estimate_per_infusion",
        f"INSERT INTO {TABLE}clearanceestimate (infusion_id, generation, model, threshold_ng_ml, inputs, provisional,"
        " withheld, aborted, never_above, t_pk, delivered_mg, warnings, computed_at) SELECT id, 99, 'otto2021', 20, '{}',"
        f" false, '', false, 0, started_at, 1, '[]', started_at FROM {TABLE}infusion WHERE id = %s",
    ),
]


@pytest.mark.parametrize(("name", "sql"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_there_is_one_of_each(clinic, clock, name, sql):
    infusion = world.given(clinic, clock)
    with pytest.raises(IntegrityError) as refused:
        run(sql, infusion.pk)
    assert constraint_of(refused) == name
    with without(f"DROP INDEX {name}"):
        run(sql, infusion.pk)


def test_one_open_record_per_patient(clinic):
    world.arrived(clinic)
    sql = (
        f"INSERT INTO {TABLE}infusion (code, patient_id, site_id, protocol_version_id, ordinal, status, chair,"
        " arrived_at, opened_by_id, planned_start, stated_delay_reason, not_given_reason,"
        " order_low_reason, order_short_reason, order_route, order_route_reason, version)"
        f" SELECT gen_random_uuid(), patient_id, site_id, protocol_version_id, 2, 'arrived', 'x', arrived_at,"
        f" opened_by_id, planned_start, '', '', '', '', '', '', 1 FROM {TABLE}infusion WHERE patient_id = %s LIMIT 1"
    )
    with pytest.raises(IntegrityError) as refused:
        run(sql, clinic.patient.pk)
    assert constraint_of(refused) == "one_infusion_in_progress_per_patient"
    with without("DROP INDEX one_infusion_in_progress_per_patient"):
        run(sql, clinic.patient.pk)
    assert clinic.patient.infusions.count() == 2


def test_a_second_person_is_another_person(clinic, clock):
    infusion = world.given(clinic, clock)
    services.record_disposition(infusion=infusion, outcome="unseen", condition="Well", by=clinic.nurse)
    services.record_assessment(infusion=infusion, manner="phone", words="Well at home", by=clinic.clinician)
    sql = (
        EARLY_SIGNATURE.replace("- interval '5 minutes'", "")
        .replace("signed_by_id, signed_name", "signed_by_id, second_person_id, signed_name")
        .replace("opened_by_id, 'x'", "opened_by_id, opened_by_id, 'x'")
    )
    with pytest.raises(IntegrityError) as refused:
        run(sql, infusion.pk)
    assert constraint_of(refused) == "second_person_is_another_person"
    unmet = EARLY_SIGNATURE.replace("- interval '5 minutes'", "").replace(
        "'x', 'x', '', '', true", "'x', 'x', '', 'lame', true"
    )
    with pytest.raises(IntegrityError) as refused:
        run(unmet, infusion.pk)
    assert constraint_of(refused) == "unmet_needs_second_person"
