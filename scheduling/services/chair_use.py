"""The booking follows the infusion, never the other way round: its status, how long the chair is really
needed, and what becomes of the booking after it.

Called by the receivers inside the transaction that stores the fact. What happened is always stored; a later
booking that stands in its way loses its time and goes on its owner's list (decisions 2.1).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.urls import reverse

from protocols.definition import ProtocolDefinition
from scheduling.conflicts import booking_act
from scheduling.domain.intervals import Interval, intersect, peak_load
from scheduling.domain.localtime import rounded_up
from scheduling.models import Appointment, Resource, ResourceBooking, WorkItem
from scheduling.ranges import as_range
from scheduling.services.endings import raise_undated, settle_series
from scheduling.services.followups import sync_follow_ups
from scheduling.services.lanes import Occupation, occupy, release
from scheduling.services.slot_holds import tell_waitlist
from scheduling.services.windows import displace
from scheduling.services.workitems import raise_item
from sessions.models import Infusion
from staff import roles
from staff.clock import app_now
from staff.locks import lock, try_patient
from staff.models import User

Status = Appointment.Status
FOLLOWS = {
    Infusion.Status.ARRIVED: Status.ARRIVED,
    Infusion.Status.READY: Status.ARRIVED,
    Infusion.Status.INFUSING: Status.INFUSING,
    Infusion.Status.PAUSED: Status.INFUSING,
    Infusion.Status.RECOVERING: Status.RECOVERING,
    Infusion.Status.SIGNED_OFF: Status.COMPLETED,
    Infusion.Status.NOT_GIVEN: Status.CANCELLED,
}
IN_CHAIR = frozenset({Status.INFUSING, Status.RECOVERING})
LEAVING = timedelta(minutes=15)  # from the end of observation until the chair is empty
STEP = timedelta(minutes=5)


@booking_act
def follow_infusion(
    *, infusion: Infusion, by: User | None = None, at: datetime | None = None
) -> Appointment | None:
    """Bring the visit of this infusion in line with its record. Idempotent; None when it has no booked visit.

    Signed off: the visit is complete, chair and people are free, therapy planned after it is booked for good.
    Not given: the infusion needs a new date. Running late: the chair's booking grows and displaces the next
    one.
    """
    now = at or app_now()
    known = Appointment.objects.filter(infusion=infusion).first()
    if known is None:
        return None
    held = Resource.objects.filter(bookings__appointment=known).values_list("pk", flat=True)
    lock(patients=[known.patient_id], resources=set(held))
    visit = (
        Appointment.objects.select_for_update(of=["self"])
        .select_related(
            "patient", "site", "series__protocol_version", "series__booked_by", "infusion__protocol_version"
        )
        .get(pk=known.pk)
    )
    record = Infusion.objects.get(pk=infusion.pk)
    wanted = FOLLOWS[Infusion.Status(record.status)]
    if visit.status not in Appointment.BLOCKING:
        return visit
    if wanted not in Appointment.BLOCKING:
        if wanted == Status.CANCELLED:
            tell_waitlist([visit.pk], at=now)
        release([visit.pk])
    if visit.status != wanted:
        visit.status = wanted
        visit.version += 1
        visit.save(update_fields=["status", "version"])
    if wanted in IN_CHAIR:
        _stretch(visit, expected_end(record, _definition(visit), now), now)
    elif wanted == Status.COMPLETED:
        _book_therapy_after(visit)
        _settle(visit, now)
    elif wanted == Status.CANCELLED:
        _not_given(visit, record, now)
    return visit


def _definition(visit: Appointment) -> ProtocolDefinition:
    return visit.protocol_version.read()


def expected_end(infusion: Infusion, definition: ProtocolDefinition, at: datetime) -> datetime:
    """When the chair is likely to be empty: minimum observation by the facts, and leaving; later than `at`.

    A pump that still runs is taken to stop as planned, or now if that has passed.
    """
    start = infusion.started_at or at
    stop = infusion.stopped_at or max(start + timedelta(minutes=infusion.ordered_minutes), at)
    rule = definition.discharge
    observed = max(
        start + timedelta(minutes=rule.observe_from_start_minutes),
        stop + timedelta(minutes=rule.observe_from_stop_minutes),
    )
    return rounded_up(max(observed, at) + LEAVING, STEP)


def _settle(visit: Appointment, now: datetime) -> None:
    if visit.series is not None:
        settle_series(visit.series, now)


def _book_therapy_after(visit: Appointment) -> None:
    """Sessions planned for after this infusion are booked now that its therapy time is signed.

    Re-anchoring, which comes after this, displaces those that the signed time overtakes.
    """
    planned = Appointment.objects.filter(
        series=visit.series, ordinal=visit.ordinal, kind=Appointment.Kind.THERAPY, status=Status.PROVISIONAL
    )
    for session in planned.select_for_update():
        session.status = Status.BOOKED
        session.version += 1
        session.save(update_fields=["status", "version"])


def _not_given(visit: Appointment, record: Infusion, now: datetime) -> None:
    visit.reason = f"Not given: {record.not_given_reason}"[:200]
    visit.save(update_fields=["reason"])
    raise_undated(visit, visit.reason, now)
    if visit.series is not None:
        sync_follow_ups(series=visit.series, at=now)


# --- The chair is needed longer ------------------------------------------------------------------------------------


def _stretch(visit: Appointment, until: datetime, now: datetime) -> None:
    """Let the visit end at `until` if that is later than booked, with its chair and, where there is room, its
    nurse.
    """
    planned_end = visit.during.upper
    if until <= planned_end:
        return
    bookings = list(visit.resource_bookings.select_related("resource"))
    turnover = timedelta(minutes=_definition(visit).turnover_minutes)
    chairs = [row for row in bookings if row.resource.kind == Resource.Kind.CHAIR]
    for chair in chairs:
        until = max(planned_end, min(until, _clear_chair(visit, chair, until + turnover, now) - turnover))
    if until <= planned_end:
        return
    _clear_patient(visit, until, now)
    nurses = [
        row
        for row in bookings
        if row.resource.kind == Resource.Kind.NURSE and row.during.upper >= planned_end
    ]
    wanted = [(row, until + turnover) for row in chairs]
    wanted += [(row, until) for row in nurses if _nurse_has_room(row, visit, until, now)]
    ResourceBooking.objects.filter(pk__in=[row.pk for row, _ in wanted]).delete()
    visit.during = as_range(visit.during.lower, until)
    visit.version += 1
    visit.save(update_fields=["during", "version"])
    occupy([Occupation(visit, row.resource, Interval(row.during.lower, end)) for row, end in wanted])


def _clear_chair(visit: Appointment, chair: ResourceBooking, until: datetime, now: datetime) -> datetime:
    """Displace upcoming bookings of the chair before `until`. Returns until when the chair can be had."""
    others = (
        ResourceBooking.objects.filter(resource=chair.resource)
        .touching(chair.during.upper, until)
        .exclude(appointment=visit)
        .select_related("appointment__patient", "appointment__site", "appointment__series__booked_by")
        .order_by("during")
    )
    for row in others:
        if row.appointment.status not in Appointment.UPCOMING:
            _report_shared(visit, chair.resource, now)
            return row.during.lower
        displace_visit(
            row.appointment, reason=f"{chair.resource.name} is needed longer by the visit before.", at=now
        )
    return until


def _clear_patient(visit: Appointment, until: datetime, now: datetime) -> None:
    """The patient is still in the chair: their own later appointments in that time lose it."""
    own = Appointment.objects.filter(patient=visit.patient, status__in=Appointment.UPCOMING).exclude(
        pk=visit.pk
    )
    rows = own.touching(visit.during.upper, until).select_related("patient", "site", "series__booked_by")
    for row in rows.select_for_update(of=["self"]):
        if row.kind == Appointment.Kind.THERAPY:
            displace(row, reason="The infusion before it ran over.", at=now)
        else:
            displace_visit(row, reason="The infusion before it ran over.", at=now)


def _nurse_has_room(row: ResourceBooking, visit: Appointment, until: datetime, now: datetime) -> bool:
    """A nurse stays with the patient anyway; where the booking cannot grow, the list says so."""
    extra = Interval(row.during.upper, until)
    others = ResourceBooking.objects.filter(resource=row.resource).touching(extra.start, extra.end)
    busy = [Interval(item.during.lower, item.during.upper) for item in others.exclude(appointment=visit)]
    inside = [piece for item in busy for piece in intersect([item], [extra])]
    if peak_load(inside) < row.resource.capacity:
        return True
    raise_item(
        kind=WorkItem.Kind.DISPLACED,
        key=f"nurse:{visit.code}",
        site=visit.site,
        patient=visit.patient,
        title=f"{row.resource.name} has more patients than planned",
        detail="A visit runs over while other visits of this nurse go on. Hand one over or move a later one.",
        role=roles.NURSE,
        owner=row.resource.user,
        url=reverse("visit_detail", args=[visit.code]),
        due_at=now,
        at=now,
    )
    return False


def _report_shared(visit: Appointment, chair: Resource, now: datetime) -> None:
    raise_item(
        kind=WorkItem.Kind.DISPLACED,
        key=f"chair:{visit.code}",
        site=visit.site,
        patient=visit.patient,
        title=f"{chair.name} is taken by two visits",
        detail="A visit runs over into one that has begun. Say on the record which chair is really used.",
        role=roles.NURSE,
        url=reverse("visit_detail", args=[visit.code]),
        due_at=now,
        at=now,
    )


def displace_visit(visit: Appointment, *, reason: str, at: datetime) -> None:
    """Take the time of an upcoming visit away and put it on its owner's list. The caller holds its resources'
    locks.

    Its follow-ups are planned anew at once if the patient's lock is free; otherwise whoever holds it is
    changing that patient's plan right now, and finding a new time plans them in any case.
    """
    release([visit.pk])
    held = visit.status == Status.RESERVED
    visit.status = Status.CANCELLED if held else Status.DISPLACED
    visit.reason, visit.owner = reason[:200], None if held else visit.booked_by
    visit.version += 1
    visit.save(update_fields=["status", "reason", "owner", "version"])
    if held:
        return
    raise_item(
        kind=WorkItem.Kind.DISPLACED,
        key=str(visit.code),
        site=visit.site,
        patient=visit.patient,
        title=f"{visit} needs a new time",
        detail=reason,
        role=roles.COORDINATOR,
        owner=visit.booked_by,
        url=reverse("visit_move", args=[visit.code]),
        due_at=at,
        at=at,
    )
    if visit.series is not None and try_patient(visit.patient_id):
        sync_follow_ups(series=visit.series, at=at)


def stretch_overdue(*, at: datetime | None = None) -> int:
    """For the tick: visits whose patient is still in the chair after the booked end get more time. Returns
    how many.
    """
    now = at or app_now()
    rows = Appointment.objects.infusions().filter(status__in=IN_CHAIR, during__endswith__lte=now)
    return sum(_stretch_one(visit, now) for visit in rows.select_related("infusion"))


def _stretch_one(visit: Appointment, now: datetime) -> bool:
    before = visit.during.upper
    after = follow_infusion(infusion=visit.infusion, at=now) if visit.infusion is not None else None
    return after is not None and after.during.upper > before
