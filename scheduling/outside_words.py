"""How far therapy outside the clinic has come: not sent, sent, seen, reported. Read in the caller's own query."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import DateTimeField, Exists, Func, OuterRef, Subquery

from patients.models import TherapistRelease
from scheduling.follow_words import Chip, soon_in_words
from scheduling.models import FollowUp, Message, PatientLink
from scheduling.services.outside import NOT, SEEN
from scheduling.services.outside_messages import TIMES


def outside_facts() -> dict[str, Any]:
    """Annotations of a query of follow-ups: when the present times left, whether they wait, and the last answer."""
    times = Message.objects.filter(follow_up=OuterRef("pk"), kind=TIMES, generation=OuterRef("generation"))
    links = PatientLink.objects.filter(
        follow_up=OuterRef("pk"), purpose=PatientLink.Purpose.OUTSIDE, answered_at__isnull=False
    ).order_by("-created_at")
    now = Func(function="app_now", output_field=DateTimeField())
    released = TherapistRelease.objects.filter(
        patient=OuterRef("patient"),
        therapist=OuterRef("outside"),
        revoked_at__isnull=True,
        valid_until__gt=now,
    )
    return {
        "times_released": Exists(released),
        "times_sent_at": Subquery(times.filter(state=Message.State.SENT).values("sent_at")[:1]),
        "times_wait": Exists(times.filter(state__in=Message.PENDING)),
        "times_answer": Subquery(links.values("answer__answer")[:1]),
        "times_answered_at": Subquery(links.values("answered_at")[:1]),
    }


def outside_chip(row: FollowUp, zone: ZoneInfo, now: datetime) -> Chip | None:
    """The state of a session that is with a therapist outside; None for one that is here."""
    if row.outside_id is None:
        return None
    found: Any = row  # with what `outside_facts` adds
    if row.report is not None:
        return Chip(
            f"Reported, held {soon_in_words(row.report.held_at, zone, now)}", "info", "clipboard-check"
        )
    if row.state not in FollowUp.OPEN:
        return None
    sent, said = found.times_sent_at, found.times_answer
    if said == NOT and found.times_answered_at:
        return Chip("They report: not held", "warning", "circle-alert")
    if not found.times_released:
        return Chip("No valid release: nothing is sent", "warning", "triangle-alert")
    if sent is None:
        return Chip("Times go out soon" if found.times_wait else "Times not sent", "pending", "clock")
    if said == SEEN and found.times_answered_at >= sent:
        return Chip(f"Seen {soon_in_words(found.times_answered_at, zone, now)}", "success", "eye")
    return Chip(f"Sent {soon_in_words(sent, zone, now)}, not seen yet", "info", "mail-check")
