"""What a definition must satisfy before anything is planned on it. Pure module.

Hard limits only (clinical.md C1 and the order of things); judgement calls are findings of `protocols/review.py`.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import fields
from datetime import date
from decimal import Decimal

from protocols.definition import Elapsed, FollowUpRule, ProtocolDefinition, SeriesPhase, StaffPhase
from protocols.evidence import GRADES
from protocols.message_text import LONGEST_EMAIL, LONGEST_SMS, problem
from protocols.wording import INSTRUMENTS
from sessions.discharge import CRITERIA
from sessions.eligibility import CONTRAINDICATIONS
from staff.errors import InvalidInput

ROUTES = ("iv", "im", "sc", "oral", "intranasal")
MIN_DOSE_MG_PER_KG = Decimal("0.1")
MAX_DOSE_MG_PER_KG = Decimal("1.0")
MAX_CEILING_MG = Decimal("200")
MIN_INFUSION_MINUTES, MAX_INFUSION_MINUTES = 30, 100
MIN_OBSERVATION_FROM_START, MIN_OBSERVATION_FROM_STOP = 120, 60
MAX_VISITS = 60
PREPARATION_MINUTES = (15, 240)
MOST_TREATMENTS, MOST_MG = (1, 2000), (Decimal(1), Decimal(100_000))
ELIGIBILITY_DAYS = (30, 730)
UNMODELLED_HOURS = (2, 72)
ESCALATION = {
    "pool_after_target_hours": (0, 72), "lead_core_parts": (2, 12), "lead_least_hours": (1, 72),
    "lead_most_hours": (1, 96), "unsigned_after_minutes": (0, 240), "unsigned_before_shift_minutes": (0, 240),
}  # fmt: skip


def check_definition(definition: ProtocolDefinition) -> None:
    """Raise InvalidInput at the first broken hard rule, naming its field."""
    _check_dose(definition)
    _check_times(definition)
    for number, phase in enumerate(definition.phases):
        _check_phase(phase, f"definition.phases.{number}")
    for number, part in enumerate(definition.staffing):
        _check_staffing(part, definition.chair_minutes, f"definition.staffing.{number}")
    for number, outcome in enumerate(definition.outcomes):
        _require(
            outcome.instrument in INSTRUMENTS,
            f"must be one of {', '.join(INSTRUMENTS)}",
            f"definition.outcomes.{number}.instrument",
        )
        _require(
            outcome not in definition.outcomes[:number],
            "is listed twice",
            f"definition.outcomes.{number}.when",
        )
    _check_reviews(definition)
    _check_exposure(definition)
    _check_escalation(definition)
    kinds = [rule.kind for rule in definition.follow_ups]
    for number, rule in enumerate(definition.follow_ups):
        path = f"definition.follow_ups.{number}"
        _require(kinds.count(rule.kind) == 1, "is listed twice", f"{path}.kind")
        _check_follow_up(rule, path)


def broken_rules(definition: ProtocolDefinition) -> tuple[tuple[str, str], ...]:
    """Every broken hard rule as (field path, words), in the order of the checks; empty when all hold."""
    found: list[tuple[str, str]] = []
    token = _FOUND.set(found)
    try:
        check_definition(definition)
    finally:
        _FOUND.reset(token)
    return tuple(dict.fromkeys(found))


_FOUND: ContextVar[list[tuple[str, str]] | None] = ContextVar(
    "broken rules, when all are asked for", default=None
)


def _require(holds: bool, message: str, path: str) -> None:
    if holds:
        return
    collected = _FOUND.get()
    if collected is None:
        raise InvalidInput(message, field=path)
    collected.append((path, message))


def _check_dose(definition: ProtocolDefinition) -> None:
    dose, clearance = definition.dose, definition.clearance
    _require(
        MIN_DOSE_MG_PER_KG <= dose.mg_per_kg <= MAX_DOSE_MG_PER_KG,
        "must be between 0.1 and 1.0 mg/kg",
        "definition.dose.mg_per_kg",
    )
    _require(
        0 < dose.ceiling_mg <= MAX_CEILING_MG,
        "must be above 0 and at most 200 mg",
        "definition.dose.ceiling_mg",
    )
    _require(0 < dose.rounding_mg <= 5, "must be above 0 and at most 5 mg", "definition.dose.rounding_mg")
    _require(dose.route in ROUTES, f"must be one of {', '.join(ROUTES)}", "definition.dose.route")
    _require(
        MIN_INFUSION_MINUTES <= dose.infusion_minutes <= MAX_INFUSION_MINUTES,
        "must be between 30 and 100 minutes",
        "definition.dose.infusion_minutes",
    )
    step, cap = dose.titration_step_mg_per_kg, dose.titration_cap_mg_per_kg
    _require(
        step is None or Decimal("0.01") <= step <= Decimal("0.25"),
        "must be between 0.01 and 0.25 mg/kg",
        "definition.dose.titration_step_mg_per_kg",
    )
    _require(
        cap is None or dose.mg_per_kg <= cap <= MAX_DOSE_MG_PER_KG,
        "must lie between the dose and 1.0 mg/kg",
        "definition.dose.titration_cap_mg_per_kg",
    )
    _require(
        clearance.threshold_ng_ml in (Decimal(10), Decimal(20), Decimal(50)),
        "must be 50, 20 or 10 ng/mL",
        "definition.clearance.threshold_ng_ml",
    )
    low, high = UNMODELLED_HOURS
    _require(
        clearance.unmodelled_hours is None or low <= clearance.unmodelled_hours <= high,
        f"must be {low} to {high} hours, or empty",
        "definition.clearance.unmodelled_hours",
    )


def _check_of_the_day(definition: ProtocolDefinition) -> None:
    """Numbers that a version may leave to the product's usual ones."""
    for value, low, high, field in (
        (definition.limits.max_pause_minutes, 5, 120, "limits.max_pause_minutes"),
        (definition.discharge.sedative_observe_minutes, 0, 480, "discharge.sedative_observe_minutes"),
        (definition.fasting_food_hours, 0, 12, "fasting_food_hours"),
        (definition.fasting_drink_hours, 0, 6, "fasting_drink_hours"),
    ):
        inside = value is None or low <= value <= high
        _require(inside, f"must be {low} to {high}", f"definition.{field}")


def _check_exposure(definition: ProtocolDefinition) -> None:
    """Limits of exposure: a year cannot hold more than a life, and a whole series has to fit."""
    in_life, in_year = definition.most_treatments_in_life, definition.most_treatments_in_year
    low, high = MOST_TREATMENTS
    for value, name in ((in_life, "most_treatments_in_life"), (in_year, "most_treatments_in_year")):
        inside = value is None or low <= value <= high
        _require(inside, f"must be {low} to {high}, or empty", f"definition.{name}")
    _require(
        in_life is None or in_year is None or in_year <= in_life,
        "must not be more than in a life",
        "definition.most_treatments_in_year",
    )
    least, most = MOST_MG
    mg = definition.most_mg_in_life
    _require(
        mg is None or least <= mg <= most,
        f"must be {least} to {most} mg, or empty",
        "definition.most_mg_in_life",
    )


def _check_escalation(definition: ProtocolDefinition) -> None:
    """Each moment within its limits, and the prescriber's inside the core."""
    rule, path = definition.escalation, "definition.escalation"
    for name, (low, high) in ESCALATION.items():
        _require(low <= getattr(rule, name) <= high, f"must be {low} to {high}", f"{path}.{name}")
    _require(
        rule.lead_least_hours <= rule.lead_most_hours,
        "must not be less than the least",
        f"{path}.lead_most_hours",
    )


def _check_times(definition: ProtocolDefinition) -> None:
    discharge = definition.discharge
    _require(
        discharge.observe_from_start_minutes >= MIN_OBSERVATION_FROM_START,
        "must be at least 120 minutes",
        "definition.discharge.observe_from_start_minutes",
    )
    _require(
        discharge.observe_from_stop_minutes >= MIN_OBSERVATION_FROM_STOP,
        "must be at least 60 minutes",
        "definition.discharge.observe_from_stop_minutes",
    )
    _require(bool(discharge.criteria), "must name at least one criterion", "definition.discharge.criteria")
    _require(
        set(discharge.criteria) <= set(CRITERIA) and len(set(discharge.criteria)) == len(discharge.criteria),
        f"must be among {', '.join(CRITERIA)}, each once",
        "definition.discharge.criteria",
    )
    for name in ("min_aldrete", "min_padss"):
        _require(8 <= getattr(discharge, name) <= 10, "must be 8 to 10", f"definition.discharge.{name}")
    stay = max(
        discharge.observe_from_start_minutes,
        definition.dose.infusion_minutes + discharge.observe_from_stop_minutes,
    )
    _require(
        stay <= definition.chair_minutes <= 720,
        "must cover infusion and observation, and at most 720 minutes",
        "definition.chair_minutes",
    )
    _check_of_the_day(definition)
    _check_visits(definition)
    _require(
        list(definition.vitals_minutes) == sorted(set(definition.vitals_minutes)),
        "must rise without repeats",
        "definition.vitals_minutes",
    )


def _check_visits(definition: ProtocolDefinition) -> None:
    """How many and how long the visits are, for whom, and what is signed before them."""
    _require(
        0 <= definition.turnover_minutes <= 120, "must be 0 to 120 minutes", "definition.turnover_minutes"
    )
    _require(
        20 <= definition.therapy_minutes <= 180, "must be 20 to 180 minutes", "definition.therapy_minutes"
    )
    _require(
        1 <= definition.visits <= MAX_VISITS, f"must be 1 to {MAX_VISITS} visits in all", "definition.phases"
    )
    _require(
        18 <= definition.minimum_age_years <= 120, "must be at least 18 years", "definition.minimum_age_years"
    )
    low, high = PREPARATION_MINUTES
    _require(
        definition.preparation_minutes is None or low <= definition.preparation_minutes <= high,
        f"must be {low} to {high} minutes, or empty",
        "definition.preparation_minutes",
    )
    low, high = ELIGIBILITY_DAYS
    _require(
        definition.eligibility_valid_days is None or low <= definition.eligibility_valid_days <= high,
        f"must be {low} to {high} days, or empty",
        "definition.eligibility_valid_days",
    )
    _require(
        set(definition.eligibility) <= set(CONTRAINDICATIONS)
        and len(set(definition.eligibility)) == len(definition.eligibility),
        "must be different entries of the eligibility list",
        "definition.eligibility",
    )


def _check_phase(phase: SeriesPhase, path: str) -> None:
    _require(1 <= phase.visits <= MAX_VISITS, f"must be 1 to {MAX_VISITS}", f"{path}.visits")
    _require(phase.gap_min_hours >= 24, "must be at least 24 hours", f"{path}.gap_min_hours")
    _require(
        phase.gap_min_hours <= phase.gap_target_hours <= phase.gap_max_hours <= 24 * 90,
        "must satisfy min <= target <= max <= 90 days",
        f"{path}.gap_target_hours",
    )
    _require(
        phase.long_gap_max_hours is None or phase.gap_max_hours < phase.long_gap_max_hours <= 24 * 28,
        "must be longer than the maximum gap and at most 28 days",
        f"{path}.long_gap_max_hours",
    )
    _require(
        bool(phase.weekdays) and set(phase.weekdays) <= set(range(7)),
        "must be weekdays 0 (Monday) to 6",
        f"{path}.weekdays",
    )


def _check_reviews(definition: ProtocolDefinition) -> None:
    points, path = definition.reviews, "definition.reviews"
    _require(
        list(points.after_infusions) == sorted(set(points.after_infusions)),
        "must rise without repeats",
        f"{path}.after_infusions",
    )
    _require(
        all(1 <= number <= definition.visits for number in points.after_infusions),
        "must be infusions of the series",
        f"{path}.after_infusions",
    )
    every = points.every_maintenance
    _require(every is None or 1 <= every <= 12, "must be 1 to 12 infusions", f"{path}.every_maintenance")
    _require(
        every is None or any(phase.maintenance for phase in definition.phases),
        "needs a part of the series that is maintenance",
        f"{path}.every_maintenance",
    )
    for name in ("sources_read_on", "review_by"):
        _require(_is_day(getattr(definition, name)), "must be a day such as 2026-11-24", f"definition.{name}")
    _require(
        "" in (definition.sources_read_on, definition.review_by)
        or definition.sources_read_on < definition.review_by,
        "must be later than the day on which the sources were read",
        "definition.review_by",
    )
    for item in fields(definition.bases):
        grade = getattr(definition.bases, item.name).grade
        _require(grade in ("", *GRADES), "must be A to D", f"definition.bases.{item.name}.grade")


def _is_day(text: str) -> bool:
    try:
        return not text or date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_successive(rule: FollowUpRule, path: str) -> None:
    """Drop, merge and expiry of a follow-up (clinical D2)."""
    _require(
        rule.gate == "window" or rule.redosed == "fit",
        "safety follow-ups are never dropped or merged",
        f"{path}.redosed",
    )
    for name, low, high in (
        ("tail_gap_hours", 24, 24 * 60),
        ("close_redose_hours", 0, 24 * 7),
        ("close_latest_hours", 8, 24 * 7),
        ("merge_within_hours", 0, 24 * 7),
    ):
        _require(low <= getattr(rule, name) <= high, f"must be {low} to {high} hours", f"{path}.{name}")


def _check_staffing(part: StaffPhase, chair_minutes: int, path: str) -> None:
    _require(part.role in ("nurse", "clinician"), "must be nurse or clinician", f"{path}.role")
    _require(
        0 <= part.from_minute < part.to_minute <= chair_minutes,
        "must lie inside the stay in the chair",
        f"{path}.to_minute",
    )
    _require(1 <= part.load <= 10, "must be 1 to 10", f"{path}.load")


def _check_follow_up(rule: FollowUpRule, path: str) -> None:
    moments = (rule.earliest, rule.target, rule.latest, rule.hard_latest)
    elapsed = [moment.minutes for moment in moments if isinstance(moment, Elapsed)]
    _require(
        elapsed == sorted(elapsed),
        "earliest, target, latest, hard latest are out of order",
        f"{path}.earliest",
    )
    _require(rule.anchor == "pump_stop" or rule.gate == "window", "needs the window gate", f"{path}.gate")
    _require(not rule.therapy or rule.gate == "window", "therapy waits for the window", f"{path}.gate")
    _require(not rule.therapy or rule.duration_minutes > 0, "needs a duration", f"{path}.duration_minutes")
    _check_successive(rule, path)
    for name, text, longest in (
        ("email_text", rule.email_text, LONGEST_EMAIL),
        ("sms_text", rule.sms_text, LONGEST_SMS),
    ):
        wrong = problem(text, longest)
        _require(wrong is None, wrong or "", f"{path}.{name}")
    _require(
        1 <= len(rule.repeat_days) <= 60 and list(rule.repeat_days) == sorted(set(rule.repeat_days)),
        "must rise without repeats",
        f"{path}.repeat_days",
    )
    _require(
        all(0 <= days <= 366 for days in rule.repeat_days), "must be 0 to 366 days", f"{path}.repeat_days"
    )
