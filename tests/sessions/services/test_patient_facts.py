"""Consent, education, safety contacts, therapy, scores, vitals: what is accepted when, and what never twice."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from sessions import services
from sessions.models import Consent, IntegrationNote, SafetyContact
from staff.clock import app_now
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StateConflict
from tests import factories
from tests.sessions import world

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def document(clinic, kind="consent", version=None):
    return (version or clinic.version).documents.get(kind=kind)


# --- consent ---


def test_consent_is_not_taken_between_the_start_and_the_therapy_time(clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    with pytest.raises(RuleNotMet) as refused:
        services.record_consent(patient=clinic.patient, document=document(clinic), by=clinic.clinician)
    assert refused.value.code == "consent-under-drug-effect"
    clock.set(services.therapy_time(infusion).at)
    given = services.record_consent(patient=clinic.patient, document=document(clinic), by=clinic.clinician)
    assert given.given_at == app_now()


def test_withdrawal_is_accepted_while_the_pump_runs_and_only_once(clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    consent = clinic.patient.consents.get()
    services.withdraw_consent(consent=consent, by=clinic.coordinator)
    first = app_now()
    clock.advance(minutes=1)
    assert services.withdraw_consent(consent=consent, by=clinic.nurse).withdrawn_at == first


def test_without_consent_in_force_the_pump_does_not_start(clinic):
    infusion = world.ready(clinic)
    services.withdraw_consent(consent=clinic.patient.consents.get(), by=clinic.nurse)
    infusion.refresh_from_db()
    assert infusion.status == "arrived"
    with pytest.raises(RuleNotMet):
        services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)


def test_consent_expires_at_the_end_of_its_time(clinic, clock):
    start = app_now()
    services.record_consent(
        patient=clinic.patient,
        document=document(clinic),
        valid_until=start + timedelta(days=1),
        by=clinic.nurse,
    )
    assert Consent.objects.in_force(start + timedelta(days=1) - MINUTE).exists()
    assert not Consent.objects.in_force(start + timedelta(days=1)).exists()


def test_a_material_change_of_the_text_asks_again_and_a_notice_does_not(clinic):
    world.consented(clinic)
    retire(clinic.version)
    notice = factories.make_version(author=clinic.admin, active=False)
    notice.documents.filter(kind="consent").update(change="notice")
    publish(notice)
    infusion = world.arrived(clinic, protocol_version=notice)
    assert services.readiness.consent_in_force(infusion, app_now()) is not None
    services.mark_not_given(infusion=infusion, reason="Unwell today", by=clinic.nurse)
    retire(notice)
    material = factories.make_version(author=clinic.admin)
    again = world.arrived(clinic, protocol_version=material, ordinal=2)
    assert services.readiness.consent_in_force(again, app_now()) is None


def retire(version):
    version.status = "superseded"
    version.save(update_fields=["status"])


def publish(version):
    version.status = "in-review"
    version.save(update_fields=["status"])
    version.status, version.approval = "active", "second-person"
    version.approved_by = factories.make_user("protocol_admin")
    version.approved_at = version.activated_at = app_now()
    version.save(update_fields=["status", "approved_by", "approval", "approved_at", "activated_at"])


def test_the_wrong_kind_of_text_and_the_same_consent_twice(clinic):
    with pytest.raises(InvalidInput):
        services.record_consent(
            patient=clinic.patient, document=document(clinic, "education"), by=clinic.clinician
        )
    same = {
        "patient": clinic.patient,
        "document": document(clinic),
        "given_at": app_now(),
        "by": clinic.nurse,
    }
    assert services.record_consent(**same) == services.record_consent(**same)


def test_education_counts_only_when_all_three_answers_are_right(clinic):
    world.consented(clinic)
    clinic.patient.education_records.all()
    patient = factories.make_patient(clinic.site)
    infusion = world.arrived(clinic, patient=patient)
    answers = {"experience_not_needed": True, "work_happens_afterwards": True, "no_driving_understood": False}
    record = {"patient": patient, "document": document(clinic, "education"), "by": clinic.nurse}
    services.record_education(**record, **answers)
    assert services.readiness.education_complete(infusion, app_now()) is None
    services.record_education(**record, **{**answers, "no_driving_understood": True})
    assert services.readiness.education_complete(infusion, app_now()) is not None


# --- safety contacts ---


def test_a_safety_contact_is_never_refused_at_any_moment_of_a_visit(clinic, clock):
    moments = []

    def call(by):
        contact = services.record_safety_contact(
            patient=clinic.patient, manner="phone", outcome="Talked, safe", cssrs=4, by=by
        )
        moments.append(contact.occurred_at)

    call(clinic.therapist)
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    call(clinic.nurse)
    clock.advance(minutes=60)
    call(clinic.therapist)
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    call(clinic.clinician)
    assert SafetyContact.objects.filter(patient=clinic.patient).count() == 4
    assert not clinic.patient.integration_sessions.exists()


def test_the_same_contact_twice_is_stored_once_and_nonsense_is_named(clinic):
    call = {"patient": clinic.patient, "manner": "phone", "outcome": "Talked", "by": clinic.nurse}
    assert services.record_safety_contact(**call) == services.record_safety_contact(**call)
    for change, field in (
        ({"manner": "telepathy"}, "manner"),
        ({"outcome": " "}, "outcome"),
        ({"cssrs": 6}, "cssrs"),
    ):
        with pytest.raises(InvalidInput) as refused:
            services.record_safety_contact(**{**call, **change})
        assert refused.value.field == field
    with pytest.raises(NotAllowed):
        services.record_safety_contact(**{**call, "by": clinic.coordinator})


# --- therapy ---


def test_therapy_waits_for_the_signature_and_the_therapy_time(clinic, clock):
    infusion = world.given(clinic, clock)
    start = {"patient": clinic.patient, "infusion": infusion, "therapist": clinic.therapist}
    world.assessed(clinic, clock, infusion)
    clock.set(services.current_estimate(infusion).t_pk + timedelta(hours=2))
    with pytest.raises(RuleNotMet) as refused:
        services.start_integration(**start)
    assert refused.value.code == "no-therapy-period"
    assert "sign" in refused.value.message


def test_therapy_is_refused_until_the_minute_of_the_therapy_time(clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    at = services.therapy_time(infusion).at
    with pytest.raises(RuleNotMet) as refused:
        services.check_may_start(clinic.patient, at - timedelta(seconds=1))
    local = "Tue 3 Mar, 15:27"
    assert refused.value.message.startswith(f"Therapy from {local}")
    services.check_may_start(clinic.patient, at)


def test_only_a_therapist_conducts_and_one_session_runs_at_a_time(clinic, clock):
    with pytest.raises(NotAllowed):
        services.start_integration(patient=clinic.patient, therapist=clinic.nurse)
    session = services.start_integration(patient=clinic.patient, therapist=clinic.therapist)
    with pytest.raises(StateConflict) as refused:
        services.start_integration(patient=clinic.patient, therapist=clinic.other_therapist)
    assert refused.value.code == "therapy-running"
    with pytest.raises(InvalidInput):
        services.complete_integration(session=session, by=clinic.therapist, note=services.NoteText())
    clock.advance(minutes=50)
    done = services.complete_integration(
        session=session, note=services.NoteText(progress="Practised twice"), by=clinic.therapist
    )
    assert done.completed_at == app_now()
    with pytest.raises(StateConflict):
        services.complete_integration(
            session=session, note=services.NoteText(progress="again"), by=clinic.therapist
        )
    note = session.notes.get()
    corrected = services.amend_note(
        note=note, text=services.NoteText(progress="Practised daily"), by=clinic.therapist
    )
    assert corrected.replaces == note
    assert IntegrationNote.objects.get(pk=note.pk).progress == "Practised twice"
    with pytest.raises(StateConflict):
        services.amend_note(note=note, text=services.NoteText(progress="x"), by=clinic.therapist)


def test_another_patients_infusion_is_not_hung_on_this_session(clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    other = factories.make_patient(clinic.site)
    with pytest.raises(InvalidInput) as refused:
        services.start_integration(patient=other, infusion=infusion, therapist=clinic.therapist)
    assert refused.value.field == "infusion"


def test_a_session_is_flagged_once(clinic, clock):
    session = services.start_integration(patient=clinic.patient, therapist=clinic.therapist)
    first = services.flag_inside_no_therapy(session=session).inside_no_therapy_at
    clock.advance(minutes=5)
    assert services.flag_inside_no_therapy(session=session).inside_no_therapy_at == first


# --- scores ---


def test_scores_from_items_and_totals(clinic):
    score = services.record_outcome(
        patient=clinic.patient, instrument="phq9", items=[1, 2, 1, 0, 3, 1, 0, 0, 1], by=clinic.nurse
    )
    assert (score.total, score.items) == (9, [1, 2, 1, 0, 3, 1, 0, 0, 1])
    assert (
        services.record_outcome(patient=clinic.patient, instrument="qids_sr16", total=12, by=None).total == 12
    )


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"instrument": "mood", "total": 3}, "instrument"),
        ({"instrument": "phq9", "total": 28}, "total"),
        ({"instrument": "phq9", "total": True}, "total"),
        ({"instrument": "phq9"}, "total"),
        ({"instrument": "phq9", "items": [1, 2]}, "items"),
        ({"instrument": "phq9", "items": [1, 2, 1, 0, 4, 1, 0, 0, 1]}, "items.5"),
        ({"instrument": "phq9", "items": [0] * 9, "total": 1}, "total"),
        ({"instrument": "madrs", "items": [0] * 10}, "items"),
        ({"instrument": "madrs", "total": 9, "item_9": 1}, "item_9"),
        ({"instrument": "phq9", "total": 9, "item_9": 4}, "item_9"),
        ({"instrument": "phq9", "total": 9, "item_9": True}, "item_9"),
        ({"instrument": "phq9", "total": 1, "item_9": 2}, "item_9"),
        ({"instrument": "phq9", "items": [1, 2, 1, 0, 3, 1, 0, 0, 1], "item_9": 2}, "item_9"),
    ],
)
def test_impossible_scores_are_refused_at_their_field(clinic, values, field):
    with pytest.raises(InvalidInput) as refused:
        services.record_outcome(patient=clinic.patient, by=clinic.nurse, **values)
    assert refused.value.field == field
    assert not clinic.patient.outcome_scores.exists()


# --- vitals, criteria, adverse events ---


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"systolic": 301}, "systolic"),
        ({"diastolic": 19}, "diastolic"),
        ({"diastolic": 122}, "diastolic"),
        ({"heart_rate": 251}, "heart_rate"),
        ({"spo2": 101}, "spo2"),
        ({"moaas": 6}, "moaas"),
        ({"cadss6": 25}, "cadss6"),
    ],
)
def test_impossible_vitals_are_refused_at_their_field(clinic, change, field):
    infusion = world.arrived(clinic)
    with pytest.raises((InvalidInput, RuleNotMet)) as refused:
        services.record_vitals(infusion=infusion, by=clinic.nurse, **{**world.NORMAL, **change})
    assert refused.value.field == field
    assert not infusion.vital_signs.exists()


def test_a_reading_sent_twice_is_stored_once_and_a_typing_error_is_struck(clinic):
    infusion = world.arrived(clinic)
    one = services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    assert services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL) == one
    services.withdraw_vitals(vitals=one, by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.withdraw_vitals(vitals=one, by=clinic.nurse)
    assert infusion.vital_signs.live().count() == 0
    assert infusion.vital_signs.count() == 1


def test_vitals_are_judged_from_the_last_reading_not_from_a_tick(clinic, clock):
    infusion = world.given(clinic, clock)
    clock.set(infusion.started_at + 125 * MINUTE)
    services.record_criterion(infusion=infusion, criterion="vitals", outcome="met", by=clinic.nurse)
    high = {"systolic": 168, "diastolic": 104, "heart_rate": 80, "spo2": 98}
    services.record_vitals(infusion=infusion, by=clinic.nurse, **high)
    assert "vitals" in services.discharge_decision(infusion, app_now()).unmet
    clock.advance(minutes=10)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    assert "vitals" in services.discharge_decision(infusion, app_now()).met


def test_a_criterion_before_the_stop_or_unknown_or_computed_is_refused(clinic, clock):
    infusion = world.given(clinic, clock)
    record = {"infusion": infusion, "by": clinic.nurse, "outcome": "met"}
    for change, field in (
        ({"criterion": "gait", "observed_at": infusion.stopped_at - MINUTE}, "observed_at"),
        ({"criterion": "observation"}, "criterion"),
        ({"criterion": "aura"}, "criterion"),
        ({"criterion": "gait", "outcome": "not-assessable"}, "detail"),
        ({"criterion": "gait", "outcome": "perhaps"}, "outcome"),
    ):
        with pytest.raises((InvalidInput, RuleNotMet)) as refused:
            services.record_criterion(**{**record, **change})
        assert refused.value.field == field
    assert not infusion.criteria.exists()


def test_adverse_events_are_stored_once_and_closed_once(clinic, clock):
    infusion = world.arrived(clinic)
    event = {"infusion": infusion, "kind": "nausea", "severity": "mild", "by": clinic.nurse}
    row = services.record_adverse_event(**event)
    assert services.record_adverse_event(**event) == row
    services.resolve_adverse_event(event=row, by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.resolve_adverse_event(event=row, by=clinic.nurse)
    with pytest.raises(InvalidInput):
        services.record_adverse_event(**{**event, "kind": "other"})


def test_a_measured_level_is_a_number_of_the_past(clinic, clock):
    infusion = world.given(clinic, clock)
    level = {"infusion": infusion, "observed_at": app_now(), "by": clinic.nurse}
    for value in ("NaN", "-1", "5000.1"):
        with pytest.raises(InvalidInput):
            services.record_measured_level(**level, ketamine_ng_ml=Decimal(value))
    with pytest.raises(RuleNotMet):
        services.record_measured_level(
            **{**level, "observed_at": app_now() + MINUTE}, ketamine_ng_ml=Decimal(20)
        )
