"""What it is too late to recall: a message that has left, or may have, cannot be taken back by a change."""

from __future__ import annotations

from datetime import datetime

from scheduling.models import Appointment, Message, ScheduleChange
from scheduling.services.messages import GONE_OUT

State = Message.State


def recall_words(*visits: Appointment, at: datetime) -> str:
    """What to tell whoever has just moved, cancelled or put back these visits: that it is too late to recall messages
    about another time of theirs. Empty when there is none.
    """
    states: set[str] = set()
    for visit in visits:
        gone = Message.objects.filter(appointment=visit, state__in=GONE_OUT, about_at__gt=at)
        if visit.status == Appointment.Status.BOOKED:
            gone = gone.exclude(about_at=visit.during.lower)
        states |= set(gone.values_list("state", flat=True))
    if State.SENDING in states:
        return (
            "A message about the old time is being sent right now: too late to recall it. Call the patient."
        )
    return (
        "The patient has a message about the old time already: too late to recall it. Call." if states else ""
    )


def recall_words_after(*changes: ScheduleChange, at: datetime) -> str:
    """The same for everything that these changes moved."""
    rows = Appointment.objects.filter(changes__change__in=changes).distinct() if changes else ()
    return recall_words(*rows, at=at)


def last_change(visit: Appointment) -> tuple[ScheduleChange, ...]:
    """The last recorded change of this visit, if it has one."""
    row = visit.changes.select_related("change").order_by("-change__made_at", "-pk").first()
    return () if row is None else (row.change,)
