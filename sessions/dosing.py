"""From today's weight to mg, mL and mL/h, and whether that weight can be believed. Pure module.

Decimal throughout. Units are in the names. Source of the limits: clinical C1, decisions 2.10, hazard H2
(kg/lb).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from protocols.definition import DoseRule
from staff.errors import InvalidInput, RuleNotMet

HARD_MIN_KG, HARD_MAX_KG = Decimal(20), Decimal(350)
SOFT_MIN_KG, SOFT_MAX_KG = Decimal(30), Decimal(250)
LARGEST_CHANGE = Decimal("0.10")
POUNDS_PER_KG = Decimal("2.2")
POUNDS_TOLERANCE = Decimal("0.05")
MIN_BMI, MAX_BMI = Decimal(15), Decimal(45)
MIN_HEIGHT_CM, MAX_HEIGHT_CM = Decimal(100), Decimal(250)
MIN_CONCENTRATION, MAX_CONCENTRATION = Decimal("0.1"), Decimal(100)


@dataclass(frozen=True)
class PlannedDose:
    """`mg` to give. `by_weight_mg` is mg/kg times weight before rounding.

    `over_ceiling`: the rounded dose is above the version's ceiling, so it may not be ordered without a
    co-signature; `mg` is then still the dose by weight, `ceiling_mg` the most that may be ordered alone.
    """

    mg: Decimal
    by_weight_mg: Decimal
    ceiling_mg: Decimal
    over_ceiling: bool
    minutes: int

    @property
    def mg_per_min(self) -> Decimal:
        """Constant rate over the planned minutes."""
        return self.mg / Decimal(self.minutes)


@dataclass(frozen=True)
class PumpSetting:
    """What a pump shows: total volume and rate for a bag of `mg_per_ml`."""

    mg_per_ml: Decimal
    ml: Decimal
    ml_per_hour: Decimal


@dataclass(frozen=True)
class WeightFinding:
    """`severity`: block = no dose until re-weighed; second_person = another confirms; warn = say so."""

    severity: str
    code: str
    message: str


def _number(value: object, field: str, low: Decimal, high: Decimal) -> Decimal:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise InvalidInput("Enter a number, such as 72.5.", field=field)
    if not low <= value <= high:
        raise InvalidInput(f"Enter a value from {low} to {high}.", field=field)
    return value


def round_dose(mg: Decimal, step_mg: Decimal) -> Decimal:
    """`mg` to the nearest multiple of `step_mg`, halves to the even multiple."""
    return (mg / step_mg).quantize(Decimal(1), rounding=ROUND_HALF_EVEN) * step_mg


def planned_dose(rule: DoseRule, weight_kg: Decimal) -> PlannedDose:
    """Dose for today's weight. Raises InvalidInput for a weight outside 20 to 350 kg."""
    weight = _number(weight_kg, "weight_kg", HARD_MIN_KG, HARD_MAX_KG)
    by_weight = rule.mg_per_kg * weight
    mg = round_dose(by_weight, rule.rounding_mg)
    return PlannedDose(mg, by_weight, rule.ceiling_mg, mg > rule.ceiling_mg, rule.infusion_minutes)


@dataclass(frozen=True)
class OrderLimit:
    """The most mg that one prescriber orders today, and the most that two may; both rounded like the dose."""

    alone_mg: Decimal
    most_mg: Decimal


def order_limit(rule: DoseRule, weight_kg: Decimal, last_mg_per_kg: Decimal | None) -> OrderLimit:
    """What the version's titration allows at this weight.

    Without a step and a cap, and at the patient's first infusion (`last_mg_per_kg` None), both are the protocol's own
    dose. Else one step above the last infusion's mg/kg is ordered alone (never less than the protocol's dose), anything
    up to the cap with a second prescriber.
    """
    weight = _number(weight_kg, "weight_kg", HARD_MIN_KG, HARD_MAX_KG)
    base, step, cap = rule.mg_per_kg, rule.titration_step_mg_per_kg, rule.titration_cap_mg_per_kg
    if step is None or cap is None or last_mg_per_kg is None:
        alone = most = base
    else:
        alone, most = min(cap, max(base, last_mg_per_kg + step)), max(base, cap)
    return OrderLimit(
        round_dose(alone * weight, rule.rounding_mg), round_dose(most * weight, rule.rounding_mg)
    )


def check_raise(limit: OrderLimit, mg: Decimal, *, ordered_by: str, co_signed_by: str = "") -> None:
    """Raise RuleNotMet when `mg` is above the cap, or above the step and no second person has signed."""
    if mg > limit.most_mg:
        raise RuleNotMet(
            f"The protocol gives at most {limit.most_mg} mg for this weight. More is not ordered on this record.",
            code="over-protocol-dose",
            field="ordered_mg",
        )
    if mg > limit.alone_mg and (not co_signed_by or co_signed_by == ordered_by):
        raise RuleNotMet(
            f"{mg} mg is a larger step than the protocol's, which allows {limit.alone_mg} mg today: a second "
            "prescriber must sign.",
            code="over-step",
            field="co_signed_by",
        )


def check_order(rule: DoseRule, mg: Decimal, *, ordered_by: str, co_signed_by: str = "") -> None:
    """Raise RuleNotMet when `mg` is above the version's ceiling and no second person has signed."""
    if mg > rule.ceiling_mg and (not co_signed_by or co_signed_by == ordered_by):
        raise RuleNotMet(
            f"{mg} mg is above the limit of {rule.ceiling_mg} mg: a second prescriber must sign.",
            code="over-ceiling",
            field="co_signed_by",
        )


def order_still_fits(ordered_mg: Decimal, rule: DoseRule, weight_kg: Decimal) -> bool:
    """Whether today's dose by weight is within 5 % of the signed order (else the prescriber taps again)."""
    today = planned_dose(rule, weight_kg).by_weight_mg
    return abs(today - ordered_mg) <= ordered_mg * Decimal("0.05")


def weight_still_fits(ordered_for_kg: Decimal, weight_kg: Decimal) -> bool:
    """Whether today's weight is within 5 % (inclusive) of the one that the order was signed for."""
    return abs(weight_kg - ordered_for_kg) <= ordered_for_kg * Decimal("0.05")


def pump_setting(mg: Decimal, mg_per_ml: Decimal, minutes: int) -> PumpSetting:
    """Volume (mL, 2 decimals) and rate (mL/h, 1 decimal) for a bag of `mg_per_ml`."""
    strength = _number(mg_per_ml, "mg_per_ml", MIN_CONCENTRATION, MAX_CONCENTRATION)
    volume = mg / strength
    return PumpSetting(
        strength,
        volume.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN),
        (volume * 60 / minutes).quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN),
    )


def mg_per_min_from_ml_per_hour(ml_per_hour: Decimal, mg_per_ml: Decimal) -> Decimal:
    """The rate a pump shows, in mg/min."""
    return ml_per_hour * mg_per_ml / 60


def ml_per_hour_from_mg_per_min(mg_per_min: Decimal, mg_per_ml: Decimal) -> Decimal:
    """The rate in mg/min, as a pump shows it (not rounded)."""
    return mg_per_min * 60 / mg_per_ml


def check_weight(
    weight_kg: Decimal,
    *,
    last_weight_kg: Decimal | None = None,
    earlier_weights_kg: Sequence[Decimal] = (),
    height_cm: Decimal | None = None,
) -> tuple[WeightFinding, ...]:
    """What speaks against this weight. Raises InvalidInput outside 20 to 350 kg.

    A patient's first weight is checked against height (BMI 15 to 45); any weight against the last one (10 %)
    and, for kg/lb mix-ups, against every earlier or referral weight (ratio 2.2 within 5 %, either way).
    """
    weight = _number(weight_kg, "weight_kg", HARD_MIN_KG, HARD_MAX_KG)
    earlier = [*earlier_weights_kg, *([last_weight_kg] if last_weight_kg is not None else [])]
    findings = [*_pounds(weight, earlier), *_change(weight, last_weight_kg)]
    if last_weight_kg is None:
        findings += _first_weight(weight, height_cm)
    if not SOFT_MIN_KG <= weight <= SOFT_MAX_KG:
        findings.append(
            WeightFinding("warn", "weight-unusual", f"{weight} kg is unusual. Weigh again if in doubt.")
        )
    return tuple(findings)


def _pounds(weight: Decimal, earlier: Sequence[Decimal]) -> list[WeightFinding]:
    for other in earlier:
        ratio = max(weight, other) / min(weight, other)
        if abs(ratio - POUNDS_PER_KG) <= POUNDS_PER_KG * POUNDS_TOLERANCE:
            text = f"{weight} kg against {other} kg: one of them looks like pounds. Weigh again."
            return [WeightFinding("block", "weight-pounds", text)]
    return []


def _change(weight: Decimal, last: Decimal | None) -> list[WeightFinding]:
    if last is None or abs(weight - last) <= last * LARGEST_CHANGE:
        return []
    text = f"Changed from {last} kg by more than 10 %: a second person confirms the weight."
    return [WeightFinding("second_person", "weight-change", text)]


def _first_weight(weight: Decimal, height_cm: Decimal | None) -> list[WeightFinding]:
    if height_cm is None:
        return [WeightFinding("block", "height-needed", "A first weight needs the height beside it.")]
    height = _number(height_cm, "height_cm", MIN_HEIGHT_CM, MAX_HEIGHT_CM)
    bmi = weight / (height / 100) ** 2
    if MIN_BMI <= bmi <= MAX_BMI:
        return []
    text = f"{weight} kg at {height} cm gives a BMI of {bmi:.0f}: check the unit and weigh again."
    return [WeightFinding("block", "weight-bmi", text)]
