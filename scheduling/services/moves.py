"""Moving one visit. It keeps its identity, its siblings stay where they are, and everything is judged again."""

from __future__ import annotations

from datetime import datetime

from scheduling.conflicts import booking_act
from scheduling.models import Appointment, VisitChange
from scheduling.reasons import MOVE, in_words
from scheduling.services.changes import undo_change
from scheduling.services.moving import move_visits
from scheduling.services.seating import VisitChoice
from staff.clock import app_now
from staff.errors import InvalidInput, StaleVersion, StateConflict
from staff.models import User

STALE = "Somebody else changed this visit since you opened it. Look at it again."


@booking_act
def move_visit(
    *,
    appointment: Appointment,
    start: datetime,
    by: User,
    reason: str,
    initiator: str = "clinic",
    note: str = "",
    chair: str = "",
    nurse: str = "",
    prescriber: str = "",
    displace_therapy: bool = False,
    close_reason: str = "",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Appointment:
    """Move an infusion visit to `start`; a displaced one is booked again by this.

    Chair, nurse and prescriber left open stay the same if they are free, else others are found.
    displace_therapy: therapy sessions that would fall into the new no-therapy period lose their time and go
    on their therapist's list. Raises StateConflict, StaleVersion, RuleNotMet, Clash or InvalidInput; then
    nothing has moved.
    """
    words = in_words(MOVE, reason, initiator=initiator, note=note)
    visit = Appointment.objects.for_page().get(pk=appointment.pk)
    if visit.kind != Appointment.Kind.INFUSION or visit.series is None:
        raise InvalidInput("Only infusion visits are moved here.", code="not-an-infusion")
    if expected_version is not None and visit.version != expected_version:
        raise StaleVersion(STALE)
    if visit.status not in Appointment.MOVABLE:
        raise StateConflict(
            f"This visit is {visit.get_status_display().lower()}: it cannot move.", code="not-movable"
        )
    ordinal = visit.ordinal or 0
    move_visits(
        series=visit.series,
        choices=[VisitChoice(ordinal, start, chair, nurse, prescriber)],
        seen=None if expected_version is None else {ordinal: expected_version},
        reason=words,
        displace_therapy=displace_therapy,
        close_reason=close_reason,
        by=by,
        at=at,
    )
    return Appointment.objects.for_page().get(pk=visit.pk)


@booking_act
def undo_move(
    *, appointment: Appointment, by: User, at: datetime | None = None, expected_version: int | None = None
) -> Appointment:
    """Take back the last change of a visit, with everything that it moved. Sent twice, it is done once.

    Raises StateConflict when it was never changed, was changed again, or two minutes have passed.
    """
    rows = VisitChange.objects.filter(appointment=appointment).exclude(change__kind="undo")
    if expected_version is not None:
        rows = rows.filter(version_after=expected_version)
    row = rows.select_related("change").order_by("-change__made_at", "-pk").first()
    if row is None:
        raise StateConflict("There is no such change to take back.", code="not-moved")
    undo_change(change=row.change, by=by, at=at or app_now())
    return Appointment.objects.for_page().get(pk=appointment.pk)
