"""The chair board of one day: who is where, by chair and time, and what comes next at each chair.

Reads only, in four queries whatever the number of chairs and visits: they are read again every twenty seconds.
Positions are percentages of the day's span, for SVG attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef
from django.urls import reverse

from patients.alike import Named, look_alikes
from scheduling.board_acts import NextAct, next_act
from scheduling.board_bars import drawn, stretches
from scheduling.board_cards import Card, Span, card_of
from scheduling.board_live import LiveChair, live_chair, with_live
from scheduling.booking_pages import Chip, chair_of, chip_of
from scheduling.day_load import DayLoad, hours_of_day, load_days
from scheduling.domain.localtime import resolve_local
from scheduling.loaders import zone_of
from scheduling.models import Appointment
from scheduling.querysets import with_resources
from scheduling.services.lateness import limits_with
from sessions.models import Infusion
from sessions.pages.words import STATES
from staff.models import Site, User

Status = Appointment.Status
SHOWN = (*Appointment.BLOCKING, Status.COMPLETED)
BUSY = (Status.ARRIVED, Status.INFUSING, Status.RECOVERING)
FIRST_HOUR, LAST_HOUR = 8, 18


@dataclass(frozen=True)
class Lane:
    """One chair and its visits. `state` is what happens there now, `act` what brings it on."""

    name: str
    state: Chip
    cards: tuple[Card, ...]
    live: LiveChair | None = None
    live_url: str = ""
    live_name: str = ""
    act: NextAct | None = None


@dataclass(frozen=True)
class Board:
    """A site's day."""

    day: date
    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[str, str], ...]
    now_x: str
    closed: str
    waiting: tuple[Card, ...]
    in_use: int
    summary: str
    due: tuple[Lane, ...] = ()


def chair_board(user: User, site: Site, day: date, now: datetime) -> Board:
    """The board of one local day. Four queries: resources with their hours, closures, visits, bookings."""
    zone = zone_of(site)
    load = load_days(site, first=day, until=day + timedelta(days=2))
    visits = day_visits(user, site, _midnight(day, zone), _midnight(day + timedelta(days=1), zone))
    span = _span(day, zone, load, visits)
    live = {item.pk: found for item in visits if item.seen and (found := _live(item, now)) is not None}
    cards = _cards(visits, live, load, span, user, now)
    lanes = tuple(_lane(chair.name, visits, cards, live, user, now) for chair in load.chairs)
    due = [lane for lane in lanes if lane.live is not None and lane.live.next_vitals_at is not None]
    in_use = sum(1 for lane in lanes if lane.state.word != "Free")
    return Board(
        day=day,
        lanes=lanes,
        ticks=tuple(_ticks(span, zone)),
        now_x=f"{span.share(now):.2f}%" if span.start <= now < span.end else "",
        closed=load.closed.get(day, ""),
        waiting=tuple(cards[item.pk] for item in visits if item.status == Status.DISPLACED),
        in_use=in_use,
        summary=f"{in_use} of {len(lanes)} chairs in use, {len([v for v in visits if v.status in SHOWN])} visits",
        due=tuple(sorted(due, key=_due_at)),
    )


def day_visits(user: User, site: Site, start: datetime, end: datetime) -> list[Any]:
    """Infusion visits that touch [start, end), those without a time included: `seen` says whether this person may
    know whose they are, the rest of `with_live` what the live estimate needs. Two queries.
    """
    mine = Appointment.objects.visible_to(user).filter(pk=OuterRef("pk"))
    rows = Appointment.objects.infusions().at_site(site).filter(status__in=[*SHOWN, Status.DISPLACED])
    found = (
        with_live(rows.touching(start, end))
        .annotate(seen=Exists(mine))
        .select_related("patient", "series__protocol_version", "infusion__protocol_version")
        .prefetch_related(with_resources())
        .order_by("during", "pk")
    )
    visits = list(found)
    for item in visits:
        item.site = site
    return visits


def _live(visit: Any, now: datetime) -> LiveChair | None:
    if visit.infusion is None:
        return None
    return live_chair(visit.infusion, visit, now)


def _cards(
    visits: list[Any], live: Mapping[int, LiveChair], load: DayLoad, span: Span, user: User, now: datetime
) -> dict[int, Card]:
    """By primary key of the visit: the card with its bars and, where another patient's name is alike, theirs."""
    limits = limits_with(visits, load.resources)
    alike = look_alikes(
        Named(item.patient_id, item.patient.given_name, item.patient.family_name, item.patient.birth_date)
        for item in visits
        if item.seen
    )
    found = {}
    for item in visits:
        card = card_of(item, span, user, now, mine=item.seen, limit=limits.get(item.pk))
        others = alike.get(item.patient_id, ()) if item.seen else ()
        bars = drawn(stretches(item, live.get(item.pk), now), span.share)
        names = ", ".join(f"{one.given_name} {one.family_name}" for one in others)
        found[item.pk] = replace(card, bars=bars, alike=names)
    return found


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return resolve_local(day, time(0), zone).instant


def _span(day: date, zone: ZoneInfo, load: DayLoad, visits: list[Any]) -> Span:
    """Full hours around opening hours and visits of the day."""
    first, last = hours_of_day(load, day, zone) or (FIRST_HOUR, LAST_HOUR)
    low, high = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    start = resolve_local(day, time(first), zone).instant
    end = high if last >= 24 else resolve_local(day, time(last), zone).instant
    for visit in visits:
        start, end = min(start, max(low, visit.during.lower)), max(end, min(high, visit.during.upper))
    return Span(_floor_hour(start, zone), _ceil_hour(end, zone))


def _floor_hour(moment: datetime, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    return moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _ceil_hour(moment: datetime, zone: ZoneInfo) -> datetime:
    floor = _floor_hour(moment, zone)
    return floor if floor == moment else floor + timedelta(hours=1)


def _ticks(span: Span, zone: ZoneInfo) -> Iterable[tuple[str, str]]:
    moment = span.start
    while moment < span.end:
        yield f"{span.share(moment):.2f}%", f"{moment.astimezone(zone):%H:%M}"
        moment += timedelta(hours=1)


def _lane(
    name: str,
    visits: list[Any],
    cards: Mapping[int, Card],
    live: Mapping[int, LiveChair],
    user: User,
    now: datetime,
) -> Lane:
    here = [item for item in visits if item.status in SHOWN and chair_of(item) == name]
    present = next((item for item in here if item.status in BUSY and not item.gone), None)
    waited = next((item for item in here if item.status == Status.BOOKED and item.during.upper > now), None)
    subject = present or waited
    lane = Lane(
        name,
        _state(present, here, now),
        tuple(cards[item.pk] for item in here),
        act=next_act(subject, user, now) if subject is not None and subject.seen else None,
    )
    found = live.get(present.pk) if present is not None else None
    if present is None or found is None or not user.may("infusion.view"):
        return lane
    url = reverse("infusion_detail", args=[found.infusion.code])
    return replace(lane, live=found, live_url=url, live_name=present.patient.full_name)


def _state(present: Any, here: list[Any], now: datetime) -> Chip:
    """What happens at the chair now."""
    if present is not None:
        record = present.infusion
        if record is not None and record.status in ("ready", "paused"):
            return Chip(*STATES[Infusion.Status(record.status)])
        return chip_of(present, now)
    if any(item.status == Status.BOOKED and item.during.lower <= now < item.during.upper for item in here):
        return Chip("Patient late", "warning", "clock-alert")
    return Chip("Free", "success", "circle-check")


def _due_at(lane: Lane) -> datetime:
    if lane.live is None or lane.live.next_vitals_at is None:
        raise ValueError("a chair without a reading due")
    return lane.live.next_vitals_at
