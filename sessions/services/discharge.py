"""Whether the patient is ready to leave: what people recorded, what readings say, and overrides, judged together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from sessions import discharge
from sessions.discharge_values import value_words
from sessions.models import CriterionResult, Infusion, VitalSigns
from sessions.monitoring import AFTER_GRID
from sessions.services import rows
from sessions.services.estimates import current_estimate
from sessions.services.observing import extra_minutes, observed_until
from staff.errors import RuleNotMet
from staff.models import User


def recordable_criteria(infusion: Infusion) -> tuple[str, ...]:
    """The version's criteria that people answer, in its order."""
    rule = infusion.protocol_version.read().discharge
    return tuple(code for code in rule.criteria if code not in discharge.COMPUTED)


@dataclass(frozen=True)
class Override:
    """A reason and a second person for what is not met, as stable ids of two people. Empty = none."""

    signer: str = ""
    reason: str = ""
    second: str = ""


def discharge_decision(
    infusion: Infusion,
    now: datetime,
    *,
    by: User | None = None,
    unmet_reason: str = "",
    second_person: User | None = None,
) -> discharge.DischargeDecision:
    """Whether the patient may leave at `now`. Raises RuleNotMet while the pump runs.

    A reason and a second person, other than the signer `by`, let every unmet criterion pass; a missing one
    never.
    """
    override = Override(
        str(by.pk) if by else "", unmet_reason, str(second_person.pk) if second_person else ""
    )
    return _decide(infusion, now, override)


def ready_at_if_overridden(infusion: Infusion, now: datetime) -> datetime | None:
    """When the patient was ready to leave if everything unmet were let pass; None while a criterion is
    missing.
    """
    return _decide(infusion, now, Override("signer", "shown only", "second")).t_sign


def _decide(infusion: Infusion, now: datetime, override: Override) -> discharge.DischargeDecision:
    if infusion.started_at is None or infusion.stopped_at is None:
        raise RuleNotMet("The pump must be stopped first.", code="pump-running")
    definition = infusion.protocol_version.read()
    reading = last_reading_after_stop(infusion, now)
    return discharge.assess_discharge(
        definition.discharge,
        criterion_results(infusion, now, override),
        start=infusion.started_at,
        stop=infusion.stopped_at,
        now=now,
        delivered_mg=_delivered(infusion),
        aborted_below_mg=definition.clearance.aborted_below_mg,
        last_reading_at=reading.observed_at if reading else None,
        extra_minutes=extra_minutes(infusion),
    )


def criterion_results(
    infusion: Infusion, now: datetime, override: Override | None = None
) -> dict[str, discharge.CriterionResult]:
    """Current results as the pure rules read them; vitals are judged from the last reading after the stop."""
    given = override or Override()
    results = {}
    for row in rows.current(infusion, CriterionResult):
        if row.before_start:
            continue
        words = value_words(row.criterion, row.value)
        results[row.criterion] = discharge.CriterionResult(
            code=row.criterion,
            state=cast("discharge.State", row.outcome),
            observed_at=row.observed_at,
            recorded_by=given.signer or str(row.entered_by_id),
            value=", ".join(part for part in (words, row.detail) if part),
            coded=row.value,
            reason=row.detail,
            override_reason=given.reason,
            second_person=given.second,
        )
    for judged in judged_from_readings(infusion, now):
        by_hand = results.get(judged.code)
        if by_hand is None or by_hand.observed_at <= judged.observed_at:
            results[judged.code] = replace(
                judged,
                recorded_by=given.signer or judged.recorded_by,
                override_reason=given.reason,
                second_person=given.second,
            )
    if given.reason and given.second:
        results["observation"] = discharge.CriterionResult(
            "observation",
            "unmet",
            now,
            recorded_by=given.signer,
            override_reason=given.reason,
            second_person=given.second,
        )
    return results


def judged_from_readings(infusion: Infusion, now: datetime) -> list[discharge.CriterionResult]:
    """Criteria of the version that readings after the stop answer: vitals, alertness (MOAA/S), CADSS-6."""
    rule = infusion.protocol_version.read().discharge
    found = [vitals_criterion(infusion, now)]
    after, before = _readings(infusion, now)
    alert = next((row for row in reversed(after) if row.moaas is not None), None)
    if alert is not None and alert.moaas is not None:
        by = str(alert.entered_by_id)
        found.append(discharge.alertness_result(rule, alert.moaas, alert.observed_at, recorded_by=by))
    scored = next((row for row in reversed(after) if row.cadss6 is not None), None)
    if scored is not None and scored.cadss6 is not None:
        usual = next((row.cadss6 for row in reversed(before) if row.cadss6 is not None), None)
        by = str(scored.entered_by_id)
        found.append(discharge.dissociation_result(scored.cadss6, usual, scored.observed_at, recorded_by=by))
    return [item for item in found if item is not None and item.code in rule.criteria]


def _readings(infusion: Infusion, now: datetime) -> tuple[list[VitalSigns], list[VitalSigns]]:
    """(after the stop up to `now`, up to the start), oldest first."""
    taken = [row for row in rows.live(infusion, VitalSigns) if row.observed_at <= now]
    start, stop = infusion.started_at, infusion.stopped_at
    return (
        [row for row in taken if stop is not None and row.observed_at >= stop],
        [row for row in taken if start is not None and row.observed_at <= start],
    )


def vitals_criterion(infusion: Infusion, now: datetime) -> discharge.CriterionResult | None:
    """The vitals criterion judged from the last reading after the stop, against the last one before the start.

    None without a reading of the last half hour of the observation (of the time until now, while it lasts): what was
    measured when the pump stopped says nothing about leaving. A record that is signed stands as it was signed.
    """
    last = last_reading_after_stop(infusion, now)
    if last is None or (
        infusion.status == Infusion.Status.RECOVERING and last.observed_at < _leaving_from(infusion, now)
    ):
        return None
    before = _readings(infusion, now)[1]
    rule = infusion.protocol_version.read().discharge
    return discharge.vitals_result(
        rule, _vitals(last), _vitals(before[-1]) if before else None, recorded_by=str(last.entered_by_id)
    )


def _leaving_from(infusion: Infusion, now: datetime) -> datetime:
    """From when on a reading counts for leaving."""
    ends = observed_until(infusion, delivered_mg=_delivered(infusion))
    return (now if ends is None else min(now, ends)) - AFTER_GRID


def last_reading_after_stop(infusion: Infusion, now: datetime) -> VitalSigns | None:
    """The latest live reading after the pump stopped, up to `now`."""
    after = _readings(infusion, now)[0]
    return after[-1] if after else None


def _vitals(row: VitalSigns) -> discharge.Vitals:
    return discharge.Vitals(row.observed_at, row.systolic, row.diastolic, row.heart_rate, row.spo2)


def _delivered(infusion: Infusion) -> float:
    found = current_estimate(infusion)
    return float(found.delivered_mg if found else infusion.delivered_mg or 0)
