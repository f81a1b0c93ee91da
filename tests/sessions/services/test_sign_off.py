"""The signature: what it needs, what it fixes, what a corrected log does to it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from patients.services import record_contraindication
from sessions import services
from sessions.models import Infusion, SignOff
from sessions.services import SigningTerms
from sessions.services.snapshot import digest
from staff.clock import app_now
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StateConflict
from tests.sessions import world

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def sign(clinic, infusion, **terms):
    return services.sign_off(infusion=infusion, by=clinic.clinician, terms=SigningTerms(**terms))


def refused(clinic, infusion, **terms):
    with pytest.raises((RuleNotMet, InvalidInput, NotAllowed)) as caught:
        sign(clinic, infusion, **terms)
    infusion.refresh_from_db()
    assert infusion.status == Infusion.Status.RECOVERING
    assert not infusion.sign_offs.exists()
    return caught.value


def test_a_missing_criterion_always_blocks_even_with_a_second_person(clinic, clock):
    infusion = world.given(clinic, clock)
    clock.advance(minutes=90)
    error = refused(clinic, infusion, unmet_reason="Busy", second_person=clinic.nurse)
    assert (error.code, error.field) == ("criteria-missing", "criteria")


def test_an_unmet_criterion_needs_a_reason_and_a_second_named_person(clinic, clock):
    infusion = world.given(clinic, clock)
    world.assessed(clinic, clock, infusion, gait="unmet", nausea="not-assessable")
    assert refused(clinic, infusion).field == "unmet_reason"
    assert refused(clinic, infusion, unmet_reason="Wheelchair user").field == "second_person"
    same = refused(clinic, infusion, unmet_reason="Wheelchair user", second_person=clinic.clinician)
    assert (same.code, same.field) == ("same-person", "second_person")
    stranger = refused(clinic, infusion, unmet_reason="Wheelchair user", second_person=clinic.therapist)
    assert stranger.field == "second_person"
    signature = sign(clinic, infusion, unmet_reason="Wheelchair user", second_person=clinic.nurse)
    assert (signature.unmet_reason, signature.second_person) == ("Wheelchair user", clinic.nurse)


def test_a_nurse_does_not_sign(clinic, clock):
    infusion = world.given(clinic, clock)
    world.assessed(clinic, clock, infusion)
    with pytest.raises(NotAllowed):
        services.sign_off(infusion=infusion, by=clinic.nurse)


def test_nothing_is_signed_while_the_pump_runs(clinic):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.sign_off(infusion=infusion, by=clinic.clinician)


def test_ready_to_leave_is_the_last_observation_not_the_signing(clinic, clock):
    infusion = world.given(clinic, clock)
    seen = world.assessed(clinic, clock, infusion)
    clock.advance(minutes=29)
    signature = sign(clinic, infusion)
    assert (signature.t_sign, signature.signed_at) == (seen, seen + 29 * MINUTE)
    assert signature.late_reason == ""


def test_more_than_thirty_minutes_late_asks_why(clinic, clock):
    infusion = world.given(clinic, clock)
    seen = world.assessed(clinic, clock, infusion)
    clock.advance(minutes=31)
    error = refused(clinic, infusion)
    assert (error.code, error.field) == ("late-reason", "late_reason")
    signature = sign(clinic, infusion, late_reason="Emergency in chair 2")
    assert signature.t_sign == seen


def test_a_later_reading_moves_ready_to_leave(clinic, clock):
    infusion = world.given(clinic, clock)
    world.assessed(clinic, clock, infusion)
    clock.advance(minutes=10)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    assert sign(clinic, infusion).t_sign == app_now()


def test_a_short_infusion_asks_whether_a_window_opens(clinic, clock):
    infusion = world.given(clinic, clock, minutes=4)  # 3.5 mg
    clock.set(infusion.stopped_at + 61 * MINUTE)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    for code in services.recordable_criteria(infusion):
        services.record_criterion(infusion=infusion, criterion=code, outcome="met", by=clinic.nurse)
    assert services.current_estimate(infusion).aborted
    assert refused(clinic, infusion).field == "opens_window"
    assert refused(clinic, infusion, opens_window=False).field == "no_window_reason"
    signature = sign(clinic, infusion, opens_window=False, no_window_reason="3.5 mg only")
    found = services.therapy_time(infusion)
    assert not signature.opens_window
    assert (found.at, found.basis) == (signature.t_sign, "ready")


def test_liver_disease_asks_for_a_stated_delay_and_moves_the_estimate_by_it(clinic, clock):
    record_contraindication(patient=clinic.patient, kind="severe_hepatic_disease", by=clinic.clinician)
    infusion = world.given(clinic, clock)
    world.assessed(clinic, clock, infusion)
    before = services.current_estimate(infusion)
    assert "delay_not_stated" in {item["code"] for item in before.warnings}
    assert refused(clinic, infusion).field == "stated_delay_hours"
    assert refused(clinic, infusion, stated_delay_hours=Decimal(2)).field == "stated_delay_reason"
    assert refused(clinic, infusion, stated_delay_hours=Decimal(73), stated_delay_reason="x").code == "range"
    sign(clinic, infusion, stated_delay_hours=Decimal("2.5"), stated_delay_reason="Cirrhosis")
    after = services.current_estimate(infusion)
    assert after.t_pk - before.t_pk == timedelta(hours=2.5)
    assert services.therapy_time(infusion).at == after.t_pk


def test_a_later_therapy_time_needs_only_a_coded_reason(clinic, clock):
    infusion = world.given(clinic, clock)
    world.assessed(clinic, clock, infusion)
    wanted = services.current_estimate(infusion).t_pk + timedelta(hours=3)
    assert refused(clinic, infusion, override_to=wanted, override_code="nonsense").field == "override_code"
    sign(clinic, infusion, override_to=wanted, override_code="clinical_judgement")
    found = services.therapy_time(infusion)
    assert (found.at, found.basis, found.signed) == (wanted, "override", True)


def test_an_earlier_therapy_time_needs_a_second_prescriber_and_the_median(clinic, clock):
    infusion = world.given(clinic, clock)
    ready = world.assessed(clinic, clock, infusion)
    estimate = services.current_estimate(infusion)
    early = {"override_to": estimate.p50_at + MINUTE, "override_code": "fast_recovery"}
    assert refused(clinic, infusion, **early).field == "second_person"
    assert refused(clinic, infusion, **early, second_person=clinic.nurse).field == "second_person"
    too_early = {**early, "override_to": estimate.p50_at - MINUTE, "second_person": clinic.second_clinician}
    assert refused(clinic, infusion, **too_early).field == "override_to"
    before_ready = {**too_early, "override_to": ready - MINUTE}
    assert refused(clinic, infusion, **before_ready).code == "t0-before-sign"
    sign(clinic, infusion, **early, second_person=clinic.second_clinician)
    assert services.therapy_time(infusion).at == estimate.p50_at + MINUTE


def test_a_measured_level_below_the_threshold_allows_the_time_of_leaving(clinic, clock):
    infusion = world.given(clinic, clock)
    ready = world.assessed(clinic, clock, infusion)
    early = {
        "override_to": ready,
        "override_code": "measured_level",
        "second_person": clinic.second_clinician,
    }
    assert refused(clinic, infusion, **early).code == "t0-level-missing"
    services.record_measured_level(
        infusion=infusion, ketamine_ng_ml=Decimal("14.2"), observed_at=ready, by=clinic.nurse
    )
    sign(clinic, infusion, **early)
    assert services.therapy_time(infusion).at == ready


def test_a_corrected_log_voids_an_advance_and_keeps_the_signature(clinic, clock):
    infusion = world.given(clinic, clock, minutes=60)
    world.assessed(clinic, clock, infusion)
    estimate = services.current_estimate(infusion)
    signature = sign(
        clinic, infusion, override_to=estimate.p50_at + MINUTE, override_code="fast_recovery",
        second_person=clinic.second_clinician,
    )  # fmt: skip
    start = infusion.pump_events.live().get(kind="start")
    services.amend_pump_event(
        event=start, observed_at=start.observed_at + 7 * MINUTE, reason="Clock", by=clinic.nurse
    )
    signature.refresh_from_db()
    assert signature.override_voided_at == app_now()
    assert signature.superseded_at is None
    found = services.therapy_time(infusion)
    assert (found.at, found.basis) == (estimate.t_pk + 7 * MINUTE, "drug")
    assert Infusion.objects.get(pk=infusion.pk).status == Infusion.Status.SIGNED_OFF


def test_a_corrected_log_keeps_a_delay(clinic, clock):
    infusion = world.given(clinic, clock, minutes=60)
    world.assessed(clinic, clock, infusion)
    wanted = services.current_estimate(infusion).t_pk + timedelta(hours=3)
    signature = sign(clinic, infusion, override_to=wanted, override_code="clinical_judgement")
    start = infusion.pump_events.live().get(kind="start")
    services.amend_pump_event(
        event=start, observed_at=start.observed_at + 7 * MINUTE, reason="Clock", by=clinic.nurse
    )
    signature.refresh_from_db()
    assert signature.override_voided_at is None
    assert services.therapy_time(infusion).at == wanted


def test_a_signed_record_takes_no_more_checks_criteria_or_strikes(clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    stop = infusion.pump_events.live().get(kind="stop")
    with pytest.raises(StateConflict):
        services.record_criterion(infusion=infusion, criterion="gait", outcome="met", by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.record_check(infusion=infusion, kind="fasting", outcome="passed", by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.strike_pump_event(event=stop, reason="x", by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    with pytest.raises(RuleNotMet):
        services.record_vitals(
            infusion=infusion, observed_at=infusion.stopped_at, by=clinic.nurse, **world.NORMAL
        )


def test_facts_after_the_signature_are_still_stored(clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    clock.advance(minutes=5)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    services.record_adverse_event(infusion=infusion, kind="nausea", severity="mild", by=clinic.nurse)
    services.record_measured_level(
        infusion=infusion, ketamine_ng_ml=Decimal(12), observed_at=app_now(), by=clinic.nurse
    )
    assert infusion.vital_signs.count() == 3


def test_signing_again_names_the_old_signature_and_leaves_it_readable(clinic, clock):
    infusion, first = world.signed(clinic, clock)
    clock.advance(minutes=20)
    with pytest.raises(InvalidInput):
        services.amend_sign_off(infusion=infusion, by=clinic.clinician, reason=" ")
    second = services.amend_sign_off(infusion=infusion, by=clinic.clinician, reason="Stop time corrected")
    first.refresh_from_db()
    assert second.replaces == first
    assert first.superseded_at == app_now()
    assert first.record_sha256 == digest(first.record)
    assert second.t_sign == first.t_sign
    assert "Stop time corrected" in second.meaning
    assert services.current_sign_off(infusion) == second


def test_vitals_of_the_stop_do_not_count_for_leaving(clinic, clock):
    infusion = world.given(clinic, clock)
    clock.advance(minutes=5)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    for code in services.recordable_criteria(infusion):
        if code != "vitals":
            services.record_criterion(infusion=infusion, criterion=code, outcome="met", by=clinic.nurse)
    clock.set(infusion.started_at + 121 * MINUTE)
    assert refused(clinic, infusion).code == "criteria-missing"
    at = infusion.started_at + 90 * MINUTE
    services.record_vitals(infusion=infusion, by=clinic.nurse, observed_at=at, **world.NORMAL)
    clock.advance(minutes=25)
    sign(clinic, infusion)


def test_signing_again_drops_nothing_that_keeps_therapy_away(clinic, clock):
    """A later therapy time, and that no window opens, stand until the new signature states something else."""
    infusion = world.given(clinic, clock)
    world.assessed(clinic, clock, infusion)
    found = services.current_estimate(infusion).t_pk
    later = found + timedelta(hours=3)
    sign(clinic, infusion, override_to=later, override_code="sedative_given", override_reason="Midazolam")
    values = {"infusion": infusion, "by": clinic.clinician}
    again = services.amend_sign_off(**values, reason="Stop time corrected")
    assert (again.override_to, again.override_reason) == (later, "Midazolam")
    none = SigningTerms(opens_window=False, no_window_reason="Left the country")
    services.amend_sign_off(**values, reason="Moved away", terms=none)
    kept = services.amend_sign_off(**values, reason="A typing error", terms=SigningTerms())
    assert (kept.opens_window, kept.no_window_reason) == (False, "Left the country")
    assert services.therapy_time(Infusion.objects.get(pk=infusion.pk)).at == later
    stated = SigningTerms(opens_window=True, override_to=found, override_code="clinical_judgement")
    last = services.amend_sign_off(**values, reason="Comes back, and awake", terms=stated)
    assert (last.opens_window, services.therapy_time(Infusion.objects.get(pk=infusion.pk)).at) == (
        True,
        found,
    )


def test_the_snapshot_holds_two_identifiers_and_everything_signed(clinic, clock):
    infusion, signature = world.signed(clinic, clock)
    record = signature.record
    assert record["patient"]["mrn"] == clinic.patient.mrn
    assert record["patient"]["birth_date"] == clinic.patient.birth_date.isoformat()
    assert [item["kind"] for item in record["pump_log"]] == ["start", "stop"]
    assert len(record["criteria"]) == len(services.recordable_criteria(infusion))
    assert record["estimate"]["generation"] == services.current_estimate(infusion).generation
    assert signature.record_sha256 == digest(SignOff.objects.get(pk=signature.pk).record)


def test_what_was_signed_cannot_be_rewritten_by_the_orm_either(clinic, clock):
    infusion, signature = world.signed(clinic, clock)
    for change in (
        lambda: SignOff.objects.filter(pk=signature.pk).update(late_reason="forged"),
        lambda: infusion.vital_signs.update(systolic=120),
        lambda: Infusion.objects.filter(pk=infusion.pk).update(weight_kg=Decimal(80)),
        lambda: infusion.criteria.update(detail="forged"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
