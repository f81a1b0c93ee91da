"""Discharge criteria as lines of a page: what was answered, what can be answered, and how it was before the start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sessions.discharge import CRITERIA, JUDGED, DischargeDecision
from sessions.discharge_values import ASSESSED, BASELINES, USUAL, VALUES, value_words
from sessions.models import CriterionResult, Infusion, VitalSigns
from sessions.pages.words import zone_of
from sessions.services import baseline_of, recordable_criteria, rows
from sessions.services.discharge import criterion_results, last_reading_after_stop
from sessions.services.observing import observed_until


@dataclass(frozen=True)
class CriterionLine:
    """One discharge criterion: label, result, value, when and by whom. `recordable`: people answer it.

    `options`: its coded answers; `usual`: the one a single tap gives (empty = plain met). `judged`: readings answer it.
    `unassessed`: new or worse suicidal intent waits for a prescriber. `hint`: how it was before the start.
    """

    code: str
    label: str
    state: str
    value: str = ""
    observed_at: datetime | None = None
    by: str = ""
    recordable: bool = True
    options: tuple[tuple[str, str], ...] = ()
    usual: str = ""
    judged: bool = False
    unassessed: bool = False
    hint: str = ""


def _line(infusion: Infusion, code: str, state: str, **more: Any) -> CriterionLine:
    options = tuple(VALUES.get(code, {}).items())
    if code == "suicidality":
        options = tuple(item for item in options if item[0] != ASSESSED)
    before = baseline_of(infusion, code) if code in BASELINES else ""
    usual = before if before in VALUES.get(code, {}) else USUAL.get(code, "")
    hint = f"Before the start: {value_words(code, before).lower()}" if before else ""
    label = CRITERIA[code]
    if code == "recovery_score":
        rule = infusion.protocol_version.read().discharge
        label = f"Modified Aldrete at least {rule.min_aldrete} or PADSS at least {rule.min_padss} of 10"
    return CriterionLine(
        code, label, state, options=options, usual=usual, judged=code in JUDGED, hint=hint, **more
    )


def baseline_lines(infusion: Infusion) -> list[CriterionLine]:
    """What is asked before the start because it is compared afterwards."""
    lines = []
    for code in infusion.protocol_version.read().discharge.criteria:
        if code in BASELINES:
            found = baseline_of(infusion, code)
            state = "met" if found else "open"
            options = tuple(BASELINES[code].items())
            lines.append(
                CriterionLine(
                    code, CRITERIA[code], state, value_words(code, found), options=options, usual=found
                )
            )
    return lines


def criterion_lines(
    infusion: Infusion, decision: DischargeDecision | None, now: datetime
) -> list[CriterionLine]:
    """The criteria of a stopped infusion, as answered so far. Reads only."""
    if infusion.stopped_at is None:
        return []
    at = now if decision else infusion.stopped_at + timedelta(days=366)
    results = criterion_results(infusion, at)
    names = {
        row.criterion: str(row.entered_by)
        for row in rows.current(infusion, CriterionResult, "entered_by")
        if not row.before_start
    }
    recordable = recordable_criteria(infusion)
    lines = []
    for code in infusion.protocol_version.read().discharge.criteria:
        if code == "observation":
            lines.append(_observation_line(infusion, decision))
            continue
        found = results.get(code)
        if found is None:
            line = _line(infusion, code, "open", recordable=code in recordable)
            older = last_reading_after_stop(infusion, at) if code == "vitals" else None
            lines.append(line if older is None else replace(line, hint=_measured_too_early(infusion, older)))
            continue
        by = names.get(code, "")
        if code in JUDGED and found.value:
            reading = last_reading_after_stop(infusion, at)
            by = str(reading.entered_by) if reading and reading.observed_at == found.observed_at else by
        line = _line(infusion, code, found.state, value=found.value, observed_at=found.observed_at, by=by)
        lines.append(replace(line, unassessed=found.needs_assessment))
    return lines


def _measured_too_early(infusion: Infusion, reading: VitalSigns) -> str:
    at = reading.observed_at.astimezone(zone_of(infusion))
    return f"The last reading is of {at:%H:%M}. Measure again before the patient leaves."


def _observation_line(infusion: Infusion, decision: DischargeDecision | None) -> CriterionLine:
    if decision is None:
        ended = observed_until(infusion)
        return CriterionLine(
            "observation", CRITERIA["observation"], "met", observed_at=ended, recordable=False
        )
    state = "met" if "observation" in decision.met else "unmet"
    return CriterionLine(
        "observation", CRITERIA["observation"], state, observed_at=decision.observe_until, recordable=False
    )
