"""May this patient be treated, may the pump start, may it go on? Pure module.

Contraindications and their sources: clinical C2. Pre-infusion checks: C3. Gates of the vitals: C4, with the
limits of the protocol version. Defaults are for a medical director to sign, not medical advice. Times are
aware.

Every finding says what stands in the way and what to do about it. Severity: `block` nobody overrides here;
`decide` a prescriber goes or holds, with a reason; `warn` is only said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from protocols.definition import VitalsLimits

Severity = Literal["block", "decide", "warn"]
Outcome = Literal["passed", "failed", "not-applicable"]

RECHECK = timedelta(minutes=5)
PRESSURE_FRESH = timedelta(minutes=60)
WEIGH_RISK_SYSTOLIC, WEIGH_RISK_DIASTOLIC = 140, 90


@dataclass(frozen=True)
class Contraindication:
    """`severity` absolute rules treatment out; caution needs a prescriber's decision with a reason."""

    label: str
    severity: Literal["absolute", "caution"]
    source: str


LABEL = "Esketamine label"
TRIAL = "Exclusion in ELEKT-D or other trials"
PRACTICE = "Commonly listed in clinical practice; source not verified"

CONTRAINDICATIONS: dict[str, Contraindication] = {
    "aneurysmal_vascular_disease": Contraindication("Aneurysmal vascular disease", "absolute", LABEL),
    "arteriovenous_malformation": Contraindication("Arteriovenous malformation", "absolute", LABEL),
    "intracerebral_haemorrhage": Contraindication("History of intracerebral haemorrhage", "absolute", LABEL),
    "hypersensitivity": Contraindication("Hypersensitivity to ketamine or esketamine", "absolute", LABEL),
    "psychotic_disorder": Contraindication("Psychotic disorder or current psychosis", "absolute", TRIAL),
    "mania": Contraindication("Current mania", "absolute", TRIAL),
    "pregnancy": Contraindication("Pregnancy", "absolute", TRIAL),
    "no_capacity": Contraindication("No capacity to consent and no legal representative", "absolute", TRIAL),
    "uncontrolled_hypertension": Contraindication("Uncontrolled hypertension", "absolute", TRIAL),
    "unstable_cerebrovascular": Contraindication("Unstable cerebrovascular disease", "absolute", TRIAL),
    "recent_mi_unstable_angina": Contraindication(
        "Recent heart attack or unstable angina", "absolute", PRACTICE
    ),
    "decompensated_heart_failure": Contraindication("Decompensated heart failure", "absolute", PRACTICE),
    "raised_intracranial_pressure": Contraindication("Raised intracranial pressure", "absolute", PRACTICE),
    "acute_porphyria": Contraindication("Acute porphyria", "absolute", PRACTICE),
    "delirium": Contraindication("Delirium", "absolute", PRACTICE),
    "breast_feeding": Contraindication("Breast-feeding", "caution", TRIAL),
    "bipolar_disorder": Contraindication("Bipolar disorder", "caution", TRIAL),
    "substance_dependence": Contraindication(
        "Moderate to severe substance dependence, intoxication or withdrawal", "caution", TRIAL
    ),
    "benzodiazepine_high_dose": Contraindication(
        "Benzodiazepine above 2 to 3 mg lorazepam equivalent a day", "caution", TRIAL
    ),
    "maoi_or_major_interaction": Contraindication(
        "MAO inhibitor or other major interaction", "caution", TRIAL
    ),
    "significant_arrhythmia": Contraindication("Significant arrhythmia", "caution", TRIAL),
    "severe_neurological_illness": Contraindication("Severe neurological illness", "caution", TRIAL),
    "active_suicidal_intent": Contraindication(
        "Active suicidal intent: choose the setting first", "caution", TRIAL
    ),
    "untreated_hyperthyroidism": Contraindication("Untreated hyperthyroidism", "caution", PRACTICE),
    "severe_hepatic_disease": Contraindication("Severe liver disease", "caution", PRACTICE),
    "strong_cyp_inhibitor": Contraindication("Strong CYP3A4 or CYP2B6 inhibitor", "caution", PRACTICE),
    "bladder_disease": Contraindication("Ketamine bladder or cystitis in the past", "caution", PRACTICE),
    "airway_risk": Contraindication("Airway risk: severe obesity or sleep apnoea", "caution", PRACTICE),
}
STATES_A_DELAY = frozenset({"severe_hepatic_disease"})


@dataclass(frozen=True)
class Finding:
    """One thing that stands in the way, or should be known. `recheck_at`: when to look again."""

    severity: Severity
    code: str
    message: str
    what_to_do: str
    recheck_at: datetime | None = None


def check_contraindications(
    open_codes: Mapping[str, str], *, age_years: int, minimum_age: int
) -> tuple[Finding, ...]:
    """Findings at booking. `open_codes` maps each unresolved code to its recorded severity (absolute |
    caution).
    """
    findings = []
    if age_years < minimum_age:
        findings.append(
            Finding(
                "block",
                "age",
                f"The patient is {age_years}; this protocol starts at {minimum_age} years.",
                "Choose another protocol. No role can override this.",
            )
        )
    for code, severity in sorted(open_codes.items()):
        known = CONTRAINDICATIONS.get(code)
        label = known.label if known else code.replace("_", " ").capitalize()
        if severity == "absolute":
            todo = "Do not book. If it no longer applies, a prescriber closes it in the record."
            findings.append(Finding("block", code, f"Contraindication: {label}.", todo))
        else:
            todo = "A prescriber decides, with a reason, before the series is booked."
            findings.append(Finding("decide", code, f"Caution: {label}.", todo))
    return tuple(findings)


@dataclass(frozen=True)
class CheckText:
    """A line of the pre-infusion gate: what is asked, what to do when it fails, how strict it is then."""

    label: str
    when_failed: str
    severity: Severity


CHECKS: dict[str, CheckText] = {
    "identity": CheckText(
        "Right patient, by name and date of birth", "Do not go on until identity is certain.", "block"
    ),
    "consent": CheckText(
        "Consent to this version is valid", "Take consent again, or do not treat today.", "block"
    ),
    "education": CheckText("Education given and taught back", "Give it now and ask for it back.", "block"),
    "weight": CheckText("Weighed today", "Weigh the patient, and order the dose from that weight.", "block"),
    "blood_pressure": CheckText("Blood pressure within the limit", "Recheck after five minutes.", "block"),
    "order": CheckText("Dose ordered and signed for today", "A prescriber signs the order in mg.", "block"),
    "fasting": CheckText("Fasted as agreed", "Wait until the fasting time is over.", "decide"),
    "escort": CheckText("Adult to go home with is named", "Agree an alternative before the start.", "decide"),
    "no_driving": CheckText("Knows: no driving until tomorrow", "Explain, and ask for it back.", "decide"),
    "suicidality_screen": CheckText(
        "Suicidality asked since the last visit", "A prescriber sees the answer and goes or holds.", "decide"
    ),
    "intoxication": CheckText("Not intoxicated", "A prescriber examines the patient.", "decide"),
    "medication_changes": CheckText(
        "Medication changes reviewed", "A prescriber reviews the changes.", "decide"
    ),
    "pregnancy_test": CheckText("Pregnancy test negative", "Do not start. Pause the infusions.", "block"),
}
HARD_AT_START = ("consent", "education", "weight", "blood_pressure", "order")


@dataclass(frozen=True)
class CheckResult:
    """How a check came out. Not applicable needs a note."""

    code: str
    outcome: Outcome
    note: str = ""
    declined: bool = False


@dataclass(frozen=True)
class Reading:
    """One row of vitals. mmHg, beats per minute, percent; `moaas` 0 to 5 (alertness), None = not scored."""

    at: datetime
    systolic: int
    diastolic: int
    heart_rate: int | None = None
    spo2: int | None = None
    moaas: int | None = None


@dataclass(frozen=True)
class StartDecision:
    """`may_start` = nothing blocks; `needs_prescriber` = once a prescriber has decided, with a reason."""

    may_start: bool
    needs_prescriber: bool
    findings: tuple[Finding, ...]


def check_start(
    required: Sequence[str],
    results: Mapping[str, CheckResult],
    *,
    readings: Sequence[Reading],
    limits: VitalsLimits,
    now: datetime,
    can_start_from: datetime | None = None,
) -> StartDecision:
    """Judge the pre-infusion gate. `required` are the version's checks; the hard ones are always added.

    Blood pressure is judged from `readings` (ascending by time), never from a tick. `can_start_from`: end of
    the fasting time, if it lies ahead.
    """
    findings: list[Finding] = []
    for code in dict.fromkeys((*required, *HARD_AT_START)):
        if code == "blood_pressure":
            findings += start_gate(readings, limits, now=now)
        else:
            findings += _check_line(code, results.get(code), can_start_from, now)
    blocked = any(item.severity == "block" for item in findings)
    decide = any(item.severity == "decide" for item in findings)
    return StartDecision(not blocked, decide, tuple(findings))


def with_treatment_held(decision: StartDecision, words: str) -> StartDecision:
    """The same decision while infusions of this patient are on hold: nobody starts before a prescriber lets go."""
    held = Finding("block", "treatment_held", words, "A prescriber looks at it, then lets infusions go on.")
    return StartDecision(False, decision.needs_prescriber, (held, *decision.findings))


def with_finding(decision: StartDecision, finding: Finding) -> StartDecision:
    """The same decision with one more thing that blocks it, or that a prescriber decides about."""
    return StartDecision(
        decision.may_start and finding.severity != "block",
        decision.needs_prescriber or finding.severity == "decide",
        (*decision.findings, finding),
    )


def with_site_gates(decision: StartDecision, findings: Sequence[Finding]) -> StartDecision:
    """The same decision with what a site's own gates add to it."""
    if not findings:
        return decision
    blocked = any(item.severity == "block" for item in findings)
    return StartDecision(
        decision.may_start and not blocked, decision.needs_prescriber, (*decision.findings, *findings)
    )


def with_decisions(decision: StartDecision, findings: Sequence[Finding]) -> StartDecision:
    """The same decision with what lies before this infusion: a prescriber decides each of these, with a reason."""
    return StartDecision(
        decision.may_start,
        decision.needs_prescriber or bool(findings),
        (*decision.findings, *findings),
    )


def with_version_held(decision: StartDecision) -> StartDecision:
    """The same decision for a protocol version that was withdrawn for safety: nobody starts on it."""
    held = Finding(
        "block",
        "version_held",
        "This protocol version was withdrawn: its infusions are on hold.",
        "A prescriber moves the series to another version, or ends it.",
    )
    return StartDecision(False, decision.needs_prescriber, (held, *decision.findings))


def with_review_open(decision: StartDecision, after: int) -> StartDecision:
    """The same decision while the review after infusion `after` is not signed, or says stop."""
    waiting = Finding(
        "block",
        "review",
        f"The review after infusion {after} is not signed, or says stop.",
        "A prescriber signs it on the page of the series.",
    )
    return StartDecision(False, decision.needs_prescriber, (waiting, *decision.findings))


def _check_line(
    code: str, result: CheckResult | None, can_start_from: datetime | None, now: datetime
) -> list[Finding]:
    text = CHECKS.get(code, CheckText(code.replace("_", " ").capitalize(), "Settle it first.", "decide"))
    hard = code in HARD_AT_START
    if result is None:
        severity: Severity = "block" if hard else text.severity
        return [
            Finding(severity, code, f"Not recorded: {text.label.lower()}.", "Record it before the start.")
        ]
    if result.outcome == "passed":
        return []
    if result.outcome == "not-applicable" and result.declined:
        todo = "A prescriber decides whether to start without it."
        return [Finding("decide", code, f"Declined: {text.label.lower()}.", todo)]
    if result.outcome == "not-applicable":
        if not hard and result.note.strip():
            return []
        return [
            Finding(text.severity, code, f"{text.label}: not applicable?", "Say why, or record the check.")
        ]
    at = can_start_from if code == "fasting" else None
    if at is not None and at <= now:
        return []
    return [
        Finding(
            "block" if hard else text.severity, code, f"Not met: {text.label.lower()}.", text.when_failed, at
        )
    ]


def apart(earlier: datetime, later: datetime) -> timedelta:
    """Elapsed time, also across a change of the clocks."""
    return later.astimezone(UTC) - earlier.astimezone(UTC)


def over(reading: Reading, systolic: int, diastolic: int) -> bool:
    """Whether either pressure is above its limit (mmHg)."""
    return reading.systolic > systolic or reading.diastolic > diastolic


def start_gate(readings: Sequence[Reading], limits: VitalsLimits, *, now: datetime) -> tuple[Finding, ...]:
    """Blood pressure before the start: above the limit twice, five minutes apart, is no start.

    After that a prescriber may still start with a reason, as long as the pause limit is not exceeded.
    """
    if not readings or apart(readings[-1].at, now) > PRESSURE_FRESH:
        what = "Take it now." if not readings else "The last reading is over an hour old. Take it again."
        return (Finding("block", "blood_pressure", "No current blood pressure.", what),)
    last = readings[-1]
    value = f"{last.systolic}/{last.diastolic}"
    if not over(last, limits.block_systolic, limits.block_diastolic):
        if over(last, WEIGH_RISK_SYSTOLIC, WEIGH_RISK_DIASTOLIC):
            return (Finding("warn", "blood_pressure_raised", f"{value} is above 140/90.", "Weigh the risk."),)
        return ()
    again = last.at.astimezone(UTC) + RECHECK
    earlier = [item for item in readings[:-1] if apart(item.at, last.at) >= RECHECK]
    twice = bool(earlier) and over(earlier[-1], limits.block_systolic, limits.block_diastolic)
    limit = f"{limits.block_systolic}/{limits.block_diastolic}"
    if not twice:
        return (Finding("block", "blood_pressure", f"{value} is above {limit}.", "Recheck.", again),)
    if over(last, limits.pause_systolic, limits.pause_diastolic):
        return (
            Finding("block", "blood_pressure", f"{value}, twice: no start.", "Treat, then recheck.", again),
        )
    todo = "Treat and recheck, or a prescriber starts with a reason."
    return (Finding("decide", "blood_pressure", f"{value} is above {limit}, twice.", todo, again),)
