"""Undo of what a therapist has just done by mistake: a booking, "declined", "not done". Within ten minutes,
own acts only."""

from __future__ import annotations

from datetime import datetime, timedelta

from scheduling.models import Appointment, FollowUp
from scheduling.services.acts import act
from scheduling.services.closing import cancel_therapy
from scheduling.services.follow_up_rows import finish, locked
from scheduling.services.followups import sync_follow_ups
from staff.clock import app_now
from staff.errors import StateConflict
from staff.models import User

State = FollowUp.State
WITHIN = timedelta(minutes=10)


@act
def undo_last(*, follow_up: FollowUp, by: User, at: datetime | None = None) -> FollowUp:
    """Take back the caller's last act on this follow-up: it is open again, and what was booked is free.
    Twice is harmless.

    Raises StateConflict when it was somebody else's act, more than ten minutes ago, or therapy has started since.
    """
    now = at or app_now()
    row = locked(follow_up, by)
    if row.state == State.BOOKED:
        return _unbook(row, by, now)
    if row.state in (State.DECLINED, State.MISSED):
        return _reopen(row, by, now)
    if row.state in FollowUp.OPEN:
        return row
    raise StateConflict("This can no longer be taken back.", code="undo-over")


def _unbook(row: FollowUp, by: User, now: datetime) -> FollowUp:
    booked = row.appointment
    mine = booked is not None and booked.booked_by_id == by.pk and now - booked.booked_at <= WITHIN
    if booked is None or not mine or booked.status not in Appointment.UPCOMING:
        raise StateConflict(
            "This booking can no longer be taken back: cancel it with a reason.", code="undo-over"
        )
    return cancel_therapy(follow_up=row, reason="Taken back at once", by=by, at=now)


def _reopen(row: FollowUp, by: User, now: datetime) -> FollowUp:
    closed = row.closed_at
    if row.closed_by_id != by.pk or closed is None or now - closed > WITHIN:
        raise StateConflict("This can no longer be taken back.", code="undo-over")
    row.state, row.closed_at, row.closed_by, row.closed_reason = State.FIRM, None, None, ""
    row.version, row.generation = row.version + 1, row.generation + 1
    row.save(update_fields=["state", "closed_at", "closed_by", "closed_reason", "version", "generation"])
    sync_follow_ups(series=row.series, at=now)
    finish(row)
    row.refresh_from_db()
    return row
