"""Raising the dose from visit to visit: by the version's step alone, to its cap with a second prescriber, never beyond."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.library import SIX_IN_THREE_WEEKS
from sessions import dosing, services
from staff.errors import RuleNotMet
from tests.scheduling.booking.test_version_moves import publish
from tests.sessions import world

STEP, CAP = Decimal("0.1"), Decimal("0.75")
RAISED = replace(SIX_IN_THREE_WEEKS.dose, titration_step_mg_per_kg=STEP, titration_cap_mg_per_kg=CAP)
weights = st.decimals("20", "350", places=1)
before = st.decimals("0.1", "1.0", places=3)


@given(weights, before)
@settings(max_examples=80)
def test_one_step_alone_the_cap_with_two_and_never_less_than_the_protocols_dose(weight, last):
    limit = dosing.order_limit(RAISED, weight, last)
    half = RAISED.rounding_mg / 2
    planned = dosing.planned_dose(RAISED, weight).mg
    assert planned <= limit.alone_mg <= limit.most_mg <= CAP * weight + half
    assert limit.alone_mg <= max(planned, (last + STEP) * weight + half)
    for mg in (
        limit.alone_mg,
        limit.alone_mg + RAISED.rounding_mg,
        limit.most_mg,
        limit.most_mg + RAISED.rounding_mg,
    ):
        for second in ("", "me", "other"):
            if mg > limit.most_mg:
                code = "over-protocol-dose"
            elif mg > limit.alone_mg and second != "other":
                code = "over-step"
            else:
                dosing.check_raise(limit, mg, ordered_by="me", co_signed_by=second)
                continue
            with pytest.raises(RuleNotMet) as refused:
                dosing.check_raise(limit, mg, ordered_by="me", co_signed_by=second)
            assert refused.value.code == code


@given(weights, before)
@settings(max_examples=40)
def test_without_a_titration_or_a_first_infusion_the_dose_is_the_protocols_own(weight, last):
    planned = dosing.planned_dose(RAISED, weight).mg
    for limit in (
        dosing.order_limit(SIX_IN_THREE_WEEKS.dose, weight, last),
        dosing.order_limit(RAISED, weight, None),
    ):
        assert limit == dosing.OrderLimit(planned, planned)


@pytest.mark.django_db
def test_the_order_follows_the_steps_of_the_version(clinic, clock):
    clinic.version = publish(clinic, replace(SIX_IN_THREE_WEEKS, dose=RAISED))
    infusion = world.weighed(clinic, world.arrived(clinic))
    sign = {"bag_mg_per_ml": Decimal(1), "by": clinic.clinician}
    with pytest.raises(RuleNotMet, match="at most"):
        services.sign_order(infusion=infusion, ordered_mg=Decimal("35.5"), **sign)
    services.mark_not_given(infusion=infusion, reason="Unwell today", by=clinic.nurse)
    clock.advance(days=3)
    world.signed(clinic, clock)  # 35 mg at 70 kg
    clock.advance(days=3)
    second = world.weighed(clinic, world.arrived(clinic, ordinal=2))
    with pytest.raises(RuleNotMet) as refused:
        services.sign_order(infusion=second, ordered_mg=Decimal("42.5"), **sign)
    assert refused.value.code == "over-step"
    alone = services.sign_order(infusion=second, ordered_mg=Decimal(42), **sign)
    assert (alone.ordered_mg, alone.order_cosigned_by) == (Decimal(42), None)
    two = services.sign_order(
        infusion=second, ordered_mg=Decimal("52.5"), cosigned_by=clinic.second_clinician, **sign
    )
    assert (two.ordered_mg, two.order_cosigned_by) == (Decimal("52.5"), clinic.second_clinician)
    with pytest.raises(RuleNotMet) as refused:
        services.sign_order(
            infusion=second, ordered_mg=Decimal(53), cosigned_by=clinic.second_clinician, **sign
        )
    assert refused.value.code == "over-protocol-dose"
