"""What is wrong with a protocol text, and what is only worth a second look. Pure module.

Every finding says what, why, from which source, and which field mends it. `block` keeps a version from being submitted
and approved; `warn` is for the author and the approver to judge. Sources: clinical report C1, C4-C6, D1, D2 and F;
the order of things: decisions 1.6-1.8 and 1.14.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from protocols.definition import ProtocolDefinition, SeriesPhase
from protocols.definition_rules import broken_rules
from protocols.documents import missing_elements, missing_questions
from protocols.evidence import COMPROMISES, GRADES
from protocols.lexicon import check_text
from protocols.review_kinds import Finding, finding
from protocols.review_points import review_points
from protocols.review_windows import escalation, minutes_after, successive, windows

WEEK_HOURS = 168
MOST_A_WEEK = 3
LEAST_SPACING_HOURS = 36
USUAL_DOSE, HIGH_DOSE = Decimal("0.5"), Decimal("0.75")
USUAL_MINUTES = 40
HARD_CHECKS = ("consent", "education", "weight", "blood_pressure")


def review(
    definition: ProtocolDefinition,
    documents: Mapping[str, str],
    *,
    published: bool = False,
    next_review_on: date | None = None,
) -> tuple[Finding, ...]:
    """All findings, blocking ones first, otherwise in the order of the text.

    `documents`: bodies by kind (consent, education). `published`: review dates must stand by now.
    """
    found = [
        *_hard_rules(definition),
        *_regimen(definition),
        *_order(definition),
        *_spacing(definition),
        *windows(definition),
        *_therapy(definition),
        *successive(definition),
        *escalation(definition),
        *_review_points(definition),
        *_evidence(definition),
        *_documents(documents),
        *_language(definition, documents),
    ]
    if published and next_review_on is None:
        found.append(finding("no-review-date", "The date of the next review is missing.", "next_review_on"))
    return tuple(sorted(dict.fromkeys(found), key=lambda item: not item.blocks))


def _hard_rules(definition: ProtocolDefinition) -> Iterator[Finding]:
    for path, words in broken_rules(definition):
        field = path.removeprefix("definition.")
        yield finding("hard-rule", f"{field.replace('_', ' ').replace('.', ', ')}: {words}.", field)


def _regimen(definition: ProtocolDefinition) -> Iterator[Finding]:
    dose = definition.dose
    if dose.mg_per_kg > HIGH_DOSE:
        yield finding("high-dose", f"{dose.mg_per_kg} mg/kg is above 0.75 mg/kg.", "dose.mg_per_kg")
    for code, holds, field, what in (
        ("low_dose", dose.mg_per_kg < USUAL_DOSE, "dose.low_dose_reason", "Less than 0.5 mg/kg"),
        (
            "short",
            dose.infusion_minutes < USUAL_MINUTES,
            "dose.short_infusion_reason",
            "Less than 40 minutes",
        ),
        ("route", dose.route != "iv", "dose.route_reason", "Another route than the vein"),
    ):
        given = getattr(dose, field.rpartition(".")[2])
        if holds and not given:
            yield finding("without-reason", f"{what}: choose the reason.", field)
        elif given and given not in COMPROMISES[code]:
            yield finding("reason-unknown", f"{what}: choose a reason of the list.", field)
        elif given and not holds:
            yield finding("reason-idle", f"The reason for “{what.lower()}” does not apply here.", field)
    stated, elsewhere = definition.clearance.unmodelled_hours, dose.route != "iv"
    if elsewhere and stated is None:
        yield finding(
            "route-without-time",
            "Another route than the vein: state how long after the start therapy is planned.",
            "clearance.unmodelled_hours",
        )
    elif stated is not None and not elsewhere:
        yield finding(
            "reason-idle",
            "Into a vein the model plans therapy, not stated hours.",
            "clearance.unmodelled_hours",
        )
    step, cap = dose.titration_step_mg_per_kg, dose.titration_cap_mg_per_kg
    if (step is None) != (cap is None):
        yield finding(
            "titration-half", "A titration needs both a step and a cap.", "dose.titration_cap_mg_per_kg"
        )


def _order(definition: ProtocolDefinition) -> Iterator[Finding]:
    limits = definition.limits
    for what, low, high in (
        ("systolic", limits.block_systolic, limits.pause_systolic),
        ("diastolic", limits.block_diastolic, limits.pause_diastolic),
    ):
        if low > high:
            yield finding(
                "limits-order", f"“Do not start” is above “pause” ({what}).", f"limits.block_{what}"
            )
    for what, low, high in (
        ("systolic", limits.pause_systolic, limits.stop_systolic),
        ("diastolic", limits.pause_diastolic, limits.stop_diastolic),
        ("spo2", limits.stop_spo2, limits.pause_spo2),
    ):
        if low > high:
            yield finding(
                "limits-order", f"“Pause” and “stop” are the wrong way round ({what}).", f"limits.stop_{what}"
            )
    for field, values in (
        ("phases", [phase.name.casefold() for phase in definition.phases]),
        ("follow_ups", [rule.title.casefold() for rule in definition.follow_ups]),
        ("preinfusion_checks", list(definition.preinfusion_checks)),
        ("discharge.criteria", list(definition.discharge.criteria)),
    ):
        for value in sorted({value for value in values if values.count(value) > 1}):
            yield finding("duplicate", f"“{value}” stands there twice.", field)
    for check in HARD_CHECKS:
        if check not in definition.preinfusion_checks:
            yield finding(
                "check-missing",
                f"The check “{check.replace('_', ' ')}” is not in the list.",
                "preinfusion_checks",
            )
    if "observation" not in definition.discharge.criteria:
        yield finding(
            "no-observation",
            "The observation time is not among the criteria for leaving.",
            "discharge.criteria",
        )
    yield from _staffing_overlaps(definition)


def _staffing_overlaps(definition: ProtocolDefinition) -> Iterator[Finding]:
    for number, part in enumerate(definition.staffing):
        for other in definition.staffing[:number]:
            if (
                part.role == other.role
                and part.from_minute < other.to_minute
                and other.from_minute < part.to_minute
            ):
                yield finding(
                    "staff-overlap",
                    f"Two {part.role} phases overlap: both are needed at once.",
                    f"staffing.{number}.from_minute",
                )
    if not any(part.role == "nurse" for part in definition.staffing):
        yield finding("no-nurse", "Nobody watches the patient.", "staffing")


def infusions_a_week(phase: SeriesPhase) -> int:
    """How many starts fall into one week at the gap that is aimed at."""
    return math.ceil(WEEK_HOURS / phase.gap_target_hours) if phase.visits > 1 else 1


def _spacing(definition: ProtocolDefinition) -> Iterator[Finding]:
    for number, phase in enumerate(definition.phases):
        if phase.visits == 1 and len(definition.phases) == 1:
            continue
        if phase.gap_min_hours < LEAST_SPACING_HOURS:
            yield finding(
                "close",
                f"{phase.name}: {phase.gap_min_hours} h between starts is less than 36 h.",
                f"phases.{number}.gap_min_hours",
            )
        if infusions_a_week(phase) > MOST_A_WEEK:
            yield finding(
                "too-many-a-week",
                f"{phase.name}: {infusions_a_week(phase)} infusions a week are aimed at; three is the most.",
                f"phases.{number}.gap_target_hours",
            )
        yield from _weekdays(phase, number)
        yield from _cap(definition, phase)


def _weekdays(phase: SeriesPhase, number: int) -> Iterator[Finding]:
    """A gap that no two allowed weekdays can make (an hour is allowed for the change of the clocks)."""
    days = sorted(set(phase.weekdays))
    gaps = {24 * ((later - first) % 7 + 7 * weeks) for first in days for later in days for weeks in range(14)}
    slack = 10  # hours by which the time of day may differ
    if phase.visits > 1 and not any(
        phase.gap_min_hours - slack <= gap <= phase.gap_max_hours + slack for gap in gaps if gap
    ):
        yield finding(
            "weekdays-never-fit",
            f"{phase.name}: no two of the allowed weekdays lie {phase.gap_min_hours} to {phase.gap_max_hours} h apart.",
            f"phases.{number}.weekdays",
        )


def _cap(definition: ProtocolDefinition, phase: SeriesPhase) -> Iterator[Finding]:
    cap = definition.weekly_session_cap
    required = [
        rule
        for rule in definition.follow_ups
        if rule.therapy and rule.required and rule.scope == "each_infusion"
    ]
    wanted = len(required) * infusions_a_week(phase)
    if cap is not None and wanted > cap:
        yield finding(
            "cap-cannot-hold",
            f"{phase.name}: {wanted} therapy sessions a week are required, and the most is {cap}.",
            "weekly_session_cap",
        )


def _review_points(definition: ProtocolDefinition) -> Iterator[Finding]:
    if definition.visits > 1 and not review_points(definition):
        yield finding(
            "no-review-point",
            "No review is asked for: the series runs to its end whatever it does.",
            "reviews.after_infusions",
        )
    if any(phase.maintenance for phase in definition.phases) and not definition.reviews.every_maintenance:
        yield finding(
            "maintenance-unreviewed",
            "Maintenance goes on without a review of its own.",
            "reviews.every_maintenance",
        )


def _therapy(definition: ProtocolDefinition) -> Iterator[Finding]:
    for number, rule in enumerate(definition.follow_ups):
        field = f"follow_ups.{number}"
        if rule.gate == "window" and minutes_after(rule.earliest) < 0:
            yield finding(
                "before-cleared", f"“{rule.title}” would begin in the no-therapy period.", f"{field}.earliest"
            )
        if not rule.therapy and (rule.message_kind == "therapy_visit" or rule.kind.startswith("integration")):
            yield finding(
                "unmarked-therapy",
                f"“{rule.title}” is therapy and is not marked as such.",
                f"{field}.therapy",
            )
        if rule.kind.startswith("outcome") and re.search(r"\bCADSS|dissociat", rule.title, re.IGNORECASE):
            yield finding(
                "dissociation-as-outcome", f"“{rule.title}” makes dissociation an outcome.", f"{field}.title"
            )
    safety = [rule for rule in definition.follow_ups if rule.gate == "none"]
    if not any(rule.message_kind == "no_driving" for rule in safety):
        yield finding("no-driving-message", "No message says that the patient must not drive.", "follow_ups")


def _evidence(definition: ProtocolDefinition) -> Iterator[Finding]:
    for field in ("source", "evidence"):
        if not getattr(definition, field).strip():
            yield finding("no-basis", f"The {field} of the protocol is missing.", field)
    for number, rule in enumerate(definition.follow_ups):
        if rule.grade not in GRADES:
            yield finding(
                "no-grade",
                f"“{rule.title}”: the evidence grade must be A to D.",
                f"follow_ups.{number}.grade",
            )
        if not rule.source.strip():
            yield finding("no-source", f"“{rule.title}” names no source.", f"follow_ups.{number}.source")


def _documents(documents: Mapping[str, str]) -> Iterator[Finding]:
    for kind in ("consent", "education"):
        if not documents.get(kind, "").strip():
            yield finding("no-document", f"The {kind} text is missing.", kind)
    for element in missing_elements(documents.get("consent", "")) if documents.get("consent") else ():
        yield finding("consent-incomplete", f"The consent text does not say: {element.label}.", "consent")
    for question in missing_questions(documents.get("education", "")) if documents.get("education") else ():
        yield finding("teach-back-incomplete", f"The education text does not ask: {question}", "education")


def _language(definition: ProtocolDefinition, documents: Mapping[str, str]) -> Iterator[Finding]:
    for field, text in (*texts(definition), *documents.items()):
        for words in check_text(text):
            match = " ".join(words.match.split())
            yield Finding(
                "block" if words.severity == "error" else "warn",
                f"language-{words.rule}",
                f"“{match}”: say instead: {words.suggestion}.",
                f"{words.reason[:1].upper()}{words.reason[1:]}.",
                "Clinical lexicon",
                field,
                words,
            )


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a definition that people read, with its path; codes and clock times are left out."""
    if isinstance(value, str):
        if " " in value or value[:1].isupper():
            yield path, value
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from texts(item, f"{path}.{number}")
    elif is_dataclass(value):
        for item in fields(value):
            yield from texts(getattr(value, item.name), f"{path}.{item.name}" if path else item.name)
