"""The infusion visit of a definition as a clinician reads it, from the checks before to clearance. Pure module."""

from __future__ import annotations

from protocols.definition import ProtocolDefinition
from protocols.reading_rows import Row, Section, row
from protocols.wording import (
    MODELS,
    ROLES,
    minutes_words,
    named,
    plain_number,
)
from sessions.discharge import CRITERIA
from sessions.eligibility import CHECKS, CONTRAINDICATIONS


def before(definition: ProtocolDefinition) -> Section:
    """What is asked before a start."""
    limits = definition.limits
    labels = {code: check.label for code, check in CHECKS.items()}
    checks = tuple(named(labels, code) for code in definition.preinfusion_checks)
    asked = tuple(CONTRAINDICATIONS[code].label for code in definition.eligibility or CONTRAINDICATIONS)
    return Section(
        "before",
        "Before the infusion",
        (
            row(
                "Consent and education",
                "Consent signed and three questions answered in the patient's own words",
                "consent",
            ),
            row("Eligibility", "Signed by a prescriber before a series", "checks", asked),
            row("Signed again", f"After {definition.eligibility_days} days", "eligibility"),
            *_preparation(definition),
            *_exposure(definition),
            row("Checks", f"{len(checks)} checks, each recorded", "checks", checks),
            row(
                "Fasting",
                "No food for {} h, no clear drinks for {} h".format(*definition.fasting_hours),
                "fasting",
            ),
            row(
                "Do not start",
                f"Over {limits.block_systolic}/{limits.block_diastolic} mmHg twice, 5 min apart",
                "block",
            ),
        ),
    )


def _preparation(definition: ProtocolDefinition) -> tuple[Row, ...]:
    if definition.preparation_minutes is None:
        return ()
    words = f"{definition.preparation_minutes} min, before the first infusion"
    about = ("Goals", "Practice plan", "Expectations", "Outside therapist")
    return (row("Preparation visit", words, "preparation", about),)


def _exposure(definition: ProtocolDefinition) -> tuple[Row, ...]:
    """Limits of exposure, when the version has one."""
    in_life, in_year, mg = (
        definition.most_treatments_in_life,
        definition.most_treatments_in_year,
        definition.most_mg_in_life,
    )
    said = [
        *([f"{in_year} treatments in twelve months"] if in_year is not None else ()),
        *([f"{in_life} treatments in a life"] if in_life is not None else ()),
        *([f"{mg.normalize():f} mg in a life"] if mg is not None else ()),
    ]
    if not said:
        return ()
    about = ("Treatments elsewhere count", "Beyond it a prescriber gives a reason")
    return (row("Exposure, at most", ", ".join(said), "exposure", about),)


def during(definition: ProtocolDefinition) -> Section:
    """Staff, chair, vital signs and their limits."""
    limits = definition.limits
    staffing = tuple(
        f"{named(ROLES, part.role)}: minute {part.from_minute} to {part.to_minute}"
        + (f", counts as {part.load} patients" if part.load > 1 else "")
        for part in definition.staffing
    )
    grid = ", ".join(str(minute) for minute in definition.vitals_minutes)
    return Section(
        "during",
        "During the infusion",
        (
            row("Staffing", "From the planned start", "staffing", staffing),
            row(
                "Chair",
                f"{minutes_words(definition.chair_minutes)}, then "
                f"{minutes_words(definition.turnover_minutes)} to turn over",
                "stay",
            ),
            row("Vital signs", f"At minute {grid}", "vitals"),
            row(
                "Pause and recheck",
                f"Over {limits.pause_systolic}/{limits.pause_diastolic} mmHg, heart rate over "
                f"{limits.pause_heart_rate}/min, or oxygen saturation under {limits.pause_spo2} %",
                "pause",
            ),
            row(
                "Stop, do not resume",
                f"Over {limits.stop_systolic}/{limits.stop_diastolic} mmHg, or oxygen saturation under "
                f"{limits.stop_spo2} %",
                "stop",
            ),
            row(
                "Longest pause",
                f"After {minutes_words(definition.pause_limit_minutes)} the rest is ordered again",
                "long_pause",
            ),
        ),
    )


def leaving(definition: ProtocolDefinition) -> Section:
    """Observation and criteria for leaving."""
    rule = definition.discharge
    return Section(
        "leaving",
        "Ready to leave",
        (
            row(
                "Observation",
                f"At least {minutes_words(rule.observe_from_start_minutes)} from the start",
                "observation",
            ),
            row(
                "After the pump stops",
                f"At least {minutes_words(rule.observe_from_stop_minutes)}",
                "observation_after",
            ),
            row(
                "After a sedating drug",
                f"{minutes_words(definition.sedative_minutes)} longer",
                "sedative",
            ),
            row(
                "Criteria",
                "All met, each with its time; one unmet needs a reason and a second person",
                "criteria",
                tuple(named(CRITERIA, code) for code in rule.criteria),
            ),
            row(
                "Vital signs count as met",
                f"Within {rule.vitals_within_percent} % of the value before the start, or from "
                f"{rule.min_systolic}/{rule.min_diastolic} to {rule.max_systolic}/{rule.max_diastolic} mmHg and "
                f"{rule.min_heart_rate} to {rule.max_heart_rate} beats a minute",
                "criteria",
            ),
            row(
                "Late signature",
                f"After {minutes_words(rule.late_signing_minutes)} a reason is asked",
                "late_signing",
            ),
        ),
    )


def clearance(definition: ProtocolDefinition) -> Section:
    """When the drug counts as cleared."""
    rule = definition.clearance
    if definition.dose.route == "iv":
        by_model = (
            row("Model", f"{named(MODELS, rule.model)}, on the actual pump log", "model"),
            row(
                "Threshold",
                f"Predicted to stay below {plain_number(rule.threshold_ng_ml)} ng/mL in 95 of 100 patients",
                "threshold",
            ),
        )
    else:
        hours = rule.unmodelled_hours
        by_model = (
            row("Model", "None for this route: a clinician states the time with the signature", "unmodelled"),
            row("Planned", f"{hours} h after the start" if hours else "Not stated yet", "unmodelled"),
        )
    return Section(
        "clearance",
        "Drug cleared (estimate)",
        (
            *by_model,
            row(
                "Hardly any drug",
                f"Under {plain_number(rule.aborted_below_mg)} mg: ready to leave decides alone",
                "aborted",
            ),
            row(
                "No-therapy period",
                "From the infusion start until the drug has cleared (estimate) and the patient is signed off",
                "no_therapy",
            ),
        ),
        about="Predicted by a published model, never measured. It unlocks nothing without a sign-off."
        if definition.dose.route == "iv"
        else "Nothing predicts it. It unlocks nothing without a sign-off.",
    )
