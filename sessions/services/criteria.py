"""Discharge criteria as people observe them, coded where it matters, and how things were before the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sessions import discharge, signals
from sessions.discharge_values import (
    ASSESSED,
    BASELINES,
    NEEDS_WORDS,
    NEW_INTENT,
    value_outcome,
)
from sessions.models import CriterionResult, Infusion
from sessions.services import rows
from sessions.services._record import act, locked, moment, need_state, not_in_future, touch
from sessions.services.minutes import seen_in_its_minute
from staff.errors import InvalidInput, RuleNotMet
from staff.models import User


@dataclass(frozen=True)
class CriterionAnswer:
    """What was seen. `outcome` met, unmet or not-assessable; or a coded `value`, from which the outcome follows."""

    criterion: str
    outcome: str = ""
    value: str = ""
    detail: str = ""


@act
def record_criterion(
    *,
    infusion: Infusion,
    criterion: str,
    by: User,
    outcome: str = "",
    value: str = "",
    detail: str = "",
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> CriterionResult:
    """Record one criterion; a new observation supersedes the old row. See `CriterionAnswer`.

    Raises InvalidInput for a criterion or value the version does not have or that is computed, and when "not
    assessable" or a coded answer lacks its words; RuleNotMet when observed before the pump stopped, and when only a
    prescriber may say so; StateConflict while the pump runs or once signed.
    """
    answer = CriterionAnswer(criterion, outcome, value, detail)
    return record_answers(
        infusion=infusion,
        answers=[answer],
        by=by,
        observed_at=observed_at,
        at=at,
        expected_version=expected_version,
    )[0]


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
    answers = [CriterionAnswer(code, outcome, detail=detail) for code, outcome in outcomes.items()]
    return record_answers(
        infusion=infusion,
        answers=answers,
        by=by,
        observed_at=observed_at,
        at=at,
        expected_version=expected_version,
    )


@act
def record_answers(
    *,
    infusion: Infusion,
    answers: Sequence[CriterionAnswer],
    by: User,
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> list[CriterionResult]:
    """Record several answers seen at one moment, all or none. Raises as `record_criterion`."""
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(
        current, {Infusion.Status.RECOVERING}, "Criteria are recorded after the pump stopped, before signing."
    )
    judged = [_judged(current, answer, by) for answer in answers]
    seen = not_in_future(observed_at or now, now, "observed_at")
    if observed_at is not None:
        seen = seen_in_its_minute(current, seen)
    if current.stopped_at is not None and seen < current.stopped_at:
        raise RuleNotMet("This is before the pump stopped.", code="before-stop", field="observed_at")
    codes = [item.criterion for item in judged]
    current.criteria.current().filter(criterion__in=codes, before_start=False).update(superseded_at=now)
    rows = CriterionResult.objects.bulk_create(_row(current, item, seen, now, by) for item in judged)
    touch(current)
    for item in judged:
        if item.criterion == "suicidality":
            _tell_prescriber(current, item, by, now)
    return rows


def _tell_prescriber(infusion: Infusion, answer: CriterionAnswer, by: User, now: datetime) -> None:
    """New or worse intent is asked of a prescriber; their assessment answers it."""
    signal = {NEW_INTENT: signals.prescriber_asked, ASSESSED: signals.prescriber_answered}.get(answer.value)
    if signal is not None:
        signals.tell(signal, infusion=infusion, by=by, at=now, topic="intent")


@act
def record_baseline(
    *,
    infusion: Infusion,
    criterion: str,
    value: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> CriterionResult:
    """How it is before the start, for a criterion that is later compared with it. Raises StateConflict afterwards.

    CADSS-6, oxygen saturation and blood pressure have theirs in the vitals of before the start.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(current, Infusion.BEFORE_START, "This is recorded before the pump starts.")
    _check_criterion(current, criterion)
    if value not in BASELINES.get(criterion, {}):
        raise InvalidInput("Choose one of the answers.", code="unknown-value", field="value")
    current.criteria.current().filter(criterion=criterion, before_start=True).update(superseded_at=now)
    answer = CriterionAnswer(criterion, value_outcome(criterion, value), value)
    row = _row(current, answer, now, now, by, before_start=True)
    row.save(force_insert=True)
    touch(current)
    return row


def _row(
    infusion: Infusion,
    answer: CriterionAnswer,
    seen: datetime,
    now: datetime,
    by: User,
    *,
    before_start: bool = False,
) -> CriterionResult:
    return CriterionResult(
        infusion=infusion,
        criterion=answer.criterion,
        outcome=answer.outcome,
        value=answer.value,
        before_start=before_start,
        detail=answer.detail.strip(),
        observed_at=seen,
        entered_at=now,
        entered_by=by,
    )


def baseline_of(infusion: Infusion, criterion: str) -> str:
    """The coded answer of before the start; empty when none was recorded."""
    found = rows.current(infusion, CriterionResult)
    return next((row.value for row in found if row.criterion == criterion and row.before_start), "")


def _judged(infusion: Infusion, answer: CriterionAnswer, by: User) -> CriterionAnswer:
    """The answer with its outcome, and with its value where the outcome implies one."""
    code, value, outcome = answer.criterion, answer.value, answer.outcome
    _check_criterion(infusion, code)
    rule = infusion.protocol_version.read().discharge
    if value:
        before = baseline_of(infusion, code) if code in BASELINES else ""
        least = {"aldrete": rule.min_aldrete, "padss": rule.min_padss}
        outcome = value_outcome(code, value, before=before, least=least)
        if (code, value) in NEEDS_WORDS and not answer.detail.strip():
            raise InvalidInput(NEEDS_WORDS[code, value], code="words-needed", field="detail")
    elif code == "suicidality" and outcome == CriterionResult.Outcome.UNMET:
        value = NEW_INTENT
    if outcome not in CriterionResult.Outcome.values:
        raise InvalidInput("Choose met, not met or not assessable.", code="unknown-outcome", field="outcome")
    if outcome == CriterionResult.Outcome.NOT_ASSESSABLE and not answer.detail.strip():
        raise InvalidInput("Say why it cannot be assessed.", code="reason-needed", field="detail")
    if code == "cadss6" and outcome != CriterionResult.Outcome.NOT_ASSESSABLE:
        raise InvalidInput("Enter the score with the vitals.", code="from-readings", field="outcome")
    if code == "recovery_score" and outcome == CriterionResult.Outcome.MET and not value:
        raise InvalidInput("Enter the score.", code="score-needed", field="value")
    if code == "suicidality":
        _check_intent(infusion, value, by)
    return replace(answer, value=value, outcome=outcome)


def _check_intent(infusion: Infusion, value: str, by: User) -> None:
    """Once new or worse intent was reported, only a prescriber's assessment changes that; and only they assess."""
    if value == NEW_INTENT:
        return
    reported = infusion.criteria.current().filter(criterion="suicidality", value=NEW_INTENT).exists()
    if (reported or value == ASSESSED) and not by.may("infusion.order"):
        raise RuleNotMet(
            "A prescriber assesses new or worse suicidal intent.",
            code="intent-needs-prescriber",
            field="outcome",
        )
    if reported and value != ASSESSED:
        raise RuleNotMet(
            "Record the prescriber's assessment, in one line.", code="intent-not-assessed", field="value"
        )


def _check_criterion(infusion: Infusion, criterion: str) -> None:
    if criterion not in infusion.protocol_version.read().discharge.criteria:
        raise InvalidInput(
            "This protocol has no such criterion.", code="unknown-criterion", field="criterion"
        )
    if criterion in discharge.COMPUTED:
        raise InvalidInput("The record works this one out itself.", code="computed", field="criterion")
