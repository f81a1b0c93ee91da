"""No clearance time: an infiltrated line, facts that cannot be estimated. And measured levels, which outrank estimates."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from patients.models import Patient
from patients.services import record_contraindication
from sessions import services
from sessions.models import Infusion, MeasuredLevel, SignOff
from sessions.services import SigningTerms
from staff.clock import app_now
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StateConflict
from tests.sessions import world

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def infiltrate(clinic, infusion):
    return services.record_adverse_event(
        infusion=infusion, kind="infiltration", severity="mild", by=clinic.nurse
    )


def level(clinic, infusion, ng_ml, at=None):
    return services.record_measured_level(
        infusion=infusion, ketamine_ng_ml=Decimal(ng_ml), observed_at=at or app_now(), by=clinic.nurse
    )


def sign(clinic, infusion, **terms):
    return services.sign_off(infusion=infusion, by=clinic.clinician, terms=SigningTerms(**terms))


def test_an_infiltrated_line_withholds_the_time_and_asks_the_clinician(clinic, clock):
    infusion = world.given(clinic, clock)
    before = services.current_estimate(infusion)
    event = infiltrate(clinic, infusion)
    row = services.current_estimate(infusion)
    assert (row.withheld, row.t_pk, row.p50_at) == ("infiltrated", None, None)
    assert row.generation == before.generation + 1
    assert row.inputs["infiltrated"] is True
    assert services.therapy_time(infusion).at is None
    world.assessed(clinic, clock, infusion)
    with pytest.raises(RuleNotMet) as refused:
        sign(clinic, infusion)
    assert (refused.value.code, refused.value.field) == ("t0-not-estimated", "override_to")
    wanted = app_now() + 9 * HOUR
    sign(clinic, infusion, override_to=wanted, override_code="line_infiltrated")
    found = services.therapy_time(infusion)
    assert (found.at, found.basis, found.signed) == (wanted, "override", True)
    services.strike_adverse_event(event=event, reason="Other arm, not the line in use", by=clinic.nurse)
    assert services.current_estimate(infusion).t_pk == before.t_pk
    assert services.therapy_time(infusion).at == wanted, "later than the estimate: a delay stands"


def test_infiltration_found_after_signing_locks_therapy_until_a_time_is_stated(clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    infiltrate(clinic, infusion)
    assert services.therapy_time(infusion).at is None
    clock.advance(hours=30)
    with pytest.raises(RuleNotMet) as refused:
        services.start_integration(patient=clinic.patient, therapist=clinic.therapist)
    assert "must state it" in refused.value.message
    terms = SigningTerms(override_to=app_now(), override_code="line_infiltrated")
    services.amend_sign_off(infusion=infusion, by=clinic.clinician, reason="Line infiltrated", terms=terms)
    assert services.therapy_time(infusion).at == app_now()


def test_a_mistaken_infiltration_gives_the_estimate_back_with_its_row(clinic, clock):
    infusion = world.given(clinic, clock)
    before = services.current_estimate(infusion)
    event = infiltrate(clinic, infusion)
    with pytest.raises(InvalidInput):
        services.strike_adverse_event(event=event, reason=" ", by=clinic.nurse)
    services.strike_adverse_event(event=event, reason="Wrong patient", by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.strike_adverse_event(event=event, reason="Again", by=clinic.nurse)
    rows = list(infusion.clearance_estimates.order_by("generation"))
    assert [row.withheld for row in rows[-3:]] == ["", "infiltrated", ""]
    assert rows[-1].t_pk == before.t_pk
    assert [row.superseded_at is None for row in rows] == [False] * (len(rows) - 1) + [True]


def test_facts_outside_every_model_make_a_row_that_says_why(clinic, clock):
    """The log is kept, nothing is assumed: age 126 is in nobody's model."""
    Patient.objects.filter(pk=clinic.patient.pk).update(birth_date=date(1900, 1, 1))
    infusion = world.given(clinic, clock)
    row = services.current_estimate(infusion)
    assert (row.withheld, row.t_pk, row.never_above) == ("refused", None, None)
    assert row.inputs["refused"]["field"] == "age_years"
    assert row.delivered_mg == Decimal("35.00")
    assert row.warnings[0]["message"]


def test_a_level_at_the_threshold_takes_an_advance_back(clinic, clock):
    infusion = world.given(clinic, clock)
    ready = world.assessed(clinic, clock, infusion)
    low = level(clinic, infusion, "14.2")
    sign(
        clinic, infusion, override_to=ready + MINUTE, override_code="measured_level",
        second_person=clinic.second_clinician,
    )  # fmt: skip
    signature = services.current_sign_off(infusion)
    assert signature.override_level == low
    clock.advance(minutes=20)
    level(clinic, infusion, "19.9")
    assert services.therapy_time(infusion).basis == "override", "still below the threshold"
    clock.advance(minutes=20)
    level(clinic, infusion, "20")
    found = services.therapy_time(infusion)
    assert (found.basis, found.at) == ("drug", services.current_estimate(infusion).t_pk)
    signature.refresh_from_db()
    assert signature.override_voided_at == app_now()


def test_a_struck_level_takes_with_it_what_rested_on_it(clinic, clock):
    infusion = world.given(clinic, clock)
    ready = world.assessed(clinic, clock, infusion)
    low = level(clinic, infusion, "2.0")
    sign(
        clinic, infusion, override_to=ready, override_code="measured_level",
        second_person=clinic.second_clinician,
    )  # fmt: skip
    with pytest.raises(InvalidInput):
        services.strike_measured_level(level=low, reason="", by=clinic.nurse)
    services.strike_measured_level(level=low, reason="It was 20, not 2.0", by=clinic.nurse)
    assert services.therapy_time(infusion).basis == "drug"
    low.refresh_from_db()
    assert (low.ketamine_ng_ml, low.withdrawn_reason) == (Decimal("2.0"), "It was 20, not 2.0")
    with pytest.raises(StateConflict):
        services.strike_measured_level(level=low, reason="Again", by=clinic.nurse)
    assert MeasuredLevel.objects.count() == 1


def test_levels_before_the_pump_or_sent_twice(clinic, clock):
    infusion = world.given(clinic, clock)
    with pytest.raises(RuleNotMet) as early:
        level(clinic, infusion, "5", infusion.started_at - MINUTE)
    assert early.value.field == "observed_at"
    assert level(clinic, infusion, "60") == level(clinic, infusion, "60")


def test_a_delay_can_be_stated_before_signing_and_zero_needs_its_reason_too(clinic, clock):
    record_contraindication(patient=clinic.patient, kind="severe_hepatic_disease", by=clinic.clinician)
    infusion = world.given(clinic, clock)
    before = services.current_estimate(infusion)

    def state(hours, reason, by=clinic.clinician):
        return services.state_delay(infusion=infusion, hours=Decimal(hours), reason=reason, by=by)

    with pytest.raises(NotAllowed):
        state("2", "Cirrhosis", clinic.nurse)
    for hours, reason in (("0", " "), ("-1", "x"), ("72.5", "x"), ("NaN", "x")):
        with pytest.raises((InvalidInput, RuleNotMet)):
            state(hours, reason)
    state("2", "Cirrhosis")
    assert services.current_estimate(infusion).t_pk - before.t_pk == 2 * HOUR
    state("0", "Liver tests normal since May")
    row = services.current_estimate(infusion)
    assert (row.t_pk, row.generation) == (before.t_pk, before.generation + 2)
    assert "delay_not_stated" not in {item["code"] for item in row.warnings}
    world.assessed(clinic, clock, infusion)
    sign(clinic, infusion)
    with pytest.raises(StateConflict):
        state("3", "Later")


def copied(signature, **changes):
    """A signature row as raw SQL would forge it: the stored one with other values, superseding nothing."""
    fields = [f for f in SignOff._meta.concrete_fields if f.attname not in ("id", "code", "replaces_id")]
    names = ", ".join(f.column for f in fields)
    values = ", ".join(f"%({f.column})s" if f.column in changes else f.column for f in fields)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO treatment_sessions_signoff (code, {names}) SELECT gen_random_uuid(), {values} "
            "FROM treatment_sessions_signoff WHERE id = %(pk)s",
            {**changes, "pk": signature.pk},
        )


@pytest.mark.parametrize(
    ("at_median", "second", "rule"),
    [
        (-1, True, "advance_not_before_median_or_level"),
        (1, False, "advance_needs_a_second_person"),
        (1, True, ""),
    ],
)
def test_the_database_limits_an_earlier_time(clinic, clock, at_median, second, rule):
    infusion, signature = world.signed(clinic, clock)
    row = services.current_estimate(infusion)
    changes = {
        "override_to": row.p50_at + at_median * MINUTE,
        "override_code": "fast_recovery",
        "second_person_id": clinic.second_clinician.pk if second else None,
        "superseded_at": app_now(),
    }
    if not rule:
        copied(signature, **changes)  # control: within the limits it is stored
        return
    with pytest.raises(IntegrityError) as refused:
        copied(signature, **changes)
    assert refused.value.__cause__.diag.constraint_name == rule


def test_the_database_wants_a_stated_time_where_nothing_is_estimated(clinic, clock):
    infusion, signature = world.signed(clinic, clock)
    infiltrate(clinic, infusion)
    with pytest.raises(IntegrityError) as refused:
        copied(signature, superseded_at=app_now())
    assert refused.value.__cause__.diag.constraint_name == "no_estimate_needs_a_stated_time"
    assert Infusion.objects.get(pk=infusion.pk).sign_offs.count() == 1
