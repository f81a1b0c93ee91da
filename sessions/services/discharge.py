"""Discharge criteria as observed, and whether the patient is ready to leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sessions import discharge
from sessions.models import CriterionResult, Infusion, VitalSigns
from sessions.services._record import act, locked, moment, need_state, not_in_future, touch
from sessions.services.estimates import current_estimate
from staff.errors import InvalidInput, RuleNotMet
from staff.models import User


@act
def record_criterion(
    *,
    infusion: Infusion,
    criterion: str,
    outcome: str,
    by: User,
    detail: str = "",
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> CriterionResult:
    """Record one criterion (met, unmet or not-assessable); a new observation supersedes the old row.

    Raises InvalidInput for a criterion the version does not have or that is computed, and when "not
    assessable" has no reason; RuleNotMet when observed before the pump stopped; StateConflict while the pump
    runs or once signed.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(
        current, {Infusion.Status.RECOVERING}, "Criteria are recorded after the pump stopped, before signing."
    )
    _check_answer(current, criterion, outcome, detail)
    seen = not_in_future(observed_at or now, now, "observed_at")
    if current.stopped_at is not None and seen < current.stopped_at:
        raise RuleNotMet("This is before the pump stopped.", code="before-stop", field="observed_at")
    current.criteria.current().filter(criterion=criterion).update(superseded_at=now)
    row = CriterionResult.objects.create(
        infusion=current,
        criterion=criterion,
        outcome=outcome,
        detail=detail.strip(),
        observed_at=seen,
        entered_at=now,
        entered_by=by,
    )
    touch(current)
    return row


@act
def record_criteria(
    *,
    infusion: Infusion,
    outcomes: Mapping[str, str],
    by: User,
    detail: str = "",
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> list[CriterionResult]:
    """Record several criteria (code -> outcome) seen at one moment, all or none. Raises as `record_criterion`."""
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(
        current, {Infusion.Status.RECOVERING}, "Criteria are recorded after the pump stopped, before signing."
    )
    for criterion, outcome in outcomes.items():
        _check_answer(current, criterion, outcome, detail)
    seen = not_in_future(observed_at or now, now, "observed_at")
    if current.stopped_at is not None and seen < current.stopped_at:
        raise RuleNotMet("This is before the pump stopped.", code="before-stop", field="observed_at")
    current.criteria.current().filter(criterion__in=outcomes).update(superseded_at=now)
    rows = CriterionResult.objects.bulk_create(
        CriterionResult(
            infusion=current,
            criterion=criterion,
            outcome=outcome,
            detail=detail.strip(),
            observed_at=seen,
            entered_at=now,
            entered_by=by,
        )
        for criterion, outcome in outcomes.items()
    )
    touch(current)
    return rows


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
    )


def criterion_results(
    infusion: Infusion, now: datetime, override: Override | None = None
) -> dict[str, discharge.CriterionResult]:
    """Current results as the pure rules read them; vitals are judged from the last reading after the stop."""
    given = override or Override()
    results = {}
    for row in infusion.criteria.current().select_related("entered_by"):
        results[row.criterion] = discharge.CriterionResult(
            code=row.criterion,
            state=row.outcome,
            observed_at=row.observed_at,
            recorded_by=given.signer or str(row.entered_by_id),
            value=row.detail,
            reason=row.detail,
            override_reason=given.reason,
            second_person=given.second,
        )
    judged = vitals_criterion(infusion, now)
    by_hand = results.get("vitals")
    if judged is not None and (by_hand is None or by_hand.observed_at <= judged.observed_at):
        results["vitals"] = replace(
            judged, recorded_by=given.signer, override_reason=given.reason, second_person=given.second
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


def vitals_criterion(infusion: Infusion, now: datetime) -> discharge.CriterionResult | None:
    """The vitals criterion judged from the last reading after the stop, against the last one before the
    start.
    """
    last = last_reading_after_stop(infusion, now)
    if last is None:
        return None
    baseline = (
        infusion.vital_signs.live()
        .filter(observed_at__lte=infusion.started_at)
        .order_by("observed_at", "pk")
        .last()
    )
    rule = infusion.protocol_version.read().discharge
    return discharge.vitals_result(
        rule, _vitals(last), _vitals(baseline) if baseline else None, recorded_by=str(last.entered_by_id)
    )


def last_reading_after_stop(infusion: Infusion, now: datetime) -> VitalSigns | None:
    """The latest live reading after the pump stopped, up to `now`."""
    if infusion.stopped_at is None:
        return None
    rows = infusion.vital_signs.live().filter(observed_at__gte=infusion.stopped_at, observed_at__lte=now)
    found: VitalSigns | None = rows.select_related("entered_by").order_by("observed_at", "pk").last()
    return found


def _vitals(row: VitalSigns) -> discharge.Vitals:
    return discharge.Vitals(row.observed_at, row.systolic, row.diastolic, row.heart_rate, row.spo2)


def _delivered(infusion: Infusion) -> float:
    found = current_estimate(infusion)
    return float(found.delivered_mg if found else infusion.delivered_mg or 0)


def _check_answer(infusion: Infusion, criterion: str, outcome: str, detail: str) -> None:
    if criterion not in infusion.protocol_version.read().discharge.criteria:
        raise InvalidInput(
            "This protocol has no such criterion.", code="unknown-criterion", field="criterion"
        )
    if criterion in discharge.COMPUTED:
        raise InvalidInput("The record works this one out itself.", code="computed", field="criterion")
    if outcome not in CriterionResult.Outcome.values:
        raise InvalidInput("Choose met, not met or not assessable.", code="unknown-outcome", field="outcome")
    if outcome == CriterionResult.Outcome.NOT_ASSESSABLE and not detail.strip():
        raise InvalidInput("Say why it cannot be assessed.", code="reason-needed", field="detail")
