"""Limits of the vitals before the start and while the pump runs: start, pause, stop, go on. Pure module."""

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
    "stop_rule": "A stop rule was met",
}
CONDITION = "condition"  # the line of the gate for oxygen, alertness and heart rate before the start
HARD_TO_ROUSE = 2  # MOAA/S
PAUSE_SIGNS = {"severe_distress": "Severe distress"}


@dataclass(frozen=True)
class RunningDecision:
    """What to do with the running pump, why, and when to measure again."""

    act: Act
    reasons: tuple[str, ...]
    recheck_at: datetime | None


def stop_reasons(
    readings: Sequence[Reading],
    limits: VitalsLimits,
    *,
    signs: Sequence[str] = (),
    since: datetime | None = None,
) -> tuple[str, ...]:
    """What ends this infusion for good: a sign, or any reading beyond the stop limits.

    `since`: the pump start; readings from then on count, however good later ones are. None = only the latest counts.
    """
    found = [STOP_SIGNS[sign] for sign in signs if sign in STOP_SIGNS]
    for place, reading in enumerate(readings):
        last = place == len(readings) - 1
        if not last and (since is None or reading.at < since):
            continue
        beyond = _beyond(reading, limits.stop_systolic, limits.stop_diastolic, limits.stop_spo2)
        found += beyond if last else [f"{words} earlier" for words in beyond]
    return tuple(dict.fromkeys(found))


def running_gate(
    readings: Sequence[Reading],
    limits: VitalsLimits,
    *,
    signs: Sequence[str] = (),
    since: datetime | None = None,
) -> RunningDecision:
    """Judge the latest of `readings` (ascending). Stop: never resumed. Pause: recheck after five minutes.

    A fast heart counts as sustained when it was also fast at least five minutes earlier; once is a recheck. `since`:
    as in `stop_reasons`.
    """
    if not readings and not signs:
        return RunningDecision("none", (), None)
    stop = stop_reasons(readings, limits, signs=signs, since=since)
    pause = [PAUSE_SIGNS[sign] for sign in signs if sign in PAUSE_SIGNS]
    recheck: list[str] = []
    if readings:
        last = readings[-1]
        pause += _beyond(last, limits.pause_systolic, limits.pause_diastolic, limits.pause_spo2)
        if last.moaas is not None and last.moaas <= HARD_TO_ROUSE:
            pause.append("Hard to rouse")
        if last.heart_rate is not None and last.heart_rate > limits.pause_heart_rate:
            fast = f"Heart rate {last.heart_rate}"
            (pause if _sustained(readings, limits) else recheck).append(fast)
    again = readings[-1].at.astimezone(UTC) + RECHECK if readings else None
    if stop:
        return RunningDecision("stop", stop, None)
    if pause:
        return RunningDecision("pause", tuple(pause), again)
    return RunningDecision("recheck", tuple(recheck), again) if recheck else RunningDecision("none", (), None)


def fit_to_start(readings: Sequence[Reading], limits: VitalsLimits) -> tuple[Finding, ...]:
    """What the latest reading before the start says beside its pressures (those: `eligibility.start_gate`).

    Nobody starts a pump that would have to be stopped at once, nor with a patient who is hard to rouse; what would
    pause it is a prescriber's decision, with a reason.
    """
    if not readings:
        return ()
    last = readings[-1]
    again = last.at.astimezone(UTC) + RECHECK
    asks = "Treat and measure again, or a prescriber starts with a reason."
    found = []
    if last.spo2 is not None and last.spo2 < limits.pause_spo2:
        below = last.spo2 < limits.stop_spo2
        words = f"Oxygen saturation {last.spo2} %"
        words += ": no start." if below else f" is below {limits.pause_spo2} %."
        todo = "Treat, then measure again." if below else asks
        found.append(Finding("block" if below else "decide", CONDITION, words, todo, again))
    if last.moaas is not None and last.moaas <= HARD_TO_ROUSE:
        found.append(Finding("block", CONDITION, "Hard to rouse: no start.", "A prescriber examines.", again))
    if last.heart_rate is not None and last.heart_rate > limits.pause_heart_rate:
        words = f"Heart rate {last.heart_rate} is above {limits.pause_heart_rate}."
        found.append(Finding("decide", CONDITION, words, asks, again))
    return tuple(found)


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
    readings: Sequence[Reading],
    limits: VitalsLimits,
    *,
    paused_at: datetime,
    note: str,
    signs: Sequence[str] = (),
    since: datetime | None = None,
) -> tuple[Finding, ...]:
    """What stands against resuming a paused pump: a reading after the pause, back under the limits, and a note.

    After a stop rule nothing lets it go on. `signs` and `since`: as in `stop_reasons`.
    """
    if ended := stop_reasons(readings, limits, signs=signs, since=since):
        words = f"A stop rule was met, it is not resumed: {', '.join(ended)}."
        return (Finding("block", "stop", words, "Stop the pump."),)
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
