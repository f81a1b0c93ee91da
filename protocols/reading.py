"""A whole definition as a clinician reads it: sections of rows, each with its evidence grade and source. Pure
module.
"""

from __future__ import annotations

from dataclasses import replace

from protocols.definition import ProtocolDefinition
from protocols.evidence import COMPROMISES, evidence_for
from protocols.reading_after import FollowUpLine, escalation, follow_ups, window
from protocols.reading_rows import Row, Section, row
from protocols.reading_visit import before, clearance, during, leaving
from protocols.review_points import review_points
from protocols.wording import (
    INSTRUMENTS,
    OUTCOME_TIMES,
    ROUTES,
    hours_words,
    named,
    plain_number,
    weekday_words,
)


def sections(definition: ProtocolDefinition) -> tuple[Section, ...]:
    """Everything but the follow-ups, in the order of a treatment day, with the author's own grades and sources."""
    return tuple(
        replace(
            section,
            rows=tuple(
                replace(row, evidence=evidence_for(definition.bases, row.key)) for row in section.rows
            ),
        )
        for section in _sections(definition)
    )


def _sections(definition: ProtocolDefinition) -> tuple[Section, ...]:
    return (
        _dose(definition),
        _series(definition),
        before(definition),
        during(definition),
        leaving(definition),
        clearance(definition),
        window(definition),
        escalation(definition),
        *_outcomes(definition),
    )


def _dose(definition: ProtocolDefinition) -> Section:
    dose = definition.dose
    return Section(
        "dose",
        "Dose rule",
        (
            row("Dose", f"{plain_number(dose.mg_per_kg)} mg/kg of the weight measured today", "dose"),
            row(
                "Ceiling",
                f"{plain_number(dose.ceiling_mg)} mg; above it a second prescriber signs",
                "ceiling",
            ),
            row("Rounding", f"To {plain_number(dose.rounding_mg)} mg", "ceiling"),
            *_titration(definition),
            row("Route", named(ROUTES, dose.route), "route"),
            row("Duration", f"{dose.infusion_minutes} min", "duration"),
            *(
                row(label, COMPROMISES[code].get(reason, reason), key)
                for label, code, reason, key in (
                    ("Why less than 0.5 mg/kg", "low_dose", dose.low_dose_reason, "dose"),
                    ("Why less than 40 minutes", "short", dose.short_infusion_reason, "duration"),
                    ("Why not into a vein", "route", dose.route_reason, "route"),
                )
                if reason
            ),
            row("Age", f"From {definition.minimum_age_years} years", "age"),
        ),
    )


def _titration(definition: ProtocolDefinition) -> list[Row]:
    dose, rows = definition.dose, []
    if dose.titration_step_mg_per_kg is not None and dose.titration_cap_mg_per_kg is not None:
        step, cap = plain_number(dose.titration_step_mg_per_kg), plain_number(dose.titration_cap_mg_per_kg)
        words = f"By {step} mg/kg from visit to visit, to {cap} mg/kg at most; a prescriber decides"
        rows.append(row("Raising the dose", words, "titration"))
    if dose.rate_titration:
        rows.append(row("Changing the pump's rate", dose.rate_titration, "rate"))
    return rows


def _outcomes(definition: ProtocolDefinition) -> tuple[Section, ...]:
    if not definition.outcomes:
        return ()
    rows = tuple(
        row(named(INSTRUMENTS, rule.instrument), named(OUTCOME_TIMES, rule.when), "outcomes")
        for rule in definition.outcomes
    )
    return (Section("outcomes", "Outcome scores", rows),)


def _series(definition: ProtocolDefinition) -> Section:
    rows = []
    for phase in definition.phases:
        visits = f"{phase.visits} infusion visit{'s' if phase.visits > 1 else ''}"
        gaps: tuple[str, ...] = (
            f"Aim {hours_words(phase.gap_target_hours)} from start to start",
            f"At least {hours_words(phase.gap_min_hours)}, at most {hours_words(phase.gap_max_hours)}",
            weekday_words(phase.weekdays),
        )
        if phase.maintenance:
            gaps = (*gaps, "Maintenance: it keeps a response up")
        rows.append(row(phase.name, visits, "spacing", gaps if phase.visits > 1 else gaps[2:]))
    rows += _reviews(definition)
    return Section("series", "Series", tuple(rows))


def _reviews(definition: ProtocolDefinition) -> list[Row]:
    """After which infusions a prescriber decides how it goes on."""
    points = [str(after) for after in review_points(definition)]
    if not points:
        return []
    return [
        row(
            "Review by a prescriber",
            f"After infusion {', '.join(points)}: the next infusion waits for the signature",
            "reviews",
            ("Response, bladder symptoms, interval and dose", "Continue, taper or stop"),
        )
    ]


__all__ = ["FollowUpLine", "Row", "Section", "follow_ups", "sections"]
