"""What the boxes of the protocol editor say. Pure module.

`WORDS`: path of a value -> what differs from the box that its type alone gives.
"""

from __future__ import annotations

from typing import Any

from protocols import definition_rules as rules
from protocols.definition import EscalationRule
from protocols.evidence import COMPROMISES, ELEMENT_NAMES, ELEMENTS, EVIDENCE
from protocols.sheet_words_follow import FOLLOW_UP_WORDS, GRADE_WORDS, pairs
from protocols.wording import (
    DAYS,
    INSTRUMENTS,
    MODELS,
    OUTCOME_TIMES,
    ROLES,
    ROUTES,
)
from sessions.discharge import CRITERIA
from sessions.eligibility import CHECKS, CONTRAINDICATIONS

MOST_CHARACTERS = 1000

WEEKDAY_NAMES = {str(number): name for number, name in enumerate(DAYS)}


def _reason(code: str, label: str) -> dict[str, Any]:
    choices = (("", "Does not apply"), *COMPROMISES[code].items())
    return {"label": label, "kind": "choice", "choices": choices, "required": False}


def _escalation(label: str, name: str, unit: str, hint: str = "") -> dict[str, Any]:
    """A box of the rule of escalation, with its limits; empty means what the product always did."""
    low, high = rules.ESCALATION[name]
    usual = getattr(EscalationRule(), name)
    hint = f"{hint} Empty: {usual}.".strip()
    return {
        "label": label, "unit": unit, "usual": usual, "required": False, "low": low, "high": high, "hint": hint,
    }  # fmt: skip


def _bases() -> dict[str, dict[str, Any]]:
    """Grade and source of every element, with what counts while they are empty."""
    found: dict[str, dict[str, Any]] = {}
    for element, keys in ELEMENTS.items():
        name, ours = ELEMENT_NAMES[element], EVIDENCE[keys[0]]
        grades = (("", f"As usual: {ours.grade}"), *GRADE_WORDS.items())
        fold = {"folded": "Evidence grade and source", "required": False}
        found[f"bases.{element}.grade"] = {
            "label": f"{name}: grade",
            "kind": "choice",
            "choices": grades,
            **fold,
        }
        found[f"bases.{element}.source"] = {
            "label": f"{name}: source",
            "hint": f"Empty: {ours.source}.",
            "longest": 300,
            **fold,
        }
    return found  # fmt: skip


# path -> what differs from the box that the type alone gives
WORDS: dict[str, dict[str, Any]] = {
    "title": {"label": "Title", "longest": 160},
    "indication": {"label": "Indication", "hint": "Who is treated, and that the use is off-label."},
    "source": {"label": "Source", "required": False, "hint": "Author, year, journal."},
    "sources_read_on": {
        "label": "Sources last read on",
        "kind": "date",
        "required": False,
        "hint": "When the literature was last looked through for this text.",
    },
    "review_by": {
        "label": "Review again by",
        "kind": "date",
        "required": False,
        "hint": "Empty: a year after approval. From then on it is marked as overdue wherever it is chosen.",
    },
    "reviews.after_infusions": {
        "label": "Review after infusion",
        "kind": "numbers",
        "required": False,
        "hint": "With commas. The next infusion waits until a prescriber has signed: continue, taper or stop.",
    },
    "reviews.at_end": {"label": "Review at the end of the series"},
    "reviews.every_maintenance": {
        "label": "Review after every so many maintenance infusions",
        "hint": "Empty: never. Usually 4.",
        "low": 1,
        "high": 12,
    },
    **_bases(),
    "evidence": {"label": "Evidence in words", "lines": 3, "longest": MOST_CHARACTERS, "required": False},
    "minimum_age_years": {"label": "Minimum age", "unit": "years", "low": 18, "high": 120},
    "dose.mg_per_kg": {
        "label": "Dose",
        "unit": "mg/kg",
        "low": rules.MIN_DOSE_MG_PER_KG,
        "high": rules.MAX_DOSE_MG_PER_KG,
        "hint": "Of the weight measured on the day. In trials usually 0.5.",
    },
    "dose.infusion_minutes": {
        "label": "Duration",
        "unit": "min",
        "low": rules.MIN_INFUSION_MINUTES,
        "high": rules.MAX_INFUSION_MINUTES,
        "hint": "In trials usually 40.",
    },
    "dose.ceiling_mg": {
        "label": "Ceiling",
        "unit": "mg",
        "high": rules.MAX_CEILING_MG,
        "hint": "Above it a second prescriber signs.",
    },
    "dose.rounding_mg": {"label": "Rounding", "unit": "mg", "hint": "To the nearest this many mg."},
    "dose.route": {"label": "Route", "kind": "choice", "choices": pairs(ROUTES)},
    "dose.titration_step_mg_per_kg": {
        "label": "Raise by, from visit to visit",
        "unit": "mg/kg",
        "hint": "Empty: never. A prescriber decides each time.",
    },
    "dose.titration_cap_mg_per_kg": {"label": "Raise to at most", "unit": "mg/kg"},
    "dose.rate_titration": {
        "label": "Changing the pump's rate",
        "lines": 2,
        "longest": 500,
        "required": False,
        "hint": "In words, for the nurse: when to slow down, and how far.",
    },
    "dose.low_dose_reason": _reason("low_dose", "Why less than 0.5 mg/kg"),
    "dose.short_infusion_reason": _reason("short", "Why less than 40 minutes"),
    "dose.route_reason": _reason("route", "Why not into a vein"),
    "outcomes": {"label": "Outcome scores", "one": "score", "head": "instrument"},
    "outcomes.instrument": {"label": "Instrument", "kind": "choice", "choices": pairs(INSTRUMENTS)},
    "outcomes.when": {"label": "When", "kind": "choice", "choices": pairs(OUTCOME_TIMES)},
    "clearance.model": {
        "label": "Model of the drug in the body",
        "kind": "choice",
        "choices": tuple((key, MODELS[key]) for key in ("otto2021", "perez2021")),
    },
    "clearance.threshold_ng_ml": {
        "label": "Drug cleared (estimate) below",
        "kind": "choice",
        "choices": (
            ("20", "20 ng/mL"),
            ("10", "10 ng/mL (strict)"),
            ("50", "50 ng/mL (lowest level with felt effects)"),
        ),
    },
    "clearance.aborted_below_mg": {
        "label": "Hardly any drug given below",
        "unit": "mg",
        "hint": "No window opens by itself after such an infusion.",
    },
    "clearance.unmodelled_hours": {
        "label": "Not into a vein: therapy planned after",
        "unit": "h",
        "low": rules.UNMODELLED_HOURS[0],
        "high": rules.UNMODELLED_HOURS[1],
        "hint": "From the start. No model covers another route: state the time, with its basis. Empty for a vein.",
    },
    "phases": {"label": "Parts of the series", "one": "part", "head": "name"},
    "phases.name": {"label": "Name", "longest": 60, "hint": "Such as Induction, Taper or Maintenance."},
    "phases.visits": {"label": "Infusion visits", "low": 1, "high": rules.MAX_VISITS},
    "phases.gap_min_hours": {"label": "Shortest gap", "unit": "h", "hint": "From start to start."},
    "phases.gap_target_hours": {"label": "Gap aimed at", "unit": "h", "hint": "84 h is twice a week."},
    "phases.gap_max_hours": {"label": "Longest gap", "unit": "h"},
    "phases.long_gap_max_hours": {
        "label": "One long gap at most",
        "unit": "h",
        "hint": "Empty: never. A prescriber approves it by name.",
    },
    "phases.maintenance": {"label": "It is maintenance: it keeps a response up"},
    "phases.weekdays": {"label": "Allowed weekdays", "kind": "several", "choices": pairs(WEEKDAY_NAMES)},
    "staffing": {
        "label": "Staff during the stay",
        "one": "person",
        "head": "role",
        "usual": "Add the usual staff",
    },
    "staffing.role": {"label": "Who", "kind": "choice", "choices": pairs(ROLES)},
    "staffing.from_minute": {"label": "From minute", "hint": "After the start."},
    "staffing.to_minute": {"label": "To minute"},
    "staffing.load": {"label": "Counts as", "unit": "patients"},
    "chair_minutes": {
        "label": "Time in the chair",
        "unit": "min",
        "hint": "Infusion, observation and a margin.",
    },
    "turnover_minutes": {"label": "Turning the chair over", "unit": "min"},
    "vitals_minutes": {
        "label": "Vital signs at minute",
        "kind": "numbers",
        "hint": "From the start, with commas; -10 is ten minutes before.",
    },
    "preinfusion_checks": {
        "label": "Checks before every infusion",
        "kind": "several",
        "choices": tuple((key, text.label) for key, text in CHECKS.items() if key != "order"),
    },
    "eligibility": {
        "label": "Eligibility checklist",
        "kind": "several",
        "choices": tuple((key, item.label) for key, item in CONTRAINDICATIONS.items()),
        "required": False,
        "hint": "What a prescriber goes through and signs before a series. None ticked: the whole list.",
    },
    "eligibility_valid_days": {
        "label": "The signed checklist holds for",
        "unit": "days",
        "low": rules.ELIGIBILITY_DAYS[0],
        "high": rules.ELIGIBILITY_DAYS[1],
        "hint": "Then a prescriber goes through it again. Empty: 180.",
    },
    "preparation_minutes": {
        "label": "Preparation visit before the first infusion",
        "unit": "min",
        "low": rules.PREPARATION_MINUTES[0],
        "high": rules.PREPARATION_MINUTES[1],
        "hint": "Goals, practice plan, expectations, outside therapist. Empty: no such visit.",
    },
    "most_treatments_in_year": {
        "label": "Treatments in twelve months, at most",
        "low": rules.MOST_TREATMENTS[0],
        "high": rules.MOST_TREATMENTS[1],
        "hint": "Those elsewhere count. Beyond it a prescriber gives a reason. Empty: no limit.",
    },
    "most_treatments_in_life": {
        "label": "Treatments in a life, at most",
        "low": rules.MOST_TREATMENTS[0],
        "high": rules.MOST_TREATMENTS[1],
        "hint": "Those elsewhere count. Empty: no limit.",
    },
    "most_mg_in_life": {
        "label": "Amount in a life, at most",
        "unit": "mg",
        "low": int(rules.MOST_MG[0]),
        "high": int(rules.MOST_MG[1]),
        "hint": "As far as amounts are known. Empty: no limit.",
    },
    "limits.block_systolic": {"label": "Do not start above, systolic", "unit": "mmHg"},
    "limits.block_diastolic": {"label": "Do not start above, diastolic", "unit": "mmHg"},
    "limits.pause_systolic": {"label": "Pause above, systolic", "unit": "mmHg"},
    "limits.pause_diastolic": {"label": "Pause above, diastolic", "unit": "mmHg"},
    "limits.pause_heart_rate": {"label": "Pause above, heart rate", "unit": "/min"},
    "limits.pause_spo2": {"label": "Pause below, SpO2", "unit": "%"},
    "limits.stop_systolic": {"label": "Stop above, systolic", "unit": "mmHg"},
    "limits.stop_diastolic": {"label": "Stop above, diastolic", "unit": "mmHg"},
    "limits.stop_spo2": {"label": "Stop below, SpO2", "unit": "%"},
    "limits.max_pause_minutes": {
        "label": "A pause longer than this needs a new order",
        "unit": "min",
        "hint": "Empty: 30.",
        "low": 5,
        "high": 120,
    },
    "fasting_food_hours": {
        "label": "No food for",
        "unit": "h",
        "hint": "Empty: 6.",
        "low": 0,
        "high": 12,
    },
    "fasting_drink_hours": {
        "label": "No clear drinks for",
        "unit": "h",
        "hint": "Empty: 2.",
        "low": 0,
        "high": 6,
    },
    "discharge.criteria": {"label": "Ready to leave when", "kind": "several", "choices": pairs(CRITERIA)},
    "discharge.observe_from_start_minutes": {
        "label": "Observation from the start",
        "unit": "min",
        "hint": "At least 120.",
    },
    "discharge.observe_from_stop_minutes": {
        "label": "Observation after the pump stops",
        "unit": "min",
        "hint": "At least 60.",
    },
    "discharge.aborted_observe_from_stop_minutes": {
        "label": "Observation after an infusion cut short",
        "unit": "min",
    },
    "discharge.vitals_within_percent": {"label": "Blood pressure within, of before", "unit": "%"},
    "discharge.min_systolic": {"label": "Or from, systolic", "unit": "mmHg"},
    "discharge.max_systolic": {"label": "Or at most, systolic", "unit": "mmHg"},
    "discharge.min_diastolic": {"label": "Or from, diastolic", "unit": "mmHg"},
    "discharge.max_diastolic": {"label": "Or at most, diastolic", "unit": "mmHg"},
    "discharge.min_heart_rate": {"label": "Heart rate from", "unit": "/min"},
    "discharge.max_heart_rate": {"label": "Heart rate at most", "unit": "/min"},
    "discharge.min_aldrete": {"label": "Aldrete at least", "unit": "points", "low": 8, "high": 10},
    "discharge.min_padss": {"label": "PADSS at least", "unit": "points", "low": 8, "high": 10},
    "discharge.min_moaas": {"label": "MOAA/S at least", "unit": "points", "low": 0, "high": 5},
    "discharge.late_signing_minutes": {"label": "Ask a reason when signed later than", "unit": "min"},
    "discharge.sedative_observe_minutes": {
        "label": "Observe longer after a sedative, by",
        "unit": "min",
        "hint": "Empty: 60.",
        "low": 0,
        "high": 480,
    },
    "window.practice_from_hours": {"label": "Practice from", "unit": "h"},
    "window.core_until_hours": {"label": "Main part until", "unit": "h"},
    "window.tail_until_days": {"label": "Tail until", "unit": "days"},
    "window.closing_last_hours": {"label": "Say it is closing for the last", "unit": "h"},
    "window.quiet_block_minutes": {"label": "No therapy this long before an infusion", "unit": "min"},
    "window.quiet_warn_minutes": {"label": "Warn this long before an infusion", "unit": "min"},
    "escalation.pool_after_target_hours": _escalation(
        "Therapy not booked: every therapist may take it, after the target by", "pool_after_target_hours", "h"
    ),
    "escalation.lead_core_parts": _escalation(
        "To the prescriber in the last part of the window's core, out of",
        "lead_core_parts",
        "parts",
        "3: in its last third.",
    ),
    "escalation.lead_least_hours": _escalation(
        "Before its end, at least", "lead_least_hours", "h", "However short the core is."
    ),
    "escalation.lead_most_hours": _escalation("Before its end, at most", "lead_most_hours", "h"),
    "escalation.unsigned_after_minutes": _escalation(
        "Record not signed: to the prescriber, after the observation by", "unsigned_after_minutes", "min"
    ),
    "escalation.unsigned_before_shift_minutes": _escalation(
        "To the nurse, before the shift ends by", "unsigned_before_shift_minutes", "min"
    ),
    "therapy_minutes": {"label": "Therapy appointment", "unit": "min"},
    "weekly_session_cap": {
        "label": "Most therapy sessions a week",
        "hint": "Empty: no limit.",
        "low": 1,
        "high": 14,
    },
    **FOLLOW_UP_WORDS,
}
