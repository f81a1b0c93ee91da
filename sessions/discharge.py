"""Ready to leave? Discharge criteria, minimum observation, and what stands in the way. Pure module.

Source of the criteria: clinical C5 (Aldrete, PADSS, esketamine label), decisions 1.3 and 1.5. A criterion
that is missing always blocks; one that is unmet, or recorded as not assessable, can be overridden by a reason
and a second named person. Times are aware, `now` is passed in; results are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from protocols.definition import DischargeRule
from sessions.discharge_values import NEW_INTENT
from staff.errors import InvalidInput

CRITERIA = {
    "alertness": "Fully awake, answers readily (MOAA/S 5)",
    "orientation": "Knows who and where they are, and the date",
    "perception": "No perceptual disturbance, by staff judgement",
    "cadss6": "CADSS-6 back to the value before the infusion",
    "recovery_score": "Modified Aldrete or PADSS high enough to leave",
    "vitals": "Blood pressure back near the value before the infusion, or within the normal range",
    "gait": "Walks steadily, or moves as before the infusion",
    "nausea": "Nausea absent or controlled",
    "suicidality": "No new or worse suicidal intent today",
    "escort": "Goes home with an adult, or an agreed alternative",
    "instructions": "Written instructions given and understood",
    "observation": "Watched for the minimum time",
}
OPTIONAL = ("cadss6", "recovery_score")  # scores: a version names them or not (clinic-day 18)
COMPUTED = ("observation",)
JUDGED = ("vitals", "cadss6")  # from readings; people only say that they cannot be assessed
MIN_SPO2 = 92  # percent; the same value below which a running pump is paused

State = Literal["met", "unmet", "not-assessable"]


@dataclass(frozen=True)
class Vitals:
    """One reading. Pressures in mmHg, heart rate per minute, oxygen saturation in percent."""

    at: datetime
    systolic: int
    diastolic: int
    heart_rate: int | None = None
    spo2: int | None = None


@dataclass(frozen=True)
class CriterionResult:
    """What was observed for one criterion, and when.

    `coded`: the coded answer, where the criterion has codes. `reason` explains not assessable. `override_reason`
    and `second_person` (a stable id, another person than `recorded_by`) let an unmet or not assessable one pass.
    """

    code: str
    state: State
    observed_at: datetime
    recorded_by: str = ""
    value: str = ""
    coded: str = ""
    reason: str = ""
    override_reason: str = ""
    second_person: str = ""

    @property
    def overridden(self) -> bool:
        """Whether a reason and a second, different person let it pass. New suicidal intent never passes so."""
        return bool(
            self.state != "met"
            and not self.needs_assessment
            and self.override_reason.strip()
            and self.second_person
            and self.second_person != self.recorded_by
        )

    @property
    def needs_assessment(self) -> bool:
        """New or worse suicidal intent today that no prescriber has assessed yet."""
        return self.code == "suicidality" and self.coded == NEW_INTENT and self.state != "met"


@dataclass(frozen=True)
class Blocker:
    """Why the patient cannot be signed off yet. `code` is the criterion."""

    code: str
    message: str


@dataclass(frozen=True)
class DischargeDecision:
    """`ready` = may be signed off now. `met`, `unmet` (not overridden), `overridden`, `missing` hold
    criterion codes.

    `t_sign` is the observed time of the last criterion, None while anything is missing. `observe_until` is
    the end of minimum observation. `needs_second_person`: an unmet criterion waits for one. `unassessed`: new or
    worse suicidal intent waits for a prescriber; it is among `unmet` and cannot be overridden.
    """

    ready: bool
    met: tuple[str, ...]
    unmet: tuple[str, ...]
    overridden: tuple[str, ...]
    missing: tuple[str, ...]
    t_sign: datetime | None
    observe_until: datetime
    blockers: tuple[Blocker, ...]
    needs_second_person: bool
    unassessed: bool = False


def observation_end(
    rule: DischargeRule,
    *,
    start: datetime,
    stop: datetime,
    delivered_mg: float | Decimal,
    aborted_below_mg: float | Decimal = Decimal("5"),
    extra_minutes: int = 0,
) -> datetime:
    """End of minimum observation: from start and from stop, or only from stop when hardly any drug was given.

    `extra_minutes` (0 or more) is added for a sedative or another reason of the version.
    """
    begin, end = start.astimezone(UTC), stop.astimezone(UTC)
    if end < begin:
        raise InvalidInput("The stop lies before the start.", field="stop")
    extra = timedelta(minutes=max(0, extra_minutes))
    if Decimal(str(delivered_mg)) < Decimal(str(aborted_below_mg)):
        return end + timedelta(minutes=rule.aborted_observe_from_stop_minutes) + extra
    from_start = begin + timedelta(minutes=rule.observe_from_start_minutes)
    return max(from_start, end + timedelta(minutes=rule.observe_from_stop_minutes)) + extra


def vitals_pass(rule: DischargeRule, reading: Vitals, baseline: Vitals | None) -> bool:
    """Pressures, and heart rate, near their value before the infusion OR within the absolute range; oxygen as before.

    Oxygen saturation, where measured, must reach 92 % or the patient's own value before the infusion.
    """
    return (
        _pressure_pass(rule, reading, baseline)
        and _heart_rate_pass(rule, reading, baseline)
        and _oxygen_pass(reading, baseline)
    )


def _near(rule: DischargeRule, now: int, before: int) -> bool:
    return 100 * abs(now - before) <= rule.vitals_within_percent * before


def _pressure_pass(rule: DischargeRule, reading: Vitals, baseline: Vitals | None) -> bool:
    if (
        rule.min_systolic <= reading.systolic <= rule.max_systolic
        and rule.min_diastolic <= reading.diastolic <= rule.max_diastolic
    ):
        return True
    if baseline is None:
        return False
    return _near(rule, reading.systolic, baseline.systolic) and _near(
        rule, reading.diastolic, baseline.diastolic
    )


def _heart_rate_pass(rule: DischargeRule, reading: Vitals, baseline: Vitals | None) -> bool:
    rate = reading.heart_rate
    if rate is None or rule.min_heart_rate <= rate <= rule.max_heart_rate:
        return True
    before = baseline.heart_rate if baseline is not None else None
    return before is not None and _near(rule, rate, before)


def _oxygen_pass(reading: Vitals, baseline: Vitals | None) -> bool:
    if reading.spo2 is None or reading.spo2 >= MIN_SPO2:
        return True
    return baseline is not None and baseline.spo2 is not None and reading.spo2 >= baseline.spo2


def vitals_result(
    rule: DischargeRule, reading: Vitals, baseline: Vitals | None, *, recorded_by: str = ""
) -> CriterionResult:
    """The vitals criterion judged from a reading."""
    state: State = "met" if vitals_pass(rule, reading, baseline) else "unmet"
    value = f"{reading.systolic}/{reading.diastolic}"
    return CriterionResult("vitals", state, reading.at, recorded_by=recorded_by, value=value)


def alertness_result(
    rule: DischargeRule, moaas: int, observed_at: datetime, *, recorded_by: str = ""
) -> CriterionResult:
    """The alertness criterion judged from a MOAA/S score (0 to 5)."""
    state: State = "met" if moaas >= rule.min_moaas else "unmet"
    return CriterionResult("alertness", state, observed_at, recorded_by=recorded_by, value=str(moaas))


def dissociation_result(
    score: int, before: int | None, observed_at: datetime, *, recorded_by: str = ""
) -> CriterionResult:
    """The CADSS-6 criterion: not above the score taken before the start. Without one only 0 meets it."""
    state: State = "met" if score <= (before or 0) else "unmet"
    words = f"{score}, before the start {'not taken' if before is None else before}"
    return CriterionResult("cadss6", state, observed_at, recorded_by=recorded_by, value=words)


def assess_discharge(
    rule: DischargeRule,
    results: Mapping[str, CriterionResult],
    *,
    start: datetime,
    stop: datetime,
    now: datetime,
    delivered_mg: float | Decimal,
    aborted_below_mg: float | Decimal = Decimal("5"),
    last_reading_at: datetime | None = None,
    extra_minutes: int = 0,
) -> DischargeDecision:
    """Judge the recorded results against the version's criteria.

    `observation` is computed, not recorded; a result for it is used only for its override. Raises
    InvalidInput for an unknown criterion, a result from the future, or one observed before the pump stopped.
    """
    ends = observation_end(
        rule,
        start=start,
        stop=stop,
        delivered_mg=delivered_mg,
        aborted_below_mg=aborted_below_mg,
        extra_minutes=extra_minutes,
    )
    judged = dict(results)
    if "observation" in rule.criteria:
        judged["observation"] = _observation(results.get("observation"), ends, now)
    for code, result in judged.items():
        _check_result(code, result, now)
    missing = tuple(code for code in rule.criteria if code not in judged)
    present = [judged[code] for code in rule.criteria if code in judged]
    met = tuple(item.code for item in present if item.state == "met")
    overridden = tuple(item.code for item in present if item.overridden)
    unmet = tuple(item.code for item in present if item.state != "met" and not item.overridden)
    blockers = tuple(_blockers(missing, [judged[code] for code in unmet], ends))
    return DischargeDecision(
        ready=not blockers,
        met=met,
        unmet=unmet,
        overridden=overridden,
        missing=missing,
        t_sign=None if blockers else _latest(present, stop, last_reading_at),
        observe_until=ends,
        blockers=blockers,
        needs_second_person=bool(unmet),
        unassessed=any(judged[code].needs_assessment for code in unmet),
    )


def _observation(given: CriterionResult | None, ends: datetime, now: datetime) -> CriterionResult:
    current = now.astimezone(UTC)
    if current >= ends:
        return CriterionResult("observation", "met", ends)
    if given is None:
        return CriterionResult("observation", "unmet", current)
    return CriterionResult(
        "observation",
        "unmet",
        current,
        recorded_by=given.recorded_by,
        override_reason=given.override_reason,
        second_person=given.second_person,
    )


def _check_result(code: str, result: CriterionResult, now: datetime) -> None:
    if code not in CRITERIA or result.code != code:
        raise InvalidInput("This is not a discharge criterion.", field=f"results.{code}")
    if result.observed_at.utcoffset() is None:
        raise InvalidInput("This time needs its time zone.", field=f"results.{code}.observed_at")
    if result.observed_at.astimezone(UTC) > now.astimezone(UTC):
        raise InvalidInput("This time lies in the future.", field=f"results.{code}.observed_at")
    if result.state == "not-assessable" and not result.reason.strip():
        raise InvalidInput("Say why it cannot be assessed.", field=f"results.{code}.reason")


def _blockers(missing: tuple[str, ...], unmet: list[CriterionResult], ends: datetime) -> list[Blocker]:
    blockers = [Blocker(code, f"Not recorded yet: {CRITERIA[code].lower()}.") for code in missing]
    for item in unmet:
        if item.code == "observation":
            blockers.append(Blocker(item.code, "Minimum observation is not over yet."))
        elif item.needs_assessment:
            words = "New or worse suicidal intent: a prescriber assesses before the patient leaves."
            blockers.append(Blocker(item.code, words))
        else:
            word = "Not assessable" if item.state == "not-assessable" else "Not met"
            blockers.append(Blocker(item.code, f"{word}: {CRITERIA[item.code].lower()}."))
    return blockers


def _latest(present: list[CriterionResult], stop: datetime, last_reading_at: datetime | None) -> datetime:
    times = [item.observed_at.astimezone(UTC) for item in present]
    readings = [last_reading_at.astimezone(UTC)] if last_reading_at else []
    return max([*times, *readings, stop.astimezone(UTC)])
