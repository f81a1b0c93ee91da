"""Answers to the pre-infusion checks that people make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sessions.models import Infusion, PreInfusionCheck
from sessions.services._record import act, locked, moment, need_state, not_in_future, touch
from sessions.services.readiness import COMPUTED_CHECKS, MAY_NOT_APPLY, refresh_ready
from staff.errors import InvalidInput
from staff.models import User


@act
def record_check(
    *,
    infusion: Infusion,
    kind: str,
    outcome: str,
    by: User,
    note: str = "",
    observed_at: datetime | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> PreInfusionCheck:
    """Answer one check; a new answer supersedes the old one, which stays readable.

    Raises InvalidInput for a check that the version does not have, or one that the record answers itself; a
    check answered with no needs a note.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(current, Infusion.BEFORE_START, "The pump has already run: its checks are part of the record.")
    _check_answer(current, kind, outcome, note)
    seen = not_in_future(observed_at or now, now, "observed_at")
    current.checks.current().filter(kind=kind).update(superseded_at=now)
    check = PreInfusionCheck.objects.create(
        infusion=current, kind=kind, outcome=outcome, note=note.strip(), observed_at=seen, entered_by=by
    )
    refresh_ready(current, now)
    touch(current, "status")
    return check


@dataclass(frozen=True)
class CheckAnswer:
    """One answered check; `note` is needed unless it passed."""

    kind: str
    outcome: str
    note: str = ""


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
        _check_answer(current, answer.kind, answer.outcome, answer.note)
    seen = not_in_future(observed_at or now, now, "observed_at")
    current.checks.current().filter(kind__in=[answer.kind for answer in given]).update(superseded_at=now)
    rows = PreInfusionCheck.objects.bulk_create(
        PreInfusionCheck(
            infusion=current,
            kind=answer.kind,
            outcome=answer.outcome,
            note=answer.note.strip(),
            observed_at=seen,
            entered_by=by,
        )
        for answer in given
    )
    refresh_ready(current, now)
    touch(current, "status")
    return rows


def _check_answer(infusion: Infusion, kind: str, outcome: str, note: str) -> None:
    if kind not in infusion.protocol_version.read().preinfusion_checks:
        raise InvalidInput("This protocol has no such check.", code="unknown-check", field="kind")
    if kind in COMPUTED_CHECKS:
        raise InvalidInput("The record answers this check itself.", code="computed-check", field="kind")
    if outcome not in PreInfusionCheck.Outcome.values:
        raise InvalidInput("Answer yes, no or not applicable.", code="unknown-outcome", field="outcome")
    if outcome == PreInfusionCheck.Outcome.NOT_APPLICABLE and kind not in MAY_NOT_APPLY:
        raise InvalidInput("This check always applies.", code="always-applies", field="outcome")
    if outcome != PreInfusionCheck.Outcome.PASSED and not note.strip():
        raise InvalidInput("Say what you found.", code="note-needed", field="note")
