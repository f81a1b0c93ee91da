"""What can still be done about therapy that nobody has booked, in the words of its item. Nothing is moved."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from scheduling.domain.localtime import in_words
from scheduling.loaders_follow import load_course
from scheduling.models import FollowUp
from scheduling.services.therapy_rules import free_slots

OFFERED = 3  # times named in the item; the window's page shows them all


def still_possible(row: FollowUp, *, ends: datetime, at: datetime) -> str:
    """`Still possible: Thu 5 Mar 15:30 with ...`, up to `ends`, and when that was so; or that no time is left."""
    zone = ZoneInfo(row.site.time_zone)
    slots = free_slots(row, load_course(row.patient_id), now=at)
    start = f"It should have begun by {in_words(row.latest_at, zone)}. " if row.latest_at <= at else ""
    start += f"The window ends {in_words(ends, zone)}."
    if not slots:
        return (
            f"{start} No free time of a therapist is left in it: find another therapist or hours, or close the "
            "follow-up with the reason."
        )
    named = "; ".join(
        f"{in_words(slot.start, zone)} with {slot.therapist.full_name}" for slot in slots[:OFFERED]
    )
    more = f" and {len(slots) - OFFERED} more" if len(slots) > OFFERED else ""
    return (
        f"{start} Still possible: {named}{more} (as of {in_words(at, zone)}). Book one on the window's page."
    )
