"""Seven days with their visits, as the calendar of a week and a phone's list read them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from protocols.models import ProtocolVersion
from scheduling.board_cards import Card, Span, card_of
from scheduling.domain.localtime import resolve_local
from scheduling.loaders import zone_of
from scheduling.models import Appointment
from scheduling.querysets import with_resources
from staff.models import Site, User

Status = Appointment.Status
SHOWN = (*Appointment.BLOCKING, Status.COMPLETED)


@dataclass(frozen=True)
class DayList:
    """One day of the week page."""

    day: date
    closed: str
    cards: tuple[Card, ...]
    hidden: int


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return resolve_local(day, time(0), zone).instant


def week_visits(site: Site, start: datetime, end: datetime) -> list[Appointment]:
    """Visits of every kind that touch [start, end), those without a time included, in order. Three queries at most.

    With what the week shows and no more: a join less is planned faster, and a protocol's text is read once, not in the
    row of every visit.
    """
    rows = (
        Appointment.objects.at_site(site).filter(status__in=[*SHOWN, Status.DISPLACED]).touching(start, end)
    )
    found = list(
        rows.select_related("patient", "series", "infusion", "moved_by")
        .prefetch_related(with_resources())
        .order_by("during", "pk")
    )
    for visit in found:
        visit.site = site
    _with_versions(found)
    return found


def _with_versions(visits: Iterable[Appointment]) -> None:
    """Give series and records their protocol version: one query for both, where a prefetch makes one for each."""
    holders = [item for visit in visits for item in (visit.series, visit.infusion) if item is not None]
    versions = ProtocolVersion.objects.in_bulk({item.protocol_version_id for item in holders})
    for item in holders:
        item.protocol_version = versions[item.protocol_version_id]


def week(
    user: User,
    site: Site,
    monday: date,
    now: datetime,
    *,
    visits: Sequence[Appointment],
    seen: Collection[int],
    limits: Mapping[int, datetime],
    closed: Mapping[date, str],
) -> list[DayList]:
    """Seven days of `visits` (of that week): those that this person may see, `seen`, and how many more there are.

    closed: why the site is closed, by date. No query.
    """
    zone = zone_of(site)
    found = []
    for number in range(7):
        day = monday + timedelta(days=number)
        span = Span(_midnight(day, zone), _midnight(day + timedelta(days=1), zone))
        today = [item for item in visits if span.start <= item.during.lower < span.end]
        cards = tuple(
            card_of(item, span, user, now, mine=True, limit=limits.get(item.pk))
            for item in today
            if item.pk in seen
        )
        found.append(DayList(day, closed.get(day, ""), cards, len(today) - len(cards)))
    return found
