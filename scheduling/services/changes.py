"""The record of every change of a plan, and taking one back within two minutes.

Undo puts the bookings back exactly as they were: the same times, the same chair and people. It is refused when
somebody has taken the place meanwhile (that of a visit left without a date is kept, services/slot_holds.py) or anything
was changed again. Follow-ups and messages are derived afresh in
the same transaction, so what was planned because of the change is stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from scheduling.conflicts import booking_act
from scheduling.domain.intervals import Interval
from scheduling.models import (
    Appointment,
    FollowUp,
    FreedSlot,
    Resource,
    ResourceBooking,
    ScheduleChange,
    TreatmentSeries,
    VisitChange,
    WorkItem,
)
from scheduling.ranges import as_interval, as_range
from scheduling.services import slot_holds
from scheduling.services.endings import undated_key
from scheduling.services.followups import sync_follow_ups
from scheduling.services.lanes import Occupation, occupy, release
from scheduling.services.slot_holds import UNDO_FOR, Left
from scheduling.services.visit_gaps import check_gaps_after_undo
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import outside_key, reopen, settle
from staff.clock import app_now
from staff.errors import StateConflict
from staff.locks import lock
from staff.models import User

Status = Appointment.Status
Kind = ScheduleChange.Kind
DATELESS = frozenset({Kind.CANCEL, Kind.OMIT, Kind.NO_SHOW})
FINAL = frozenset({Kind.UNDO, Kind.VERSION})  # a signed move to another version is taken back by another one


@dataclass(frozen=True)
class Before:
    """A booking as it was before an act."""

    appointment: Appointment
    status: str
    during: Any
    practitioner_id: int | None
    predicted_t0: datetime | None
    seat: tuple[tuple[int, str, str], ...]
    place: str
    follow_up: FollowUp | None


def snapshot(appointments: Iterable[Appointment]) -> list[Before]:
    """How these bookings stand now, with what they occupy. Call it before anything is released."""
    found = list(appointments)
    held = _held(found)
    follow_ups = {row.appointment_id: row for row in FollowUp.objects.filter(appointment__in=found)}
    return [
        Before(
            item,
            item.status,
            item.during,
            item.practitioner_id,
            item.predicted_t0,
            tuple(
                (row.resource_id, row.during.lower.isoformat(), row.during.upper.isoformat())
                for row in held.get(item.pk, ())
            ),
            _place(held.get(item.pk, ())),
            follow_ups.get(item.pk),
        )
        for item in found
    ]


def _held(appointments: Sequence[Appointment]) -> dict[int, list[ResourceBooking]]:
    found: dict[int, list[ResourceBooking]] = {}
    rows = ResourceBooking.objects.filter(appointment__in=appointments).select_related("resource")
    for row in rows.order_by("resource__kind", "during", "pk"):
        found.setdefault(row.appointment_id, []).append(row)
    return found


def _place(rows: Iterable[ResourceBooking]) -> str:
    """`Chair 2, Robin Vale, Dr Dana Reed`."""
    return ", ".join(dict.fromkeys(row.resource.name for row in rows))[:200]


def record(
    kind: str,
    before: Sequence[Before],
    *,
    reason: str,
    by: User,
    at: datetime,
    scope: str = ScheduleChange.Scope.THIS,
) -> ScheduleChange:
    """Write what an act did to these bookings. Call it once they are in their new state."""
    first = before[0].appointment
    change = ScheduleChange.objects.create(
        kind=kind,
        scope=scope,
        patient_id=first.patient_id,
        site_id=first.site_id,
        series_id=first.series_id,
        reason=reason[:200],
        made_by=by,
        made_at=at,
    )
    fresh = {
        row.pk: row for row in Appointment.objects.filter(pk__in=[item.appointment.pk for item in before])
    }
    held = _held(list(fresh.values()))
    VisitChange.objects.bulk_create(
        VisitChange(
            change=change,
            appointment=item.appointment,
            status_before=item.status,
            status_after=fresh[item.appointment.pk].status,
            during_before=item.during,
            during_after=fresh[item.appointment.pk].during,
            practitioner_before_id=item.practitioner_id,
            predicted_before=item.predicted_t0,
            seat_before=[list(part) for part in item.seat],
            place_before=item.place,
            place_after=_place(held.get(item.appointment.pk, ())),
            follow_up=item.follow_up,
            version_after=fresh[item.appointment.pk].version,
        )
        for item in before
    )
    _note_freed(before, fresh, held, by, at, dateless=kind in DATELESS)
    return change


def _note_freed(
    before: Sequence[Before],
    after: dict[int, Appointment],
    held: dict[int, list[ResourceBooking]],
    by: User,
    at: datetime,
    *,
    dateless: bool,
) -> None:
    """Stretches of chairs ahead that nobody occupies any more: the waitlist is asked about them."""
    kept = {
        (row.resource_id, row.during.lower.isoformat(), row.during.upper.isoformat())
        for rows in held.values()
        for row in rows
    }
    gone = {
        part
        for item in before
        if after[item.appointment.pk].kind == Appointment.Kind.INFUSION
        for part in item.seat
        if part not in kept and _instant(part[2]) > at
    }
    chairs = set(
        Resource.objects.filter(pk__in=[part[0] for part in gone], kind=Resource.Kind.CHAIR).values_list(
            "pk", flat=True
        )
    )
    gone -= slot_holds.let_go(_left(before, after, held), gone, by=by, at=at, dateless=dateless)
    FreedSlot.objects.bulk_create(
        FreedSlot(resource_id=key, during=as_range(_instant(start), _instant(end)), freed_at=at)
        for key, start, end in sorted(gone)
        if key in chairs
    )


def _left(
    before: Sequence[Before], after: dict[int, Appointment], held: dict[int, list[ResourceBooking]]
) -> list[Left]:
    """For each infusion visit: what it and the therapy planned after it had, and what the act's bookings have now."""
    instead = [(row.resource_id, as_interval(row.during)) for rows in held.values() for row in rows]
    places = [as_interval(row.during) for row in after.values() if row.status in Appointment.BLOCKING]
    return [
        Left(
            after[item.appointment.pk],
            as_interval(item.during),
            item.practitioner_id,
            [
                (key, Interval(_instant(start), _instant(end)))
                for one in before
                if one.appointment.ordinal == item.appointment.ordinal
                for key, start, end in one.seat
            ],
            instead,
            places,
        )
        for item in before
        if item.appointment.kind == Appointment.Kind.INFUSION
    ]


def let_plans_cross() -> None:
    """Several bookings of one patient change places: the rules about pairs of them are asked at the end, not between.

    `check_constraints_now` asks them, inside the same transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS patient_is_in_one_place, no_therapy_before_clearance DEFERRED")


def undoable(visit: Appointment, user: User, now: datetime) -> ScheduleChange | None:
    """The change that this person may take back from this visit's page now, if there is one."""
    row = (
        VisitChange.objects.filter(appointment=visit)
        .select_related("change")
        .order_by("-change__made_at", "-pk")
        .first()
    )
    if row is None or row.version_after != visit.version:
        return None
    change = row.change
    open_for = change.undone_at is None and change.kind not in FINAL and now < change.made_at + UNDO_FOR
    return change if open_for and user.may("appointment.move") else None


@booking_act
def undo_change(*, change: ScheduleChange, by: User, at: datetime | None = None) -> ScheduleChange:
    """Take a change back within two minutes, all of it. The same undo twice is one.

    Raises StateConflict when the two minutes have passed or a booking was changed again, Clash when a place is taken,
    RuleNotMet when another visit was changed since, so that the gap to it would not be allowed.
    """
    now = at or app_now()
    rows = list(change.rows.select_related("appointment", "follow_up", "practitioner_before"))
    seats = {int(part[0]) for row in rows for part in row.seat_before}
    held = ResourceBooking.objects.filter(appointment__in=[row.appointment_id for row in rows])
    lock(patients=[change.patient_id], resources=seats | set(held.values_list("resource_id", flat=True)))
    current = ScheduleChange.objects.select_for_update().get(pk=change.pk)
    if current.undone_at is not None:
        return current
    visits = {
        item.pk: item
        for item in Appointment.objects.select_for_update(of=["self"])
        .select_related("series", "patient", "site")
        .filter(pk__in=[row.appointment_id for row in rows])
    }
    _check_undoable(current, rows, visits, now)
    before = snapshot(visits.values())
    let_plans_cross()
    release(visits)
    aside = slot_holds.come_back(visits, at=now)
    _put_back(rows, visits)
    check_gaps_after_undo(current, visits, now)
    current.undone_at, current.undone_by = now, by
    current.save(update_fields=["undone_at", "undone_by"])
    record(Kind.UNDO, before, reason=f"Taken back: {current.reason}", by=by, at=now, scope=current.scope)
    for key in aside:
        for item in slot_holds.answer_keys(visits[key]):
            reopen(kind=WorkItem.Kind.PATIENT_ANSWER, key=item, since=current.made_at)
    _follow(current, visits.values(), by, now)
    return current


def _check_undoable(
    change: ScheduleChange, rows: Sequence[VisitChange], visits: dict[int, Appointment], now: datetime
) -> None:
    if change.kind in FINAL or now >= change.made_at + UNDO_FOR:
        raise StateConflict(
            "The two minutes for undo have passed. Make a new change instead.", code="undo-over"
        )
    if any(visits[row.appointment_id].version != row.version_after for row in rows):
        raise StateConflict("This booking was changed again meanwhile.", code="changed-again")
    series = change.series
    if series is not None and series.status not in (*TreatmentSeries.LIVE, TreatmentSeries.Status.COMPLETED):
        raise StateConflict(f"This series is {series.get_status_display().lower()}.", code="series-over")


def _put_back(rows: Sequence[VisitChange], visits: dict[int, Appointment]) -> None:
    resources = Resource.objects.in_bulk({int(part[0]) for row in rows for part in row.seat_before})
    occupations: list[Occupation] = []
    for row in rows:
        visit = visits[row.appointment_id]
        moved = visit.during != row.during_before
        visit.status, visit.during = row.status_before, row.during_before
        visit.practitioner, visit.predicted_t0 = row.practitioner_before, row.predicted_before
        visit.reason = row.change.reason if row.status_before in (Status.DISPLACED,) else ""
        if moved:
            visit.moved_from = visit.moved_by = None
        visit.version += 1
        visit.save()
        occupations += [
            Occupation(visit, resources[int(key)], Interval(_instant(start), _instant(end)))
            for key, start, end in row.seat_before
        ]
        if row.follow_up is not None and visit.kind == Appointment.Kind.THERAPY:
            _link(row.follow_up, visit)
    occupy(occupations)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _link(follow_up: FollowUp, session: Appointment) -> None:
    """The session is that follow-up's again."""
    fresh = FollowUp.objects.select_for_update().get(pk=follow_up.pk)
    fresh.appointment, fresh.state = session, FollowUp.State.BOOKED
    fresh.closed_at = fresh.closed_by = None
    fresh.closed_reason = ""
    fresh.version += 1
    fresh.save()


def _follow(change: ScheduleChange, visits: Iterable[Appointment], by: User, now: datetime) -> None:
    series = change.series
    for visit in visits:
        settle(
            kind=WorkItem.Kind.DISPLACED,
            key=str(visit.code),
            resolution="The change was taken back.",
            at=now,
            by=by,
        )
        reopen(kind=WorkItem.Kind.DISPLACED, key=outside_key(visit), since=change.made_at)
        if series is not None and visit.kind == Appointment.Kind.INFUSION:
            key = undated_key(series, visit.ordinal or 0)
            settle(
                kind=WorkItem.Kind.DISPLACED, key=key, resolution="The change was taken back.", at=now, by=by
            )
    if series is not None:
        reopened = TreatmentSeries.objects.select_for_update().get(pk=series.pk)
        if reopened.status == TreatmentSeries.Status.COMPLETED and change.kind == Kind.OMIT:
            reopened.status, reopened.ended_at = TreatmentSeries.Status.ACTIVE, None
            reopened.version += 1
            reopened.save(update_fields=["status", "ended_at", "version"])
        sync_follow_ups(series=reopened, at=now)
    check_constraints_now()


def history_of(visit: Appointment) -> list[VisitChange]:
    """Every recorded change of one booking, newest first."""
    rows = VisitChange.objects.filter(appointment=visit)
    return list(
        rows.select_related("change__made_by", "change__undone_by").order_by("-change__made_at", "-pk")
    )
