"""Limits of the vitals while the pump runs: pause, stop, and whether it may go on. Pure module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from protocols.definition import VitalsLimits
from sessions.eligibility import RECHECK, Finding, Reading, apart, over

Act = Literal["none", "recheck", "pause", "stop"]

STOP_SIGNS = {
    "chest_pain": "Chest pain",
    "neurological_deficit": "New neurological deficit",
    "apnoea": "Apnoea",
    "psychosis_or_agitation": "Psychosis or severe agitation",
    "patient_request": "The patient asks to stop",
}
PAUSE_SIGNS = {"severe_distress": "Severe distress"}


@dataclass(frozen=True)
class RunningDecision:
    """What to do with the running pump, why, and when to measure again."""

    act: Act
    reasons: tuple[str, ...]
    recheck_at: datetime | None


def running_gate(
    readings: Sequence[Reading], limits: VitalsLimits, *, signs: Sequence[str] = ()
) -> RunningDecision:
    """Judge the latest of `readings` (ascending). Stop: never resumed. Pause: recheck after five minutes.

    A fast heart counts as sustained when it was also fast at least five minutes earlier; once is a recheck.
    """
    if not readings and not signs:
        return RunningDecision("none", (), None)
    stop = [STOP_SIGNS[sign] for sign in signs if sign in STOP_SIGNS]
    pause = [PAUSE_SIGNS[sign] for sign in signs if sign in PAUSE_SIGNS]
    recheck: list[str] = []
    if readings:
        last = readings[-1]
        stop += _beyond(last, limits.stop_systolic, limits.stop_diastolic, limits.stop_spo2)
        pause += _beyond(last, limits.pause_systolic, limits.pause_diastolic, limits.pause_spo2)
        if last.moaas is not None and last.moaas <= 2:
            pause.append("Hard to rouse")
        if last.heart_rate is not None and last.heart_rate > limits.pause_heart_rate:
            fast = f"Heart rate {last.heart_rate}"
            (pause if _sustained(readings, limits) else recheck).append(fast)
    again = readings[-1].at.astimezone(UTC) + RECHECK if readings else None
    if stop:
        return RunningDecision("stop", tuple(stop), None)
    if pause:
        return RunningDecision("pause", tuple(pause), again)
    return RunningDecision("recheck", tuple(recheck), again) if recheck else RunningDecision("none", (), None)


def _beyond(reading: Reading, systolic: int, diastolic: int, spo2: int) -> list[str]:
    found = []
    if over(reading, systolic, diastolic):
        found.append(f"Blood pressure {reading.systolic}/{reading.diastolic}")
    if reading.spo2 is not None and reading.spo2 < spo2:
        found.append(f"Oxygen saturation {reading.spo2} %")
    return found


def _sustained(readings: Sequence[Reading], limits: VitalsLimits) -> bool:
    last = readings[-1]
    earlier = [item for item in readings[:-1] if apart(item.at, last.at) >= RECHECK]
    rate = earlier[-1].heart_rate if earlier else None
    return rate is not None and rate > limits.pause_heart_rate


def may_resume(
    readings: Sequence[Reading], limits: VitalsLimits, *, paused_at: datetime, note: str
) -> tuple[Finding, ...]:
    """What stands against resuming a paused pump: a reading after the pause, back under the limits, and a
    note.
    """
    findings = []
    after = [item for item in readings if apart(paused_at, item.at) >= timedelta(0)]
    if not after:
        findings.append(Finding("block", "vitals", "No reading since the pause.", "Measure first."))
    else:
        decision = running_gate(after[-1:], limits)
        if decision.act != "none":
            reasons = ", ".join(decision.reasons)
            findings.append(
                Finding(
                    "block",
                    "vitals",
                    f"Still outside the limits: {reasons}.",
                    "Recheck.",
                    decision.recheck_at,
                )
            )
    if not note.strip():
        findings.append(
            Finding("block", "note", "A clinician's note is missing.", "Say why it is safe to go on.")
        )
    return tuple(findings)
