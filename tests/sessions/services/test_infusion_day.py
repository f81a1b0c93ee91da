"""The day at the chair through the services: endings, holds, other drugs, long pauses, notes, handovers, bad input."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from scheduling.models import WorkItem
from scheduling.services.nursing import accept, nurse_of
from sessions import services
from sessions.models import Infusion, TreatmentHold
from sessions.services import SigningTerms
from staff.clock import app_now
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StateConflict
from tests import factories
from tests.sessions import world

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def fresh(infusion):
    return Infusion.objects.for_record().get(pk=infusion.pk)


def refused(code, call, *args, **values):
    with pytest.raises((InvalidInput, RuleNotMet, StateConflict, NotAllowed)) as found:
        call(*args, **values)
    assert found.value.code == code
    return found.value


def sql(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def constraint(call, *values):
    with pytest.raises(IntegrityError) as found:
        call(*values)
    return found.value.__cause__.diag.constraint_name


def test_left_against_advice_calls_a_prescriber_and_opens_no_window_before_an_assessment(clinic, clock):
    infusion = world.given(clinic, clock)
    left = services.record_disposition(
        infusion=infusion, outcome="against-advice", condition="Awake, unsteady", by=clinic.nurse
    )
    assert (
        services.record_disposition(
            infusion=infusion, outcome="against-advice", condition="Awake, unsteady", by=clinic.nurse
        )
        == left
    )  # twice is once
    item = WorkItem.objects.get(kind="prescriber", key=f"ending:{infusion.code}", resolved_at__isnull=True)
    assert item.due_at == app_now() + timedelta(hours=1)
    clock.advance(minutes=100)
    terms = SigningTerms(unmet_reason="Left", second_person=clinic.nurse, opens_window=True)
    with pytest.raises(RuleNotMet):
        services.sign_off(infusion=infusion, by=clinic.clinician, terms=terms)
    assert not infusion.sign_offs.exists()
    refused(
        "role", services.record_assessment, infusion=infusion, manner="phone", words="Well", by=clinic.nurse
    )
    services.record_assessment(infusion=infusion, manner="phone", words="At home, well", by=clinic.clinician)
    item.refresh_from_db()
    assert item.resolved_at == app_now()
    signature = services.sign_off(infusion=infusion, by=clinic.clinician, terms=terms)
    assert signature.t_sign == app_now()  # the assessment is what "ready" rests on
    assert "dispositions" not in signature.record
    assert signature.record["disposition"][0]["outcome"] == "against-advice"


def test_a_death_opens_no_window_and_ends_all_messages(clinic, clock):
    infusion = world.given(clinic, clock)
    services.record_disposition(infusion=infusion, outcome="died", condition="No pulse", by=clinic.clinician)
    clinic.patient.refresh_from_db()
    assert clinic.patient.status == "deceased"
    services.record_assessment(infusion=infusion, manner="in-person", words="Died 10:20", by=clinic.clinician)
    terms = {"unmet_reason": "Died", "second_person": clinic.nurse, "late_reason": "Resuscitation"}
    clock.advance(minutes=90)
    refused(
        "window-unclear",
        services.sign_off,
        infusion=infusion,
        by=clinic.clinician,
        terms=SigningTerms(**terms),
    )
    signed = services.sign_off(
        infusion=infusion,
        by=clinic.clinician,
        terms=SigningTerms(opens_window=False, no_window_reason="Died", **terms),
    )
    assert not signed.opens_window


def test_emergency_stops_the_log_once_and_works_before_the_start_too(clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=12)
    first = services.call_emergency(infusion=infusion, by=clinic.nurse)
    assert services.call_emergency(infusion=infusion, by=clinic.nurse) == first
    record = fresh(infusion)
    assert (record.status, record.stopped_at) == (Infusion.Status.RECOVERING, app_now())
    assert infusion.pump_events.filter(kind="stop").count() == 1
    other = clinic.patient
    other.pk, other.mrn, other.code = None, "MRN-E", "6f1d5a34-3f0b-4a3a-9c7e-1b5a2f9c8d10"
    other.save()
    waiting = services.open_infusion(
        patient=other, protocol_version=clinic.version, ordinal=1, site=clinic.site, chair="Chair 2",
        planned_start=app_now(), by=clinic.nurse,
    )  # fmt: skip
    services.call_emergency(infusion=waiting, by=clinic.nurse)
    assert fresh(waiting).status == Infusion.Status.NOT_GIVEN


@pytest.mark.parametrize(
    ("severity", "marked", "holds"),
    [("mild", False, 0), ("mild", True, 1), ("serious", False, 1), ("stop-rule", False, 1)],
)
def test_only_coded_serious_or_marked_events_hold_later_infusions(clinic, clock, severity, marked, holds):
    infusion = world.given(clinic, clock)
    event = services.record_adverse_event(
        infusion=infusion, kind="nausea", severity=severity, pauses_later=marked, by=clinic.clinician
    )
    assert len(services.open_holds(clinic.patient.pk)) == holds
    if holds:
        services.strike_adverse_event(event=event, reason="Wrong patient", by=clinic.clinician)
        assert services.open_holds(clinic.patient.pk) == []


def test_a_hold_stops_the_next_start_in_service_and_database_until_one_signed_tap(clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    refused(
        "role", services.record_adverse_event, infusion=infusion, kind="headache", severity="mild",
        pauses_later=True, by=clinic.nurse,
    )  # fmt: skip
    services.record_adverse_event(infusion=infusion, kind="chest_pain", severity="serious", by=clinic.nurse)
    hold = TreatmentHold.objects.get()
    clock.advance(days=2)
    later = world.ready(clinic, ordinal=2)
    assert later.status == Infusion.Status.ARRIVED
    refused("start-gate", services.record_pump_event, infusion=later, kind="start", by=clinic.clinician)
    start = "UPDATE treatment_sessions_infusion SET started_at = %s, status = 'infusing' WHERE id = %s"
    assert constraint(sql, start, app_now(), later.pk) == "infusion_start_waits_for_holds"
    refused("role", services.release_hold, hold=hold, reason="ECG normal", by=clinic.nurse)
    refused("reason-needed", services.release_hold, hold=hold, reason=" ", by=clinic.clinician)
    item = WorkItem.objects.get(key=f"hold:{hold.code}")
    services.release_hold(hold=hold, reason="ECG normal", by=clinic.clinician)
    refused("hold-released", services.release_hold, hold=hold, reason="Again", by=clinic.clinician)
    item.refresh_from_db()
    assert item.resolved_by == clinic.clinician
    services.record_pump_event(infusion=later, kind="start", by=clinic.nurse)


def test_a_positive_pregnancy_test_stops_the_start_holds_infusions_and_names_no_reason_on_lists(clinic):
    infusion = world.ready(clinic)
    services.record_check(
        infusion=infusion, kind="pregnancy_test", outcome="failed", note="Positive", by=clinic.nurse
    )
    refused("start-gate", services.record_pump_event, infusion=infusion, kind="start", by=clinic.clinician)
    hold = TreatmentHold.objects.get(kind="pregnancy")
    item = WorkItem.objects.get(key=f"hold:{hold.code}")
    assert "pregnan" not in f"{item.title} {item.detail}".lower()
    services.record_check(
        infusion=infusion,
        kind="pregnancy_test",
        outcome="not-applicable",
        reason_code="declined",
        by=clinic.nurse,
    )
    refused(
        "start-needs-prescriber", services.record_pump_event, infusion=infusion, kind="start", by=clinic.nurse
    )


def test_who_ate_may_start_once_the_fasting_time_is_over(clinic, clock):
    infusion = world.ready(clinic)
    services.record_check(
        infusion=infusion, kind="fasting", outcome="failed", drank_at=app_now() - 60 * MINUTE, by=clinic.nurse
    )
    gate = services.start_gate(fresh(infusion), app_now())
    found = next(item for item in gate.decides if item.code == "fasting")
    assert found.recheck_at == app_now() + 60 * MINUTE
    clock.advance(minutes=61)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)


def test_a_sedative_lengthens_the_observation_and_the_estimate_says_it_ignores_it(clinic, clock):
    infusion = world.given(clinic, clock)
    before = services.observed_until(fresh(infusion))
    given = services.record_given_drug(
        infusion=infusion, drug="midazolam", dose_mg=Decimal(2), ordered_by=clinic.clinician, by=clinic.nurse
    )
    assert services.observed_until(fresh(infusion)) == before + 60 * MINUTE
    warnings = services.current_estimate(infusion).warnings
    assert "midazolam" in next(item["message"] for item in warnings if item["code"] == "sedative_ignored")
    refused(
        "role", services.record_given_drug, infusion=infusion, drug="labetalol", dose_mg=Decimal(10),
        ordered_by=clinic.nurse, by=clinic.nurse,
    )  # fmt: skip
    services.strike_given_drug(given=given, reason="Not given", by=clinic.nurse)
    assert services.observed_until(fresh(infusion)) == before
    delete = "DELETE FROM treatment_sessions_givendrug WHERE id = %s"
    with pytest.raises(Exception, match=r"denied|not deleted"):
        sql(delete, given.pk)


def test_a_pause_beyond_the_limit_needs_a_new_order(clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=10)
    services.record_pump_event(infusion=infusion, kind="pause", by=clinic.nurse)
    clock.advance(minutes=31)
    refused("pause-too-long", services.record_pump_event, infusion=infusion, kind="resume", by=clinic.nurse)
    refused("role", services.renew_order, infusion=infusion, reason="Settled", by=clinic.nurse)
    row = services.renew_order(infusion=infusion, reason="Settled", by=clinic.clinician)
    assert row.remaining_mg == Decimal("26.25")
    services.record_pump_event(infusion=infusion, kind="resume", reason="Settled", by=clinic.nurse)
    assert fresh(infusion).status == Infusion.Status.INFUSING


def test_waste_needs_a_witness_and_an_expired_bag_is_refused(clinic):
    infusion = world.ready(clinic)
    day = date(2026, 12, 1)
    refused(
        "expired",
        services.record_bag,
        infusion=infusion,
        lot="A1",
        expires_on=date(2026, 3, 2),
        by=clinic.nurse,
    )
    for witness, code in ((None, "witness-needed"), (clinic.nurse, "same-person")):
        refused(
            code, services.record_bag, infusion=infusion, lot="A1", expires_on=day, waste_mg=Decimal(5),
            witness=witness, by=clinic.nurse,
        )  # fmt: skip
    row = services.record_bag(
        infusion=infusion,
        lot="A1",
        expires_on=day,
        waste_mg=Decimal(5),
        witness=clinic.clinician,
        by=clinic.nurse,
    )
    forged = (
        "INSERT INTO treatment_sessions_baguse (code, infusion_id, lot, expires_on, waste_mg, observed_at, entered_at,"
        " entered_by_id, superseded_at) SELECT gen_random_uuid(), infusion_id, lot, expires_on, 5, observed_at,"
        " entered_at, entered_by_id, entered_at FROM treatment_sessions_baguse WHERE id = %s"
    )
    assert constraint(sql, forged, row.pk) == "bag_waste_needs_a_witness"


def test_a_note_is_kept_while_typed_and_fixed_once_added(clinic):
    infusion = world.arrived(clinic)
    version = fresh(infusion).version
    draft = services.save_note(infusion=infusion, text="It is like", kind="quote", by=clinic.nurse)
    again = services.save_note(infusion=infusion, text="It is like floating", kind="quote", by=clinic.nurse)
    assert (draft.pk, fresh(infusion).version) == (again.pk, version)
    services.save_note(
        infusion=infusion, text="It is like floating", kind="quote", finish=True, by=clinic.nurse
    )
    edit = "UPDATE treatment_sessions_chairnote SET text = 'insight' WHERE id = %s"
    assert constraint(sql, edit, again.pk) == "clinical_record_is_fixed"
    refused("max_length", services.save_note, infusion=infusion, text="x" * 1_000_000, by=clinic.nurse)


def test_a_handover_is_accepted_by_the_nurse_asked_and_open_items_travel(clinic, clock):
    infusion = world.given(clinic, clock)
    second = factories.make_user("nurse", sites=[clinic.site], full_name="Night Nurse")
    refused("same-person", services.offer_handover, infusion=infusion, to_nurse=clinic.nurse, by=clinic.nurse)
    refused("role", services.offer_handover, infusion=infusion, to_nurse=clinic.therapist, by=clinic.nurse)
    offer = services.offer_handover(infusion=infusion, to_nurse=second, words="BP hourly", by=clinic.nurse)
    item = WorkItem.objects.get(key=f"handover:{infusion.code}", resolved_at__isnull=True)
    assert item.owner == second
    refused("not-yours", services.accept_handover, handover=offer, by=clinic.nurse)
    taken = accept(handover=offer, by=second, open_items=["Next vitals"])
    assert (taken.open_items, taken.accepted_at) == (["Next vitals"], app_now())
    assert nurse_of(fresh(infusion)) == second
    item.refresh_from_db()
    assert item.resolved_at is not None
    swap = "UPDATE treatment_sessions_handover SET to_nurse_id = from_nurse_id WHERE id = %s"
    assert constraint(sql, swap, taken.pk) in ("clinical_record_is_fixed", "handover_is_to_another_person")


def test_the_same_signature_posted_twice_is_one(clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    refused("infusion-signed-off", services.sign_off, infusion=infusion, by=clinic.clinician)
    assert infusion.sign_offs.count() == 1
    assert services.current_disposition(infusion).outcome == "discharged"


@pytest.mark.parametrize(
    ("numbers", "field"),
    [
        ({"systolic": 1200}, "systolic"),
        ({"systolic": 80, "diastolic": 120}, "diastolic"),
        ({"spo2": 101}, "spo2"),
    ],
)
def test_impossible_vitals_are_refused_at_their_field(clinic, numbers, field):
    infusion = world.arrived(clinic)
    with pytest.raises((InvalidInput, RuleNotMet)) as found:
        services.record_vitals(infusion=infusion, by=clinic.nurse, **{**world.NORMAL, **numbers})
    assert found.value.field == field
    assert not infusion.vital_signs.exists()


def test_pounds_typed_as_kilograms_block_the_dose_of_a_first_visit(clinic):
    infusion = world.arrived(clinic)
    first = services.record_weight(infusion=infusion, weight_kg=Decimal(154), by=clinic.nurse)
    assert services.needs_second_weighing(first)  # 154 kg at 170 cm: BMI 53
    refused(
        "weight-second-person",
        services.confirm_weight,
        infusion=infusion,
        weight_kg=Decimal(154),
        by=clinic.nurse,
    )
    refused(
        "weight-needed", services.sign_order, infusion=infusion, bag_mg_per_ml=Decimal(1), by=clinic.clinician
    )
