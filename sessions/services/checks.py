"""Answers to the pre-infusion checks that people make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sessions.models import Infusion, PreInfusionCheck, TreatmentHold
from sessions.services._record import act, locked, moment, need_state, not_in_future, touch
from sessions.services.holds import raise_hold
from sessions.services.readiness import COMPUTED_CHECKS, MAY_NOT_APPLY, refresh_ready
from staff.errors import InvalidInput
from staff.models import User

NOT_APPLICABLE = {
    "declined": "Test declined",
    "not_of_age": "Not of childbearing age",
    "sterile": "Surgically sterile",
    "male": "Not applicable for this patient",
}
NOT_APPLICABLE_CHOICES = list(NOT_APPLICABLE.items())


@act
def record_check(
    *,
    infusion: Infusion,
    kind: str,
    outcome: str,
    by: User,
    note: str = "",
    reason_code: str = "",
    ate_at: datetime | None = None,
    drank_at: datetime | None = None,
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> PreInfusionCheck:
    """Answer one check; a new answer supersedes the old one, which stays readable.

    `reason_code` says why a test does not apply (`NOT_APPLICABLE`). `ate_at`, `drank_at`: last food and last clear
    drink, from which the version's fasting time is counted. A positive pregnancy test holds later infusions; therapy
    goes on. Raises InvalidInput for a check that the version does not have, or one that the record answers itself;
    a check answered with no needs a note, a test that was not made its coded reason.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(current, Infusion.BEFORE_START, "The pump has already run: its checks are part of the record.")
    if reason_code and reason_code not in NOT_APPLICABLE:
        raise InvalidInput("Choose why it does not apply.", code="unknown-reason", field="reason_code")
    note = note.strip() or NOT_APPLICABLE.get(reason_code, "")
    from_when = _fasting_ends(current, kind, outcome, ate_at, drank_at, now)
    positive = kind == "pregnancy_test" and outcome == PreInfusionCheck.Outcome.FAILED
    note = note or ("Ate or drank" if from_when else "Positive" if positive else "")
    _check_answer(current, kind, outcome, note, reason_code)
    seen = not_in_future(observed_at or now, now, "observed_at")
    current.checks.current().filter(kind=kind).update(superseded_at=now)
    check = PreInfusionCheck.objects.create(
        infusion=current,
        kind=kind,
        outcome=outcome,
        note=note[:200],
        reason_code=reason_code if outcome == PreInfusionCheck.Outcome.NOT_APPLICABLE else "",
        can_start_from=from_when,
        observed_at=seen,
        entered_by=by,
    )
    if positive:
        raise_hold(
            infusion=current,
            kind=TreatmentHold.Kind.PREGNANCY,
            cause=f"pregnancy:{current.code}",
            by=by,
            at=now,
        )
    refresh_ready(current, now)
    touch(current, "status")
    return check


@dataclass(frozen=True)
class CheckAnswer:
    """One answered check; a no needs its `note`, a test that was not made its `reason_code` (`NOT_APPLICABLE`)."""

    kind: str
    outcome: str
    note: str = ""
    reason_code: str = ""


@act
def record_checks(
    *,
    infusion: Infusion,
    answers: Iterable[CheckAnswer],
    by: User,
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> list[PreInfusionCheck]:
    """Answer several checks at once, all or none. Raises what `record_check` raises, for the first bad answer."""
    now, given = moment(at), list(answers)
    current = locked(infusion, expected_version)
    need_state(current, Infusion.BEFORE_START, "The pump has already run: its checks are part of the record.")
    for answer in given:
        _check_answer(current, answer.kind, answer.outcome, answer.note, answer.reason_code)
    seen = not_in_future(observed_at or now, now, "observed_at")
    current.checks.current().filter(kind__in=[answer.kind for answer in given]).update(superseded_at=now)
    rows = PreInfusionCheck.objects.bulk_create(
        PreInfusionCheck(
            infusion=current,
            kind=answer.kind,
            outcome=answer.outcome,
            note=answer.note.strip() or NOT_APPLICABLE.get(answer.reason_code, ""),
            reason_code=answer.reason_code,
            observed_at=seen,
            entered_by=by,
        )
        for answer in given
    )
    refresh_ready(current, now)
    touch(current, "status")
    return rows


def _fasting_ends(
    infusion: Infusion,
    kind: str,
    outcome: str,
    ate_at: datetime | None,
    drank_at: datetime | None,
    now: datetime,
) -> datetime | None:
    """When the version's fasting time is over, in elapsed hours; None when nothing was eaten or drunk too late."""
    if kind != "fasting" or outcome != PreInfusionCheck.Outcome.FAILED:
        return None
    food, drink = infusion.protocol_version.read().fasting_hours
    ends = []
    if ate_at is not None:
        ends.append(not_in_future(ate_at, now, "ate_at") + timedelta(hours=food))
    if drank_at is not None:
        ends.append(not_in_future(drank_at, now, "drank_at") + timedelta(hours=drink))
    return max(ends, default=None)


def _check_answer(infusion: Infusion, kind: str, outcome: str, note: str, reason_code: str) -> None:
    if kind not in infusion.protocol_version.read().preinfusion_checks:
        raise InvalidInput("This protocol has no such check.", code="unknown-check", field="kind")
    if kind in COMPUTED_CHECKS:
        raise InvalidInput("The record answers this check itself.", code="computed-check", field="kind")
    if outcome not in PreInfusionCheck.Outcome.values:
        raise InvalidInput("Answer yes, no or not applicable.", code="unknown-outcome", field="outcome")
    if outcome == PreInfusionCheck.Outcome.NOT_APPLICABLE and kind not in MAY_NOT_APPLY:
        raise InvalidInput("This check always applies.", code="always-applies", field="outcome")
    if outcome == PreInfusionCheck.Outcome.NOT_APPLICABLE and reason_code not in NOT_APPLICABLE:
        raise InvalidInput("Choose the reason.", code="reason-needed", field="reason_code")
    if outcome == PreInfusionCheck.Outcome.FAILED and not note.strip():
        raise InvalidInput("Say what you found.", code="note-needed", field="note")
