"""Coded criteria: compared with before the start, agreed alternatives, and intent that waits for a prescriber."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from protocols.library import DEFAULT_DISCHARGE, SIX_IN_THREE_WEEKS
from sessions import services
from sessions.services import SigningTerms
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from tests.factories import make_version
from tests.sessions import world

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def answer(clinic, infusion, criterion, value="", by=None, **more):
    return services.record_criterion(
        infusion=infusion, criterion=criterion, value=value, by=by or clinic.nurse, **more
    )


def refusal(*args, **more):
    with pytest.raises((InvalidInput, RuleNotMet)) as refused:
        answer(*args, **more)
    return refused.value.code, refused.value.field


def scored(clinic):
    """A version that also names the scores."""
    rule = replace(DEFAULT_DISCHARGE, criteria=(*DEFAULT_DISCHARGE.criteria, "cadss6", "recovery_score"))
    definition = replace(SIX_IN_THREE_WEEKS, discharge=rule)
    clinic.version = make_version("scored", author=clinic.admin, definition=definition)
    return clinic


def test_walking_is_compared_with_before_the_start(clinic, clock):
    infusion = world.ready(clinic)
    with pytest.raises(InvalidInput):
        services.record_baseline(infusion=infusion, criterion="gait", value="unsteady", by=clinic.nurse)
    services.record_baseline(infusion=infusion, criterion="gait", value="steady", by=clinic.nurse)
    services.record_baseline(infusion=infusion, criterion="gait", value="wheelchair", by=clinic.nurse)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.record_baseline(infusion=infusion, criterion="gait", value="steady", by=clinic.nurse)
    clock.advance(minutes=40)
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    assert answer(clinic, infusion, "gait", "unsteady").outcome == "unmet"
    assert answer(clinic, infusion, "gait", "wheelchair").outcome == "met"
    rows = infusion.criteria.filter(criterion="gait").order_by("pk")
    assert [(row.value, row.before_start, row.superseded_at is None) for row in rows] == [
        ("steady", True, False), ("wheelchair", True, True), ("unsteady", False, False), ("wheelchair", False, True),
    ]  # fmt: skip


def test_an_agreed_escort_is_met_with_a_name_and_is_no_override(clinic, clock):
    infusion = world.given(clinic, clock)
    assert refusal(clinic, infusion, "escort", "adult_phoned") == ("words-needed", "detail")
    assert refusal(clinic, infusion, "escort", "taxi") == ("unknown-value", "value")
    world.assessed(clinic, clock, infusion)
    answer(clinic, infusion, "escort", "transport_and_adult_home", detail="City Cabs, Kim at home")
    signature = services.sign_off(infusion=infusion, by=clinic.clinician)
    assert (signature.unmet_reason, signature.second_person) == ("", None)
    row = next(item for item in signature.record["criteria"] if item["criterion"] == "escort")
    assert row["value"] == "transport_and_adult_home"


def test_new_intent_waits_for_a_prescriber_whatever_anybody_signs(clinic, clock):
    infusion = world.given(clinic, clock)
    world.assessed(clinic, clock, infusion)
    assert answer(clinic, infusion, "suicidality", outcome="unmet").value == "new_or_worse"
    terms = SigningTerms(unmet_reason="Family is here", second_person=clinic.second_clinician)
    with pytest.raises(RuleNotMet) as refused:
        services.sign_off(infusion=infusion, by=clinic.clinician, terms=terms)
    assert (refused.value.code, refused.value.field) == ("intent-not-assessed", "criteria")
    for value, outcome in (("none", ""), ("", "met"), ("assessed", ""), ("", "not-assessable")):
        assert refusal(clinic, infusion, "suicidality", value, outcome=outcome, detail="x")[0] == (
            "intent-needs-prescriber"
        )
    doctor = clinic.second_clinician
    assert refusal(clinic, infusion, "suicidality", "none", doctor)[0] == "intent-not-assessed"
    assert refusal(clinic, infusion, "suicidality", "assessed", doctor) == ("words-needed", "detail")
    answer(
        clinic, infusion, "suicidality", "assessed", doctor, detail="Passive thoughts as before, plan agreed"
    )
    services.sign_off(infusion=infusion, by=clinic.clinician)


def test_scores_count_where_a_version_names_them(clinic, clock):
    infusion = world.ready(scored(clinic))
    vitals = {"infusion": infusion, "by": clinic.nurse, **world.NORMAL}
    services.record_vitals(cadss6=2, **vitals)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=40)
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    clock.set(infusion.planned_start + 125 * MINUTE)
    for code in DEFAULT_DISCHARGE.criteria:
        if code != "observation":
            answer(clinic, infusion, code, outcome="met")
    services.record_vitals(cadss6=3, **vitals)

    infusion.refresh_from_db()

    def state():
        found = services.discharge_decision(infusion, clock.now())
        return {"missing": found.missing, "unmet": found.unmet}

    assert state() == {"missing": ("recovery_score",), "unmet": ("cadss6",)}
    assert refusal(clinic, infusion, "recovery_score", outcome="met") == ("score-needed", "value")
    assert refusal(clinic, infusion, "cadss6", outcome="met") == ("from-readings", "outcome")
    assert answer(clinic, infusion, "recovery_score", "aldrete:8").outcome == "unmet"
    assert answer(clinic, infusion, "recovery_score", "padss:9").outcome == "met"
    clock.advance(minutes=5)
    services.record_vitals(cadss6=2, **vitals)
    assert state() == {"missing": (), "unmet": ()}


def test_a_sleepy_reading_outweighs_an_earlier_tick(clinic, clock):
    infusion = world.given(clinic, clock)
    world.assessed(clinic, clock, infusion)
    clock.advance(minutes=3)
    services.record_vitals(infusion=infusion, by=clinic.nurse, moaas=4, **world.NORMAL)
    assert services.discharge_decision(infusion, clock.now()).unmet == ("alertness",)
