"""Reserved slots: kept for some minutes, then given back (services/confirming.py makes bookings of them).

An expired slot stops blocking when somebody books one of its resources, or at the latest when `sweep_expired`
is called by the tick. Therapy that was planned after a reserved visit goes with it, and the waitlist is told.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from scheduling.conflicts import booking_act
from scheduling.models import Appointment, Resource, ResourceBooking, TreatmentSeries, WorkItem
from scheduling.services.lanes import release
from scheduling.services.slot_holds import tell_waitlist
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import settle_visit
from staff.clock import app_now
from staff.locks import lock
from staff.models import User

EXPIRED = "The time for which the slot was reserved ran out."
GIVEN_BACK = "The reserved slot was given back."
Status = Appointment.Status


def free_expired(*, resources: Collection[int] = (), patient: int | None = None, at: datetime) -> int:
    """Release expired slots on these resources and of this patient; the caller holds their locks. Returns how
    many.
    """
    wanted = Q(patient_id=patient) | Q(
        pk__in=ResourceBooking.objects.filter(resource_id__in=resources).values("appointment_id")
    )
    rows = list(Appointment.objects.overdue_holds(at).filter(wanted).select_for_update(of=["self"]))
    _cancel(rows, EXPIRED, at)
    return len(rows)


@booking_act
def sweep_expired(*, at: datetime | None = None) -> int:
    """Release every expired slot, whoever reserved it. For the tick."""
    now = at or app_now()
    rows = Appointment.objects.overdue_holds(now)
    patients = list(rows.values_list("patient_id", flat=True))
    if not patients:
        return 0
    resources = set(
        ResourceBooking.objects.filter(appointment__in=rows).values_list("resource_id", flat=True)
    )
    lock(patients=patients, resources=resources)
    found = list(Appointment.objects.overdue_holds(now).select_for_update(of=["self"]))
    _cancel(found, EXPIRED, now)
    return len(found)


def _cancel(rows: list[Appointment], reason: str, at: datetime) -> None:
    if not rows:
        return
    tell_waitlist([row.pk for row in rows], at=at)
    gone = [*rows, *_planned_after(rows)]
    release(row.pk for row in gone)
    for row in gone:
        row.status, row.reason = Status.CANCELLED, reason
        row.version += 1
        settle_visit(row, resolution=reason, at=at)
    Appointment.objects.bulk_update(gone, ["status", "reason", "version"])
    emptied = TreatmentSeries.objects.live().filter(pk__in={row.series_id for row in rows})
    emptied = emptied.exclude(
        appointments__status__in=[*Appointment.BLOCKING, Status.COMPLETED, Status.DISPLACED]
    )
    for series in emptied:
        series.status, series.status_reason, series.ended_at = TreatmentSeries.Status.ENDED, reason, at
        series.version += 1
        series.save(update_fields=["status", "status_reason", "ended_at", "version"])
        WorkItem.objects.open().filter(key__startswith=f"undated:{series.code}:").update(
            resolved_at=at, resolution=reason
        )


def _planned_after(rows: list[Appointment]) -> list[Appointment]:
    """Therapy that was planned together with these reserved visits: it has nothing to come after."""
    visits = Q()
    for row in rows:
        if row.series_id is not None:
            visits |= Q(series=row.series_id, ordinal=row.ordinal)
    if not visits:
        return []
    planned = Appointment.objects.filter(visits, kind=Appointment.Kind.THERAPY, status=Status.PROVISIONAL)
    return list(planned.select_for_update(of=["self"]))


@booking_act
def release_series(*, series: TreatmentSeries, by: User, at: datetime | None = None) -> TreatmentSeries:
    """Give reserved slots back before their time is up. Harmless when there are none."""
    now = at or app_now()
    lock(patients=[series.patient_id], resources=resources_of(series))
    rows = list(series.appointments.filter(status=Status.RESERVED).select_for_update())
    _cancel(rows, GIVEN_BACK, now)
    check_constraints_now()
    series.refresh_from_db()
    return series


def resources_of(series: TreatmentSeries) -> set[int]:
    """Primary keys of everything that the bookings of a series occupy, to be locked."""
    return set(
        Resource.objects.filter(bookings__appointment__series=series).values_list("pk", flat=True).distinct()
    )
