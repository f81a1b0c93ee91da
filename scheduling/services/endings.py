"""How a series ends: by its last infusion, or early; and what happens to infusions that lose their date.

A series is active while infusions are still to be given (decisions 2.7). Given and skipped infusions are
settled; one that was cancelled or not attended still has to be given, so it is an item on a list until it has
a date again.
"""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from scheduling.conflicts import booking_act
from scheduling.models import Appointment, Resource, TreatmentSeries, WorkItem
from scheduling.reasons import END, in_words
from scheduling.services.followups import sync_follow_ups
from scheduling.services.lanes import release
from scheduling.services.slot_holds import tell_waitlist
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import raise_item, settle, settle_visit
from staff import roles
from staff.clock import app_now
from staff.errors import StaleVersion, StateConflict
from staff.locks import lock
from staff.models import User

Status = Appointment.Status
SETTLED = Appointment.SETTLED
HAS_A_DATE = frozenset({*Appointment.BLOCKING, Status.COMPLETED, Status.DISPLACED})


@booking_act
def end_series(
    *,
    series: TreatmentSeries,
    reason: str,
    by: User,
    initiator: str = "clinician",
    note: str = "",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> TreatmentSeries:
    """End a series early: visits ahead are cancelled and their chairs freed, an infusion in progress goes on.

    What follows infusions already given stays. Raises StateConflict when it is over, StaleVersion.
    """
    now = at or app_now()
    words = in_words(END, reason, initiator=initiator, note=note)
    held = Resource.objects.filter(bookings__appointment__series=series).values_list("pk", flat=True)
    lock(patients=[series.patient_id], resources=set(held))
    current = TreatmentSeries.objects.select_for_update().get(pk=series.pk)
    if current.status not in TreatmentSeries.LIVE:
        raise StateConflict(f"This series is {current.get_status_display().lower()}.", code="series-over")
    if expected_version is not None and expected_version != current.version:
        raise StaleVersion("Somebody else changed this series since you opened it. Look at it again.")
    _cancel_ahead(current, words, now, by)
    current.status, current.status_reason, current.ended_at = TreatmentSeries.Status.ENDED, words, now
    current.version += 1
    current.save(update_fields=["status", "status_reason", "ended_at", "version"])
    sync_follow_ups(series=current, at=now)
    check_constraints_now()
    return current


def _cancel_ahead(series: TreatmentSeries, words: str, now: datetime, by: User) -> None:
    """Visits still ahead, and the therapy sessions that were only planned for after them."""
    ahead = {*Appointment.UPCOMING, Status.DISPLACED}
    rows = list(series.appointments.select_for_update().filter(status__in=ahead))
    visits = [row for row in rows if row.kind != Appointment.Kind.THERAPY]
    numbers = {row.ordinal for row in visits}
    planned = [
        row
        for row in rows
        if row.kind == Appointment.Kind.THERAPY
        and row.status == Status.PROVISIONAL
        and row.ordinal in numbers
    ]
    tell_waitlist([row.pk for row in visits], at=now)
    cancel_rows([*visits, *planned], f"Series ended: {words}"[:200])
    for row in visits:
        settle_visit(row, resolution="The series was ended.", at=now, by=by)
    for number in series.numbers:
        settle(
            kind=WorkItem.Kind.DISPLACED,
            key=undated_key(series, number),
            resolution="The series was ended.",
            at=now,
            by=by,
        )


def cancel_rows(rows: list[Appointment], words: str) -> None:
    """Cancel these appointments and free what they occupied."""
    release(row.pk for row in rows)
    for row in rows:
        row.status, row.reason = Status.CANCELLED, words
        row.version += 1
    Appointment.objects.bulk_update(rows, ["status", "reason", "version"])


def settle_series(series: TreatmentSeries, at: datetime) -> TreatmentSeries:
    """Complete the series when no infusion remains to be given. The caller holds the patient's lock."""
    current = TreatmentSeries.objects.select_for_update().get(pk=series.pk)
    rows = current.appointments.infusions().filter(status__in=SETTLED)
    settled = dict(rows.values_list("ordinal", "status"))
    if current.status not in TreatmentSeries.LIVE or len(settled) < len(current.numbers):
        return current
    given = Status.COMPLETED in settled.values()
    current.status = TreatmentSeries.Status.COMPLETED if given else TreatmentSeries.Status.ENDED
    current.ended_at = at
    current.version += 1
    current.save(update_fields=["status", "ended_at", "version"])
    return current


def undated_key(series: TreatmentSeries, ordinal: int) -> str:
    """Key of the item about an infusion that has to be given and has no date."""
    return f"undated:{series.code}:{ordinal}"


def raise_undated(visit: Appointment, words: str, at: datetime) -> None:
    """Put an infusion that lost its date on the list of whoever booked the series."""
    series = visit.series
    if series is None or series.status not in TreatmentSeries.LIVE:
        return
    raise_item(
        kind=WorkItem.Kind.DISPLACED,
        key=undated_key(series, visit.ordinal or 0),
        site=visit.site,
        patient=visit.patient,
        title=f"Infusion {visit.ordinal} of {series.visits} has no date",
        detail=f"{words} Give it a new time, or skip it.",
        role=roles.COORDINATOR,
        owner=series.booked_by,
        url=reverse("series_detail", args=[series.code]),
        due_at=at,
        at=at,
    )
