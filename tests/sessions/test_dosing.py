"""The dose for every weight and template, and which weights are not believed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.definition import DoseRule
from protocols.library import SHIPPED
from sessions.dosing import (
    check_order,
    check_weight,
    mg_per_min_from_ml_per_hour,
    ml_per_hour_from_mg_per_min,
    order_still_fits,
    planned_dose,
    pump_setting,
    round_dose,
)
from staff.errors import InvalidInput, RuleNotMet

RULE = DoseRule(Decimal("0.5"), ceiling_mg=Decimal(60), rounding_mg=Decimal("0.5"))
every_weight = st.integers(200, 3500).map(lambda tenths: Decimal(tenths) / 10)
rules = st.builds(
    DoseRule,
    st.integers(10, 100).map(lambda hundredths: Decimal(hundredths) / 100),
    st.integers(10, 200).map(Decimal),
    st.sampled_from([Decimal("0.1"), Decimal("0.5"), Decimal(1), Decimal("2.5"), Decimal(5)]),
    infusion_minutes=st.integers(30, 100),
)


@pytest.mark.parametrize(
    ("weight", "mg", "over"),
    [
        ("70", "35.0", False),
        ("70.4", "35.0", False),
        ("71.3", "35.5", False),
        ("45", "22.5", False),
        ("160", "80.0", True),
    ],
)
def test_dose_by_weight(weight: str, mg: str, over: bool) -> None:
    dose = planned_dose(RULE, Decimal(weight))
    assert (dose.mg, dose.over_ceiling) == (Decimal(mg), over)


@pytest.mark.parametrize(
    ("mg", "rounded"), [("35.25", "35.0"), ("35.75", "36.0"), ("35.26", "35.5"), ("35.24", "35.0")]
)
def test_halves_go_to_the_even_step(mg: str, rounded: str) -> None:
    assert round_dose(Decimal(mg), Decimal("0.5")) == Decimal(rounded)


@pytest.mark.parametrize(
    "weight",
    [
        Decimal(0),
        Decimal(-70),
        Decimal("19.9"),
        Decimal("350.1"),
        Decimal("NaN"),
        Decimal("Infinity"),
        70.0,
        True,
        None,
    ],
)
def test_impossible_weights_have_no_dose(weight: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        planned_dose(RULE, weight)
    assert refused.value.field == "weight_kg"


def test_every_weight_on_every_shipped_template() -> None:
    for definition in SHIPPED.values():
        rule = definition.dose
        previous = Decimal(0)
        for tenths in range(200, 3501):
            weight = Decimal(tenths) / 10
            dose = planned_dose(rule, weight)
            assert abs(dose.mg - rule.mg_per_kg * weight) <= rule.rounding_mg / 2
            assert dose.mg % rule.rounding_mg == 0
            assert dose.mg >= previous
            assert dose.over_ceiling == (dose.mg > rule.ceiling_mg)
            previous = dose.mg


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rules, every_weight)
def test_rounding_never_strays_by_more_than_half_a_step(rule: DoseRule, weight: Decimal) -> None:
    dose = planned_dose(rule, weight)
    assert abs(dose.mg - dose.by_weight_mg) <= rule.rounding_mg / 2
    assert abs(dose.mg_per_min * rule.infusion_minutes - dose.mg) < Decimal("1e-20")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rules, every_weight, st.sampled_from([Decimal("0.5"), Decimal(1), Decimal("1.25"), Decimal(10)]))
def test_pump_setting_delivers_the_dose(rule: DoseRule, weight: Decimal, strength: Decimal) -> None:
    dose = planned_dose(rule, weight)
    setting = pump_setting(dose.mg, strength, dose.minutes)
    assert abs(setting.ml * strength - dose.mg) <= Decimal("0.005") * strength
    delivered = mg_per_min_from_ml_per_hour(setting.ml_per_hour, strength) * dose.minutes
    assert abs(delivered - dose.mg) <= Decimal("0.05") * strength * dose.minutes / 60 + Decimal("1e-20")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.integers(1, 9999).map(lambda n: Decimal(n) / 10), st.integers(1, 1000).map(lambda n: Decimal(n) / 10)
)
def test_both_units_of_rate_are_the_same_rate(ml_per_hour: Decimal, strength: Decimal) -> None:
    back = ml_per_hour_from_mg_per_min(mg_per_min_from_ml_per_hour(ml_per_hour, strength), strength)
    assert abs(back - ml_per_hour) < Decimal("1e-20")


@pytest.mark.parametrize("strength", [Decimal(0), Decimal("0.01"), Decimal(101), Decimal("NaN"), 1.0])
def test_impossible_bags_are_refused(strength: object) -> None:
    with pytest.raises(InvalidInput):
        pump_setting(Decimal(35), strength, 40)


def test_above_the_ceiling_needs_another_prescriber() -> None:
    check_order(RULE, Decimal(60), ordered_by="dr-a")
    check_order(RULE, Decimal("60.5"), ordered_by="dr-a", co_signed_by="dr-b")
    for co_signed_by in ("", "dr-a"):
        with pytest.raises(RuleNotMet) as refused:
            check_order(RULE, Decimal("60.5"), ordered_by="dr-a", co_signed_by=co_signed_by)
        assert refused.value.code == "over-ceiling"


@pytest.mark.parametrize(
    ("weight", "fits"), [("70", True), ("73.5", True), ("73.6", False), ("75", False), ("66", False)]
)
def test_five_percent_reopens_the_order(weight: str, fits: bool) -> None:
    assert order_still_fits(Decimal("35"), RULE, Decimal(weight)) is fits


def found(weight: str, **facts) -> set[tuple[str, str]]:
    return {(item.severity, item.code) for item in check_weight(Decimal(weight), **facts)}


def test_first_visit_pounds_typed_as_kilograms_are_blocked() -> None:
    """154 lb typed as kg at 170 cm: BMI 53."""
    assert ("block", "weight-bmi") in found("154", height_cm=Decimal(170))
    assert found("70", height_cm=Decimal(170)) == set()
    assert ("block", "height-needed") in found("70")


@pytest.mark.parametrize("earlier", ["70", "154"])
def test_pounds_against_any_earlier_weight_are_blocked(earlier: str) -> None:
    weight = "154" if earlier == "70" else "70"
    assert ("block", "weight-pounds") in found(weight, last_weight_kg=Decimal(earlier))
    assert ("block", "weight-pounds") in found(
        weight, last_weight_kg=Decimal(weight), earlier_weights_kg=(Decimal(earlier),)
    )


@pytest.mark.parametrize(
    ("weight", "asks"), [("70", False), ("77", False), ("77.1", True), ("63", False), ("62.9", True)]
)
def test_more_than_ten_percent_asks_for_a_second_person(weight: str, asks: bool) -> None:
    assert (("second_person", "weight-change") in found(weight, last_weight_kg=Decimal(70))) is asks


def test_unusual_but_possible_weights_are_only_said() -> None:
    assert found("260", last_weight_kg=Decimal(255)) == {("warn", "weight-unusual")}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(400, 1500).map(lambda tenths: Decimal(tenths) / 10))
def test_no_pound_mix_up_of_a_known_patient_gets_through(kilograms: Decimal) -> None:
    pounds = (kilograms * Decimal("2.20462")).quantize(Decimal("0.1"))
    assert ("block", "weight-pounds") in found(str(pounds), last_weight_kg=kilograms)
