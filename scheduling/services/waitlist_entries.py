"""Who waits for an earlier date: putting an infusion on the waitlist, taking it off, and closing what belongs to it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from scheduling.conflicts import booking_act
from scheduling.models import (
    Appointment,
    ResourceBooking,
    TreatmentSeries,
    WaitlistEntry,
    WaitlistOffer,
    WorkItem,
)
from scheduling.planning import PARTS_OF_DAY, SEARCH_DAYS
from scheduling.services.lanes import release
from scheduling.services.limits import allowed_starts
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import settle
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet, StaleVersion, StateConflict
from staff.locks import lock
from staff.models import User

State, Offer = WaitlistEntry.State, WaitlistOffer.State


@booking_act
def add_entry(
    *,
    series: TreatmentSeries,
    ordinal: int,
    by: User,
    urgency: int = WaitlistEntry.Urgency.ROUTINE,
    part_of_day: str = "",
    notice_hours: int = 2,
    note: str = "",
    at: datetime | None = None,
) -> WaitlistEntry:
    """Put an infusion on the waitlist: one without a date, or one whose patient wants an earlier one.

    It is of no use after the maximum gap to the infusion before has passed, or after the date it has. Raises
    StateConflict when it waits already or is settled, InvalidInput.
    """
    now = at or app_now()
    lock(patients=[series.patient_id])
    current = TreatmentSeries.objects.for_page().get(pk=series.pk)
    if current.status != TreatmentSeries.Status.ACTIVE:
        raise StateConflict(f"This series is {current.get_status_display().lower()}.", code="series-over")
    if ordinal not in current.numbers:
        raise InvalidInput("There is no such infusion in this series.", code="ordinal", field="ordinal")
    if part_of_day not in ("", *PARTS_OF_DAY) or urgency not in WaitlistEntry.Urgency.values:
        raise InvalidInput("Choose one of the list.", code="choice", field="urgency")
    if not 0 <= notice_hours <= 168:
        raise InvalidInput("Notice is 0 to 168 hours.", code="notice", field="notice_hours")
    rows = list(current.appointments.infusions().filter(ordinal=ordinal))
    if any(row.status in (Appointment.Status.COMPLETED, Appointment.Status.OMITTED) for row in rows):
        raise StateConflict("This infusion is settled already.", code="settled")
    if WaitlistEntry.objects.filter(series=current, ordinal=ordinal, state=State.WAITING).exists():
        raise StateConflict("This infusion is on the waitlist already.", code="one-place-on-the-waitlist")
    visit = next((row for row in rows if row.status == Appointment.Status.BOOKED), None)
    latest = _latest(current, ordinal, visit, now)
    if latest <= now:
        raise RuleNotMet(
            "The maximum gap has passed: the series has to be planned anew.", code="gap", field="ordinal"
        )
    return WaitlistEntry.objects.create(
        patient=current.patient,
        site=current.site,
        series=current,
        ordinal=ordinal,
        urgency=urgency,
        part_of_day=part_of_day,
        notice_hours=notice_hours,
        latest_at=latest,
        note=note.strip()[:120],
        added_by=by,
        added_at=now,
    )


def _latest(series: TreatmentSeries, ordinal: int, visit: Appointment | None, now: datetime) -> datetime:
    """The last start that is of use: by the gaps, and earlier than the date there is."""
    _, latest = allowed_starts(series, ordinal, without=() if visit is None else (visit.pk,))
    found = latest or now + timedelta(days=SEARCH_DAYS)
    return found if visit is None else min(found, visit.during.lower)


@booking_act
def withdraw_entry(
    *,
    entry: WaitlistEntry,
    by: User,
    reason: str = "Taken off the list.",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> WaitlistEntry:
    """Take an infusion off the list; an open offer is given back. Harmless when it is off already."""
    now = at or app_now()
    lock_offers(entry)
    current = WaitlistEntry.objects.select_for_update().get(pk=entry.pk)
    if current.state != State.WAITING:
        return current
    if expected_version is not None and current.version != expected_version:
        raise StaleVersion("Somebody else changed this entry. Look at it again.")
    for offer in current.offers.filter(state=Offer.OPEN).select_for_update():
        close_offer(offer, Offer.DECLINED, "Taken off the waitlist.", now, by)
    close_entry(current, State.WITHDRAWN, reason, now)
    check_constraints_now()
    return current


def close_entry(entry: WaitlistEntry, state: str, reason: str, now: datetime) -> None:
    """It waits no longer."""
    entry.state, entry.state_reason, entry.closed_at = state, reason[:200], now
    entry.version += 1
    entry.save(update_fields=["state", "state_reason", "closed_at", "version"])


def close_offer(offer: WaitlistOffer, state: str, reason: str, now: datetime, by: User | None) -> None:
    """Answer an offer and free what its hold occupied."""
    hold = Appointment.objects.select_for_update(of=["self"]).get(pk=offer.hold_id)
    if hold.status == Appointment.Status.RESERVED:
        release([hold.pk])
        hold.status, hold.reason = Appointment.Status.CANCELLED, reason[:200]
        hold.version += 1
        hold.save(update_fields=["status", "reason", "version"])
    offer.state, offer.reason, offer.answered_at, offer.answered_by = state, reason[:120], now, by
    offer.version += 1
    offer.save(update_fields=["state", "reason", "answered_at", "answered_by", "version"])
    settle(kind=WorkItem.Kind.CALL_PATIENT, key=f"offer:{offer.code}", resolution=reason[:200], at=now, by=by)


def lock_offers(entry: WaitlistEntry) -> None:
    """Locks of the patient, of what open offers hold, and of what the entry's own visit occupies."""
    rows = ResourceBooking.objects.filter(
        Q(appointment__offer__entry=entry)
        | Q(appointment__series=entry.series_id, appointment__ordinal=entry.ordinal)
    )
    lock(patients=[entry.patient_id], resources=set(rows.values_list("resource_id", flat=True)))
