"""How a follow-up ends: done, declined, not done, missed; or its appointment is given back and it is open
again.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from scheduling.domain.localtime import in_words
from scheduling.models import FollowUp, WorkItem
from scheduling.services.acts import act
from scheduling.services.escalation import pool_key
from scheduling.services.follow_up_rows import (
    cancel_appointment,
    check_version,
    finish,
    locked,
    reason_in_words,
)
from scheduling.services.followups import close_rows, sync_follow_ups
from scheduling.services.messages import sync_messages
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import settle
from staff.clock import app_now
from staff.errors import RuleNotMet, StateConflict
from staff.models import User

State = FollowUp.State


@act
def cancel_therapy(*, follow_up: FollowUp, reason: str, by: User, at: datetime | None = None) -> FollowUp:
    """Give the booked time back; the follow-up is open again. Harmless when nothing is booked."""
    now = at or app_now()
    row = locked(follow_up, by)
    if row.appointment is None:
        return row
    cancel_appointment(row, reason_in_words(reason))
    row.state, row.version, row.generation = State.FIRM, row.version + 1, row.generation + 1
    row.save(update_fields=["state", "appointment", "version", "generation"])
    sync_follow_ups(series=row.series, at=now)
    check_constraints_now()
    row.refresh_from_db()
    return row


@act
def decline_follow_up(
    *,
    follow_up: FollowUp,
    reason: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> FollowUp:
    """The patient declines this one: no further reminders, and it does not count as missed."""
    return _close(follow_up, State.DECLINED, reason, by, at, expected_version)


@act
def mark_not_done(
    *,
    follow_up: FollowUp,
    reason: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> FollowUp:
    """It did not and will not take place, and why."""
    return _close(follow_up, State.MISSED, reason, by, at, expected_version)


@act
def complete_follow_up(
    *,
    follow_up: FollowUp,
    by: User,
    note: str = "",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> FollowUp:
    """A follow-up that is not therapy is done: a call made, scores taken. Raises RuleNotMet for therapy."""
    now = at or app_now()
    row = locked(follow_up, by)
    if row.therapy:
        raise RuleNotMet("A therapy session is completed with its note.", code="is-therapy")
    if row.state == State.DONE:
        return row
    check_version(row, expected_version)
    if row.state not in FollowUp.ACTIONABLE:
        raise StateConflict(f"{row.get_state_display()}: it cannot be done now.", code="follow-up-not-open")
    if row.earliest_at > now:
        words = f"This is due from {in_words(row.earliest_at, ZoneInfo(row.patient.time_zone))}."
        raise RuleNotMet(words, code="too-early")
    close_rows([row], state=State.DONE, reason=note.strip(), at=now, by=by)
    settle(kind=WorkItem.Kind.CALL_PATIENT, key=f"late:{row.code}", resolution="Done.", by=by, at=now)
    sync_messages(series=row.series, at=now)
    return row


def _close(
    follow_up: FollowUp, state: str, reason: str, by: User, at: datetime | None, expected: int | None
) -> FollowUp:
    now, words = at or app_now(), reason_in_words(reason)
    row = locked(follow_up, by)
    if row.state == state and row.closed_reason == words:
        return row
    check_version(row, expected)
    if row.state not in FollowUp.OPEN:
        raise StateConflict(f"{row.get_state_display()}: nothing is left to change.", code="follow-up-closed")
    if row.appointment is not None:
        cancel_appointment(row, words)
    close_rows([row], state=state, reason=words, at=now, by=by)
    for kind, key in items_of(row):
        settle(kind=kind, key=key, resolution=f"{row.get_state_display()}.", by=by, at=now)
    finish(row)
    return row


def items_of(row: FollowUp) -> list[tuple[str, str]]:
    """Kind and key of every item about one follow-up."""
    return [
        (WorkItem.Kind.CALL_PATIENT, f"late:{row.code}"),
        (WorkItem.Kind.MISSED, f"missed:{row.code}"),
        (WorkItem.Kind.UNPLACED, f"limits:{row.code}"),
        (WorkItem.Kind.UNPLACED, f"late:{row.code}"),
        (WorkItem.Kind.UNPLACED, pool_key(row)),
    ]
