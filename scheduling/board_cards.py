"""One visit as boards and lists of days draw it, and where it lies on the axis of the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse

from patients.presenting import interpreter_words
from scheduling.board_bars import Bar
from scheduling.booking_pages import Chip, chip_of, resource_name, title_of
from scheduling.loaders import zone_of
from scheduling.models import Appointment, Resource
from sessions.models import Infusion
from sessions.services import observed_until
from staff.models import User

GONE = "Not here any more"  # ended otherwise than by discharge: the record waits for an assessment, the chair is free


@dataclass(frozen=True)
class Card:
    """One visit on the board. `mine` False: only that the chair is taken may be told."""

    key: str
    x: str
    width: str
    turnover_width: str
    start: datetime
    end: datetime
    name: str
    what: str
    chip: Chip
    note: str
    nurse: str
    url: str
    mine: bool
    start_by: datetime | None = None
    bars: tuple[Bar, ...] = ()
    alike: str = ""


@dataclass(frozen=True)
class Span:
    """The hours that the board shows, [start, end)."""

    start: datetime
    end: datetime

    def share(self, moment: datetime) -> float:
        """Where a moment lies, 0 to 100, cut at both ends."""
        return min(max((moment - self.start) / (self.end - self.start), 0.0), 1.0) * 100


def card_of(
    visit: Appointment, span: Span, user: User, now: datetime, *, mine: bool, limit: datetime | None = None
) -> Card:
    """A visit as a card; `limit` is the latest start that still fits. Uses what `for_page` loaded."""
    start, end = _stay(visit)
    left, right = span.share(start), span.share(end)
    turnover = span.share(max([row.during.upper for row in _chair_rows(visit)], default=end))
    chip = chip_of(visit, now)
    return Card(
        key=str(visit.code),
        x=f"{left:.2f}%",
        width=f"{max(right - left, 0.5):.2f}%",
        turnover_width=f"{max(turnover - left, 0.5):.2f}%",
        start=start,
        end=end,
        name=visit.patient.full_name if mine else "Taken",
        what=" · ".join(filter(None, (title_of(visit), interpreter_words(visit.patient)))) if mine else "",
        chip=chip,
        note=(_note(visit, now) or _limit_words(limit, visit)) if mine else "",
        nurse=resource_name(visit, "nurse") if mine else "",
        url=visit_url(visit, user) if mine else "",
        mine=mine,
        start_by=limit if mine else None,
    )


def _limit_words(limit: datetime | None, visit: Appointment) -> str:
    """`Start by 15:10`: the latest start whose stay still ends inside the hours of chair and people."""
    return "" if limit is None else f"Start by {limit.astimezone(zone_of(visit.site)):%H:%M}"


def _chair_rows(visit: Appointment) -> list[Any]:
    return [row for row in visit.resource_bookings.all() if row.resource.kind == Resource.Kind.CHAIR]


def _stay(visit: Appointment) -> tuple[datetime, datetime]:
    """As booked; once given, from the arrival or the start that was earlier."""
    record = visit.infusion
    start, end = visit.during.lower, visit.during.upper
    if record is None:
        return start, end
    return min(start, record.started_at or start), end


def _note(visit: Any, now: datetime) -> str:
    """What matters at the chair: since when the pump runs, or when observation ends (the board knows, the week not)."""
    record = visit.infusion
    if record is None or visit.series is None or record.started_at is None:
        return ""
    zone = zone_of(visit.site)
    if record.status in Infusion.RUNNING:
        word = "Paused, started" if record.status == Infusion.Status.PAUSED else "Running since"
        return f"{word} {record.started_at.astimezone(zone):%H:%M}"
    if record.status == Infusion.Status.RECOVERING and hasattr(visit, "gone"):
        return GONE if visit.gone else _observation(record, now, zone, sedated=visit.sedated)
    return ""


def _observation(record: Infusion, now: datetime, zone: ZoneInfo, *, sedated: bool) -> str:
    """Until when the patient is observed, as the record itself says it."""
    extra = record.protocol_version.read().sedative_minutes if sedated else 0
    until = observed_until(record, extra=extra)
    if until is None or until <= now:
        return "Observation complete"
    return f"Observe until {until.astimezone(zone):%H:%M}"


def visit_url(visit: Appointment, user: User) -> str:
    """Where this person goes on with the visit: its record where there is one they may read, else its page."""
    if visit.infusion is not None and user.may("infusion.view"):
        return reverse("infusion_detail", args=[visit.infusion.code])
    return reverse("visit_detail", args=[visit.code])
