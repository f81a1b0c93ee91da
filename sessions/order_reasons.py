"""Why one order is weaker than what was studied: the reason, or the refusal to sign without one. Pure module.

Less than 0.5 mg/kg, fewer than 40 minutes, or another route than the vein each need a coded reason with its evidence
note (`protocols/evidence.COMPROMISES`). What the version itself asks for carries the version's own reason: PROTOCOL.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from protocols.definition import DoseRule
from protocols.definition_rules import MAX_INFUSION_MINUTES, MIN_INFUSION_MINUTES, ROUTES
from protocols.evidence import COMPROMISES
from protocols.review import USUAL_DOSE, USUAL_MINUTES
from sessions.dosing import PlannedDose
from staff.errors import InvalidInput, RuleNotMet

PROTOCOL, ROUNDING, CEILING, NOT_STATED = "protocol", "rounding", "ceiling", "not-stated"
BY_ITSELF = {
    PROTOCOL: "As the protocol's version says, with its reason",
    ROUNDING: "The protocol's dose, rounded to the pump's steps",
    CEILING: "The protocol's ceiling for heavy patients",
    NOT_STATED: "Ordered before reasons were asked for",
}
"""Reasons that nobody chooses, because they follow from the version."""
ROUNDED = Decimal("0.98")  # an order is rounded to the pump: 2 % less than 0.5 mg/kg is no lower dose
IV = "iv"


@dataclass(frozen=True)
class OrderShape:
    """How the dose is given, where not as the version says. `minutes` None and `route` "" = as the version says."""

    low_reason: str = ""
    minutes: int | None = None
    short_reason: str = ""
    route: str = ""
    route_reason: str = ""


def low_reason(
    rule: DoseRule, planned: PlannedDose, wanted_mg: Decimal, weight_kg: Decimal, given: str
) -> str:
    """The reason to keep for this dose; "" for 0.5 mg/kg or more. Raises RuleNotMet `low-order-reason` without one."""
    if wanted_mg >= USUAL_DOSE * weight_kg * ROUNDED:
        return ""
    if given:
        return _known("low_dose", given, "low_reason")
    if wanted_mg >= planned.mg:
        return PROTOCOL if rule.mg_per_kg < USUAL_DOSE else ROUNDING
    if planned.over_ceiling and wanted_mg + rule.rounding_mg > rule.ceiling_mg:
        return CEILING
    raise RuleNotMet("Say why less than 0.5 mg/kg is ordered.", code="low-order-reason", field="low_reason")


def shape_of(rule: DoseRule, shape: OrderShape) -> OrderShape:
    """Minutes and route as they are kept: None and "" where they are the version's own.

    Raises InvalidInput outside 30 to 100 minutes or for an unknown route, RuleNotMet `short-order-reason` for fewer
    than 40 minutes and `route-order-reason` for another route than the vein, without a coded reason.
    """
    minutes = None if shape.minutes == rule.infusion_minutes else shape.minutes
    if minutes is not None and not MIN_INFUSION_MINUTES <= minutes <= MAX_INFUSION_MINUTES:
        raise InvalidInput(
            f"Enter {MIN_INFUSION_MINUTES} to {MAX_INFUSION_MINUTES} minutes.", code="range", field="minutes"
        )
    route = "" if shape.route == rule.route else shape.route
    if route and route not in ROUTES:
        raise InvalidInput("Choose a route of the list.", code="choice", field="route")
    short, other = "", ""
    if minutes is not None and minutes < USUAL_MINUTES:
        short = _required(
            "short", shape.short_reason, "short_reason", "Say why it is given in less than 40 minutes."
        )
    if route not in ("", IV):
        other = _required("route", shape.route_reason, "route_reason", "Say why it is not given into a vein.")
    return OrderShape(shape.low_reason, minutes, short, route, other)


def words_for(kind: str, code: str) -> str:
    """A kept reason in words, with what is known about it."""
    return COMPROMISES[kind].get(code) or BY_ITSELF.get(code, "No reason is on record")


def _required(kind: str, given: str, field: str, words: str) -> str:
    if not given:
        raise RuleNotMet(words, code=f"{field.replace('_', '-order-')}", field=field)
    return _known(kind, given, field)


def _known(kind: str, given: str, field: str) -> str:
    if given not in COMPROMISES[kind]:
        raise InvalidInput("Choose a reason of the list.", code="choice", field=field)
    return given
