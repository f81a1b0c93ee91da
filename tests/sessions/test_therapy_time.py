"""T_sign and T0 with its overrides, case by case."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from sessions.clearance import (
    MeasuredLevel,
    T0Override,
    decide_t0,
    log_fingerprint,
    override_stands,
    t_sign,
)
from staff.errors import RuleNotMet
from tests.sessions.test_clearance import at, infusion

T_PK, P50, SIGNED, STOP = at(388), at(280), at(130), at(40)


def test_t_sign_is_the_last_of_criteria_readings_and_stop() -> None:
    assert t_sign([at(60), at(90)], at(80), STOP) == at(90)
    assert t_sign([at(60)], at(120), STOP) == at(120)
    assert t_sign([at(10)], at(10), STOP) == STOP
    with pytest.raises(RuleNotMet):
        t_sign([], at(10), STOP)


def decide(override: T0Override | None, signed: datetime = SIGNED) -> datetime:
    return decide_t0(
        t_pk=T_PK, p50=P50, t_sign=signed, override=override, pump_stop=STOP, threshold_ng_ml=Decimal(20)
    )


def refusal(override: T0Override, signed: datetime = SIGNED) -> str:
    with pytest.raises(RuleNotMet) as refused:
        decide(override, signed)
    return refused.value.code


def advance(minutes: float, **changes) -> T0Override:
    facts = {"reason_code": "fast_recovery", "decided_by": "dr-a", "second_person": "dr-b", **changes}
    return T0Override(at(minutes), **facts)


def test_without_override_the_later_of_both() -> None:
    assert decide(None) == T_PK
    assert decide(None, signed=at(500)) == at(500)


def test_later_is_free() -> None:
    assert decide(T0Override(at(600), "", "dr-a")) == at(600)
    assert decide(T0Override(at(600), "clinical_judgement", "dr-a")) == at(600)
    assert refusal(T0Override(at(600), "because", "dr-a")) == "t0-reason"


def test_never_before_sign_off() -> None:
    assert refusal(advance(129)) == "t0-before-sign"
    assert refusal(advance(300), signed=at(301)) == "t0-before-sign"


def test_advance_needs_a_reason_and_another_person_and_the_median() -> None:
    assert decide(advance(280)) == P50
    assert refusal(advance(279)) == "t0-before-median"
    assert refusal(advance(300, second_person="")) == "t0-second-person"
    assert refusal(advance(300, second_person="dr-a")) == "t0-second-person"
    assert refusal(advance(300, reason_code="clinical_judgement")) == "t0-reason"


def test_a_measured_level_reaches_down_to_sign_off() -> None:
    level = MeasuredLevel(at(130), Decimal("12.5"))
    assert decide(advance(130, reason_code="measured_level", measured=level)) == SIGNED
    assert refusal(advance(130, reason_code="measured_level")) == "t0-level-missing"
    high = MeasuredLevel(at(130), Decimal(20))
    assert refusal(advance(130, reason_code="measured_level", measured=high)) == "t0-level-high"
    early = MeasuredLevel(STOP, Decimal(5))
    assert refusal(advance(130, reason_code="measured_level", measured=early)) == "t0-level-early"
    after = MeasuredLevel(at(200), Decimal(5))
    assert refusal(advance(150, reason_code="measured_level", measured=after)) == "t0-before-level"
    alone = advance(150, reason_code="measured_level", measured=level, second_person="")
    assert refusal(alone) == "t0-second-person"


def test_an_amended_log_voids_an_advance_and_keeps_a_delay() -> None:
    log, amended = infusion(40), infusion(47)
    facts = {"p50": at(280), "threshold_ng_ml": Decimal(20)}
    forward = advance(300, made_on=log_fingerprint(log))
    later = T0Override(at(900), "still_affected", "dr-a", made_on=log_fingerprint(log))
    assert override_stands(forward, t_pk=T_PK, log=log, **facts) == "stands"
    assert override_stands(forward, t_pk=at(395), log=amended, **facts) == "void"
    assert override_stands(later, t_pk=at(395), log=amended, **facts) == "stands"


@pytest.mark.parametrize(
    ("change", "standing"),
    [
        ({}, "stands"),
        ({"p50": at(301)}, "void"),  # an earlier infusion was corrected: today it would not be granted
        ({"p50": None}, "void"),
        ({"later_level": MeasuredLevel(at(310), Decimal(20))}, "void"),
        ({"later_level": MeasuredLevel(at(310), Decimal("19.9"))}, "stands"),
        ({"t_pk": None}, "stands"),  # no estimate any more: the clinician's time is all there is
        ({"log": infusion(305), "t_pk": None}, "void"),  # but never before the pump stopped
    ],
)
def test_an_advance_stands_only_while_it_would_still_be_granted(change: dict, standing: str) -> None:
    facts = {"log": infusion(40), "t_pk": T_PK, "p50": at(280), "threshold_ng_ml": Decimal(20), **change}
    made_on = log_fingerprint(facts["log"])
    assert override_stands(advance(300, made_on=made_on), **facts) == standing


def test_a_delay_that_a_corrected_log_overtakes_gives_way() -> None:
    delay = T0Override(at(390), "still_affected", "dr-a", made_on=log_fingerprint(infusion(40)))
    assert override_stands(delay, t_pk=at(395), p50=at(290), log=infusion(47)) == "void"
