"""A whole definition as a clinician reads it: sections of rows, each with its evidence grade and source. Pure
module.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocols.definition import Elapsed, FollowUpRule, ProtocolDefinition
from protocols.evidence import COMPROMISES, EVIDENCE, Evidence, evidence_for
from protocols.review_points import review_points
from protocols.wording import (
    ANCHORS,
    AUDIENCES,
    EXPIRIES,
    GATES,
    INSTRUMENTS,
    MODELS,
    OUTCOME_TIMES,
    REDOSED,
    ROLES,
    ROUTES,
    SCOPES,
    hours_words,
    minutes_words,
    moment_words,
    named,
    plain_number,
    weekday_words,
)
from sessions.discharge import CRITERIA
from sessions.eligibility import CHECKS, CONTRAINDICATIONS


@dataclass(frozen=True)
class Row:
    """One value of the text. `items` lists what does not fit into one line."""

    label: str
    value: str
    evidence: Evidence
    items: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True)
class Section:
    """Rows under one heading; `code` is the anchor on the page."""

    code: str
    title: str
    rows: tuple[Row, ...]
    about: str = ""


@dataclass(frozen=True)
class FollowUpLine:
    """One follow-up rule in words."""

    title: str
    audience: str
    scope: str
    after: str
    earliest: str
    target: str
    late_after: str
    missed_after: str
    waits_for: str
    therapy: bool
    required: bool
    message: bool
    repeats: int
    grade: str
    source: str
    successive: tuple[str, ...] = ()


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
        _before(definition),
        _during(definition),
        _leaving(definition),
        _clearance(definition),
        _window(definition),
        *_outcomes(definition),
    )


def _row(label: str, value: str, key: str, items: tuple[str, ...] = ()) -> Row:
    return Row(label, value, EVIDENCE[key], items, key)


def _dose(definition: ProtocolDefinition) -> Section:
    dose = definition.dose
    return Section(
        "dose",
        "Dose rule",
        (
            _row("Dose", f"{plain_number(dose.mg_per_kg)} mg/kg of the weight measured today", "dose"),
            _row(
                "Ceiling",
                f"{plain_number(dose.ceiling_mg)} mg; above it a second prescriber signs",
                "ceiling",
            ),
            _row("Rounding", f"To {plain_number(dose.rounding_mg)} mg", "ceiling"),
            *_titration(definition),
            _row("Route", named(ROUTES, dose.route), "route"),
            _row("Duration", f"{dose.infusion_minutes} min", "duration"),
            *(
                _row(label, COMPROMISES[code].get(reason, reason), key)
                for label, code, reason, key in (
                    ("Why less than 0.5 mg/kg", "low_dose", dose.low_dose_reason, "dose"),
                    ("Why less than 40 minutes", "short", dose.short_infusion_reason, "duration"),
                    ("Why not into a vein", "route", dose.route_reason, "route"),
                )
                if reason
            ),
            _row("Age", f"From {definition.minimum_age_years} years", "age"),
        ),
    )


def _titration(definition: ProtocolDefinition) -> list[Row]:
    dose, rows = definition.dose, []
    if dose.titration_step_mg_per_kg is not None and dose.titration_cap_mg_per_kg is not None:
        step, cap = plain_number(dose.titration_step_mg_per_kg), plain_number(dose.titration_cap_mg_per_kg)
        words = f"By {step} mg/kg from visit to visit, to {cap} mg/kg at most; a prescriber decides"
        rows.append(_row("Raising the dose", words, "titration"))
    if dose.rate_titration:
        rows.append(_row("Changing the pump's rate", dose.rate_titration, "rate"))
    return rows


def _outcomes(definition: ProtocolDefinition) -> tuple[Section, ...]:
    if not definition.outcomes:
        return ()
    rows = tuple(
        _row(named(INSTRUMENTS, rule.instrument), named(OUTCOME_TIMES, rule.when), "outcomes")
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
        rows.append(_row(phase.name, visits, "spacing", gaps if phase.visits > 1 else gaps[2:]))
    rows += _reviews(definition)
    return Section("series", "Series", tuple(rows))


def _reviews(definition: ProtocolDefinition) -> list[Row]:
    """After which infusions a prescriber decides how it goes on."""
    points = [str(after) for after in review_points(definition)]
    if not points:
        return []
    return [
        _row(
            "Review by a prescriber",
            f"After infusion {', '.join(points)}: the next infusion waits for the signature",
            "reviews",
            ("Response, bladder symptoms, interval and dose", "Continue, taper or stop"),
        )
    ]


def _before(definition: ProtocolDefinition) -> Section:
    limits = definition.limits
    labels = {code: check.label for code, check in CHECKS.items()}
    checks = tuple(named(labels, code) for code in definition.preinfusion_checks)
    asked = tuple(CONTRAINDICATIONS[code].label for code in definition.eligibility or CONTRAINDICATIONS)
    return Section(
        "before",
        "Before the infusion",
        (
            _row(
                "Consent and education",
                "Consent signed and three questions answered in the patient's own words",
                "consent",
            ),
            _row("Eligibility", "Signed by a prescriber before a series", "checks", asked),
            _row("Signed again", f"After {definition.eligibility_days} days", "eligibility"),
            *_preparation(definition),
            *_exposure(definition),
            _row("Checks", f"{len(checks)} checks, each recorded", "checks", checks),
            _row(
                "Fasting",
                "No food for {} h, no clear drinks for {} h".format(*definition.fasting_hours),
                "fasting",
            ),
            _row(
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
    return (_row("Preparation visit", words, "preparation", about),)


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
    return (_row("Exposure, at most", ", ".join(said), "exposure", about),)


def _during(definition: ProtocolDefinition) -> Section:
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
            _row("Staffing", "From the planned start", "staffing", staffing),
            _row(
                "Chair",
                f"{minutes_words(definition.chair_minutes)}, then "
                f"{minutes_words(definition.turnover_minutes)} to turn over",
                "stay",
            ),
            _row("Vital signs", f"At minute {grid}", "vitals"),
            _row(
                "Pause and recheck",
                f"Over {limits.pause_systolic}/{limits.pause_diastolic} mmHg, heart rate over "
                f"{limits.pause_heart_rate}/min, or oxygen saturation under {limits.pause_spo2} %",
                "pause",
            ),
            _row(
                "Stop, do not resume",
                f"Over {limits.stop_systolic}/{limits.stop_diastolic} mmHg, or oxygen saturation under "
                f"{limits.stop_spo2} %",
                "stop",
            ),
            _row(
                "Longest pause",
                f"After {minutes_words(definition.pause_limit_minutes)} the rest is ordered again",
                "long_pause",
            ),
        ),
    )


def _leaving(definition: ProtocolDefinition) -> Section:
    rule = definition.discharge
    return Section(
        "leaving",
        "Ready to leave",
        (
            _row(
                "Observation",
                f"At least {minutes_words(rule.observe_from_start_minutes)} from the start",
                "observation",
            ),
            _row(
                "After the pump stops",
                f"At least {minutes_words(rule.observe_from_stop_minutes)}",
                "observation_after",
            ),
            _row(
                "After a sedating drug",
                f"{minutes_words(definition.sedative_minutes)} longer",
                "sedative",
            ),
            _row(
                "Criteria",
                "All met, each with its time; one unmet needs a reason and a second person",
                "criteria",
                tuple(named(CRITERIA, code) for code in rule.criteria),
            ),
            _row(
                "Vital signs count as met",
                f"Within {rule.vitals_within_percent} % of the value before the start, or from "
                f"{rule.min_systolic}/{rule.min_diastolic} to {rule.max_systolic}/{rule.max_diastolic} mmHg and "
                f"{rule.min_heart_rate} to {rule.max_heart_rate} beats a minute",
                "criteria",
            ),
            _row(
                "Late signature",
                f"After {minutes_words(rule.late_signing_minutes)} a reason is asked",
                "late_signing",
            ),
        ),
    )


def _clearance(definition: ProtocolDefinition) -> Section:
    rule = definition.clearance
    if definition.dose.route == "iv":
        by_model = (
            _row("Model", f"{named(MODELS, rule.model)}, on the actual pump log", "model"),
            _row(
                "Threshold",
                f"Predicted to stay below {plain_number(rule.threshold_ng_ml)} ng/mL in 95 of 100 patients",
                "threshold",
            ),
        )
    else:
        hours = rule.unmodelled_hours
        by_model = (
            _row(
                "Model", "None for this route: a clinician states the time with the signature", "unmodelled"
            ),
            _row("Planned", f"{hours} h after the start" if hours else "Not stated yet", "unmodelled"),
        )
    return Section(
        "clearance",
        "Drug cleared (estimate)",
        (
            *by_model,
            _row(
                "Hardly any drug",
                f"Under {plain_number(rule.aborted_below_mg)} mg: ready to leave decides alone",
                "aborted",
            ),
            _row(
                "No-therapy period",
                "From the infusion start until the drug has cleared (estimate) and the patient is signed off",
                "no_therapy",
            ),
        ),
        about="Predicted by a published model, never measured. It unlocks nothing without a sign-off."
        if definition.dose.route == "iv"
        else "Nothing predicts it. It unlocks nothing without a sign-off.",
    )


def _window(definition: ProtocolDefinition) -> Section:
    rule = definition.window
    return Section(
        "window",
        "Plasticity window",
        (
            _row("Rest", "First, at least until after one night of sleep", "night"),
            _row(
                "Practice",
                f"From {hours_words(rule.practice_from_hours)} after the no-therapy period",
                "practice",
            ),
            _row("Core", f"Until {hours_words(rule.core_until_hours)}", "core"),
            _row("Tail", f"Until day {rule.tail_until_days}; cut short by the next infusion", "tail"),
            _row("Closing", f"The last {hours_words(rule.closing_last_hours)} of the core", "core"),
            _row(
                "Quiet time before an infusion",
                f"No therapy in the last {minutes_words(rule.quiet_block_minutes)}; "
                f"a warning in the last {minutes_words(rule.quiet_warn_minutes)}",
                "quiet",
            ),
            _row("Therapy appointment", minutes_words(definition.therapy_minutes), "therapy"),
            _row(
                "Weekly limit",
                "None"
                if definition.weekly_session_cap is None
                else f"{definition.weekly_session_cap} therapy appointments",
                "therapy",
            ),
        ),
    )


def follow_ups(definition: ProtocolDefinition) -> tuple[FollowUpLine, ...]:
    """The follow-up table, in the order of the text."""
    return tuple(_follow_up(rule) for rule in definition.follow_ups)


def _follow_up(rule: FollowUpRule) -> FollowUpLine:
    earliest = moment_words(rule.earliest)
    if rule.after_night:
        earliest += ", and after one night: the next day from 07:00"
        if rule.earliest != Elapsed(rule.night_hours * 60):
            earliest += f", at least {rule.night_hours} h later"
    return FollowUpLine(
        title=rule.title,
        audience=AUDIENCES[rule.audience],
        scope=SCOPES[rule.scope],
        after=ANCHORS[rule.anchor],
        earliest=earliest,
        target=moment_words(rule.target),
        late_after=moment_words(rule.latest),
        missed_after=moment_words(rule.hard_latest),
        waits_for=GATES[rule.gate],
        therapy=rule.therapy,
        required=rule.required,
        message=bool(rule.message_kind),
        repeats=len(rule.repeat_days),
        grade=rule.grade,
        source=rule.source,
        successive=tuple(_successive(rule)),
    )


def _successive(rule: FollowUpRule) -> list[str]:
    """What happens when infusions follow closely or it is missed, where that is not the usual."""
    usual, found = FollowUpRule.__dataclass_fields__, []
    if rule.redosed != "fit":
        found.append(f"If the next infusion comes before the target: {REDOSED[rule.redosed].lower()}")
    if rule.tail_gap_hours != usual["tail_gap_hours"].default:
        found.append(f"Also before a break of {hours_words(rule.tail_gap_hours)} or more")
    if (rule.close_redose_hours, rule.close_latest_hours) != (
        usual["close_redose_hours"].default,
        usual["close_latest_hours"].default,
    ):
        close, late = hours_words(rule.close_redose_hours), hours_words(rule.close_latest_hours)
        found.append(f"Next infusion within {close}: late after {late}")
    if rule.merge_within_hours != usual["merge_within_hours"].default:
        hours = rule.merge_within_hours
        found.append(
            f"Two of a kind within {hours} h are joined" if hours else "Two of a kind are not joined"
        )
    if rule.expiry != "as_required":
        found.append(f"When missed: {EXPIRIES[rule.expiry].lower()}")
    return found
