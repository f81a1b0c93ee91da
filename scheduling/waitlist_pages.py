"""The waitlist as rows, for the page and the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scheduling.booking_pages import Chip
from scheduling.models import Appointment, WaitlistEntry, WaitlistOffer, WorkItem
from scheduling.services import slot_holds
from scheduling.services.answers import ANSWERED
from staff.models import Site, User

URGENCY = {
    1: Chip("Routine", "neutral", "circle"),
    2: Chip("Soon", "info", "clock"),
    3: Chip("Urgent", "warning", "clock-alert"),
}
MOST = 100
SAID = "It may not take place"


def aside_of(site: Site, user: User, now: datetime) -> list[dict[str, Any]]:
    """Times that are set aside for the waitlist while their visits stand, with what was answered. Two queries."""
    slots = list(
        slot_holds.waiting_at(site, now).filter(visit__in=Appointment.objects.visible_to(user))[:MOST]
    )
    visits = [slot.visit for slot in slots if slot.visit is not None]
    items = WorkItem.objects.open().filter(kind=ANSWERED, patient__in=[visit.patient_id for visit in visits])
    said = {item.key.split(":")[1]: item.title for item in items if item.key.startswith("answer:")}
    answers = [said.get(str(visit.code), SAID) for visit in visits]
    return [{"slot": slot, "said": words} for slot, words in zip(slots, answers, strict=True)]


def rows_of(site: Site, user: User) -> list[dict[str, Any]]:
    """Waiting infusions in order, each with its present date and its open offer. Four queries."""
    entries = list(
        WaitlistEntry.objects.visible_to(user)
        .filter(site=site, state=WaitlistEntry.State.WAITING)
        .select_related("patient", "series", "added_by")[:MOST]
    )
    offers = {
        item.entry_id: item
        for item in WaitlistOffer.objects.filter(
            entry__in=entries, state=WaitlistOffer.State.OPEN
        ).select_related("hold", "slot__resource")
    }
    dates = {
        (item.series_id, item.ordinal): item.during.lower
        for item in Appointment.objects.infusions().filter(
            series__in=[entry.series_id for entry in entries], status=Appointment.Status.BOOKED
        )
    }
    return [
        {
            "entry": entry,
            "number": number,
            "urgency": URGENCY[entry.urgency],
            "offer": offers.get(entry.pk),
            "date": dates.get((entry.series_id, entry.ordinal)),
        }
        for number, entry in enumerate(entries, start=1)
    ]
