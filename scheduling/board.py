"""The chair board of one day and the list of a week: who is where, by chair and time. Reads only, in a fixed number
of queries. Positions are percentages of the day's span, for SVG attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.urls import reverse

from scheduling.board_live import LiveChair, live_chairs
from scheduling.booking_pages import Chip, chair_of, chip_of, resource_name, title_of
from scheduling.domain.localtime import resolve_local
from scheduling.loaders import public_holidays, zone_of
from scheduling.models import Appointment, Availability, Closure, Resource
from scheduling.services.lateness import start_limits
from sessions.models import Infusion
from staff.models import Site, User

Status = Appointment.Status
SHOWN = (*Appointment.BLOCKING, Status.COMPLETED)
FIRST_HOUR, LAST_HOUR = 8, 18


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


@dataclass(frozen=True)
class Lane:
    """One chair and its visits. `state` is what happens there now."""

    name: str
    state: Chip
    cards: tuple[Card, ...]
    live: LiveChair | None = None
    live_url: str = ""
    live_name: str = ""


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


@dataclass(frozen=True)
class Span:
    """The hours that the board shows, [start, end)."""

    start: datetime
    end: datetime

    def share(self, moment: datetime) -> float:
        """Where a moment lies, 0 to 100, cut at both ends."""
        return min(max((moment - self.start) / (self.end - self.start), 0.0), 1.0) * 100


def chair_board(user: User, site: Site, day: date, now: datetime) -> Board:
    """The board of one local day. Seventeen queries, whatever the number of chairs and visits."""
    zone = zone_of(site)
    chairs = list(Resource.objects.filter(site=site, kind=Resource.Kind.CHAIR, active=True))
    visits = _visits(site, _midnight(day, zone), _midnight(day + timedelta(days=1), zone))
    seen = set(
        Appointment.objects.visible_to(user)
        .filter(pk__in=[item.pk for item in visits])
        .values_list("pk", flat=True)
    )
    span = _span(day, zone, chairs, visits)
    limits = start_limits(site, visits)
    cards = {
        item.pk: _card(item, span, user, now, mine=item.pk in seen, limit=limits.get(item.pk))
        for item in visits
    }
    live = live_chairs(
        [item.infusion for item in visits if item.infusion is not None and item.pk in seen], now
    )
    lanes = tuple(_with_live(_lane(chair.name, visits, cards, now), visits, live, user) for chair in chairs)
    due = [lane for lane in lanes if lane.live is not None and lane.live.next_vitals_at is not None]
    waiting = tuple(cards[item.pk] for item in visits if item.status == Status.DISPLACED)
    in_use = sum(1 for lane in lanes if lane.state.word != "Free")
    return Board(
        day=day,
        lanes=lanes,
        ticks=tuple(_ticks(span, zone)),
        now_x=f"{span.share(now):.2f}%" if span.start <= now < span.end else "",
        closed=closed_reason(site, day),
        waiting=waiting,
        in_use=in_use,
        summary=f"{in_use} of {len(chairs)} chairs in use, {len([v for v in visits if v.status in SHOWN])} visits",
        due=tuple(sorted(due, key=_due_at)),
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return resolve_local(day, time(0), zone).instant


def _visits(site: Site, start: datetime, end: datetime) -> list[Appointment]:
    """Infusion visits that touch the day, those without a time included."""
    rows = Appointment.objects.infusions().filter(site=site, status__in=[*SHOWN, Status.DISPLACED])
    return list(rows.touching(start, end).for_page().order_by("during", "pk"))


def _span(day: date, zone: ZoneInfo, chairs: list[Resource], visits: list[Appointment]) -> Span:
    """Full hours around opening hours and visits of the day."""
    hours = Availability.objects.filter(resource__in=chairs, weekday=day.weekday())
    pairs = list(hours.values_list("start_time", "end_time"))
    first = min([item.hour for item, _ in pairs], default=FIRST_HOUR)
    last = max([item.hour + (item.minute > 0) for _, item in pairs], default=LAST_HOUR)
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


def _card(
    visit: Appointment, span: Span, user: User, now: datetime, *, mine: bool, limit: datetime | None = None
) -> Card:
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
        what=title_of(visit) if mine else "",
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


def _note(visit: Appointment, now: datetime) -> str:
    """What matters at the chair: since when the pump runs, or when observation ends."""
    record = visit.infusion
    if record is None or visit.series is None or record.started_at is None:
        return ""
    zone = zone_of(visit.site)
    if record.status in Infusion.RUNNING:
        return f"Running since {record.started_at.astimezone(zone):%H:%M}"
    if record.status == Infusion.Status.RECOVERING and record.stopped_at is not None:
        rule = visit.protocol_version.read().discharge
        until = max(
            record.started_at + timedelta(minutes=rule.observe_from_start_minutes),
            record.stopped_at + timedelta(minutes=rule.observe_from_stop_minutes),
        )
        return f"Observe until {until.astimezone(zone):%H:%M}" if until > now else "Observation complete"
    return ""


def visit_url(visit: Appointment, user: User) -> str:
    """Where this person goes on with the visit: its record where there is one they may read, else its page."""
    if visit.infusion is not None and user.may("infusion.view"):
        return reverse("infusion_detail", args=[visit.infusion.code])
    return reverse("visit_detail", args=[visit.code])


def _lane(name: str, visits: list[Appointment], cards: dict[int, Card], now: datetime) -> Lane:
    here = [item for item in visits if item.status in SHOWN and chair_of(item) == name]
    busy = (Status.ARRIVED, Status.INFUSING, Status.RECOVERING)
    present = next((item for item in here if item.status in busy), None)
    if present is not None:
        state = chip_of(present, now)
    elif any(item.status == Status.BOOKED and item.during.lower <= now < item.during.upper for item in here):
        state = Chip("Patient late", "warning", "clock-alert")
    else:
        state = Chip("Free", "success", "circle-check")
    return Lane(name, state, tuple(cards[item.pk] for item in here))


def _due_at(lane: Lane) -> datetime:
    if lane.live is None or lane.live.next_vitals_at is None:
        raise ValueError("a chair without a reading due")
    return lane.live.next_vitals_at


def _with_live(lane: Lane, visits: list[Appointment], live: dict[int, LiveChair], user: User) -> Lane:
    """The lane with the patient who sits there now, where the person may see the record."""
    for visit in visits:
        found = live.get(visit.infusion_id) if visit.infusion_id is not None else None
        if found is not None and chair_of(visit) == lane.name and user.may("infusion.view"):
            url = reverse("infusion_detail", args=[found.infusion.code])
            return replace(lane, live=found, live_url=url, live_name=visit.patient.full_name)
    return lane


def closed_reason(site: Site, day: date) -> str:
    """Why the site is closed on that day; empty when it is not."""
    closure = Closure.objects.filter(site=site, days__contains=day).first()
    if closure is not None:
        return str(closure.reason)
    return public_holidays(site, day, day + timedelta(days=1)).get(day, "")


# --- The week ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DayList:
    """One day of the week page."""

    day: date
    closed: str
    cards: tuple[Card, ...]
    hidden: int


def week(
    user: User, site: Site, monday: date, now: datetime, limits: Mapping[int, datetime] | None = None
) -> list[DayList]:
    """Seven days with the visits that this person may see, and how many more there are."""
    zone = zone_of(site)
    start, end = _midnight(monday, zone), _midnight(monday + timedelta(days=7), zone)
    rows = Appointment.objects.filter(site=site).filter(Q(status__in=SHOWN) | Q(status=Status.DISPLACED))
    visits = list(rows.touching(start, end).for_page().order_by("during", "pk"))
    seen = set(
        Appointment.objects.visible_to(user)
        .filter(pk__in=[item.pk for item in visits])
        .values_list("pk", flat=True)
    )
    closures = list(Closure.objects.filter(site=site, days__overlap=(monday, monday + timedelta(days=7))))
    public = public_holidays(site, monday, monday + timedelta(days=7))
    found = []
    for number in range(7):
        day = monday + timedelta(days=number)
        span = Span(_midnight(day, zone), _midnight(day + timedelta(days=1), zone))
        today = [item for item in visits if span.start <= item.during.lower < span.end]
        cards = tuple(
            _card(item, span, user, now, mine=True, limit=(limits or {}).get(item.pk))
            for item in today
            if item.pk in seen
        )
        reason = next((item.reason for item in closures if day in item.days), public.get(day, ""))
        found.append(DayList(day, reason, cards, len(today) - len(cards)))
    return found
