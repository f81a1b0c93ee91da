"""What it is too late to recall: a message that has left, or may have, cannot be taken back by a change."""

from __future__ import annotations

from datetime import datetime

from scheduling.models import Appointment, Message
from scheduling.services.messages import GONE_OUT

State = Message.State


def recall_words(visit: Appointment, *, at: datetime) -> str:
    """What to tell whoever has just moved or cancelled this visit: which messages about the old time it is too
    late to recall. Empty when there is none.
    """
    gone = Message.objects.filter(appointment=visit, state__in=GONE_OUT, about_at__gt=at)
    if visit.status == Appointment.Status.BOOKED:
        gone = gone.exclude(about_at=visit.during.lower)
    states = set(gone.values_list("state", flat=True))
    if State.SENDING in states:
        return (
            "A message about the old time is being sent right now: too late to recall it. Call the patient."
        )
    return (
        "The patient has a message about the old time already: too late to recall it. Call." if states else ""
    )
