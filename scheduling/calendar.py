"""The week as a calendar: days by chairs on a grid of quarter hours, with the load of chairs and nurses beside it.

Reads only, in a fixed number of queries. Positions are numbers of quarter hours, drawn by classes (`q5 s11`): the
page carries no style attribute. Days keep their wall clock: a day of a clock change shows the hours on the wall.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from patients.presenting import interpreter_words
from scheduling.booking_pages import Chip, chair_of, chip_of, title_of
from scheduling.domain.intervals import Interval
from scheduling.domain.localtime import in_words, local_date, resolve_local
from scheduling.loaders import load_duty, zone_of
from scheduling.models import Appointment, Availability, PatientSpan, Resource, ResourceBooking
from scheduling.services.lateness import limits_with
from scheduling.services.limits import allowed_starts
from scheduling.week_list import DayList, week, week_visits
from staff.models import Site, User

Status = Appointment.Status
FIRST, LAST = 8, 18
QUARTER = 15
SHOWN = (*Appointment.BLOCKING, Status.COMPLETED)
LOADED = ("chair", "nurse")  # kinds with a load strip


@dataclass(frozen=True)
class Block:
    """From quarter hour `q` (1 = the first of the calendar's hours) over `s` of them."""

    q: int
    s: int


@dataclass(frozen=True)
class CalendarCard:
    """One visit. `mine` False: only that the chair is taken may be told. `seen` also serves the phone's list."""

    key: str
    block: Block
    turnover: Block | None
    start: datetime
    end: datetime
    name: str
    what: str
    chip: Chip
    moved: str
    url: str
    move_url: str
    mine: bool
    start_by: datetime | None = None
    initials: str = ""


@dataclass(frozen=True)
class CalendarLane:
    """One chair on one day."""

    chair: Resource
    cards: tuple[CalendarCard, ...]


@dataclass(frozen=True)
class LoadBar:
    """One quarter hour of a load strip: SVG y and height, `level` 0 to 4 (4 = full)."""

    y: int
    level: int


@dataclass(frozen=True)
class LoadStrip:
    """How much of the chairs or nurses is taken over the day."""

    name: str
    bars: tuple[LoadBar, ...]
    words: str


@dataclass(frozen=True)
class CalendarDay:
    """One day: closed ones say why, `off` ones have no hours at all."""

    day: date
    closed: str
    off: bool
    today: bool
    lanes: tuple[CalendarLane, ...]
    strips: tuple[LoadStrip, ...]
    now_q: int


@dataclass(frozen=True)
class Calendar:
    """A site's week. hours: wall-clock hours shown, first to last."""

    days: tuple[CalendarDay, ...]
    hours: tuple[int, ...]
    lists: tuple[DayList, ...]
    waiting: int

    @property
    def height(self) -> int:
        """Number of quarter hours."""
        return 4 * len(self.hours)

    @property
    def pixels(self) -> int:
        """Height of a load strip: twelve to a quarter hour, as in week.css."""
        return 12 * self.height


def build_week(user: User, site: Site, monday: date, now: datetime) -> Calendar:
    """Seven days from Monday. Nine queries at most, whatever the number of chairs and visits."""
    zone = zone_of(site)
    start = resolve_local(monday, time(0), zone).instant
    end = resolve_local(monday + timedelta(days=7), time(0), zone).instant
    # A day before for a visit that runs into Monday, two after for one that starts late on Sunday.
    duty = load_duty(site, first=monday - timedelta(days=1), until=monday + timedelta(days=9))
    resources = [item.row for item in duty.resources if item.row.kind in LOADED]
    chairs = [item for item in resources if item.kind == Resource.Kind.CHAIR]
    shared = {item.pk for item in resources}
    hours = [row for row in duty.hours if row.resource_id in shared]
    every = week_visits(site, start, end)
    visits = [item for item in every if item.kind == Appointment.Kind.INFUSION and item.status in SHOWN]
    seen, waiting = _seen(user, site, every)
    taken = list(
        ResourceBooking.objects.of_resources([item.pk for item in resources])
        .touching(start, end)
        .values_list("resource__kind", "during")
    )
    shown = _hours(hours, visits, zone)
    limits = limits_with(visits, {item.row.pk: item for item in duty.resources})
    lists = week(user, site, monday, now, visits=every, seen=seen, limits=limits, closed=duty.closed)
    capacity = {kind: sum(r.capacity for r in resources if r.kind == kind) for kind in LOADED}
    days = tuple(
        _day(item, shown, chairs, visits, seen, hours, taken, capacity, user, now, zone, limits)
        for item in lists
    )
    return Calendar(days, shown, tuple(lists), waiting)


def _seen(user: User, site: Site, visits: Sequence[Appointment]) -> tuple[set[int], int]:
    """Which of these visits the person may see, and how many of the whole site wait for a time. One query."""
    shown = {item.pk for item in visits}
    asked = Q(pk__in=shown) | Q(site=site, status=Status.DISPLACED)
    rows = dict(Appointment.objects.visible_to(user).filter(asked).values_list("pk", "status"))
    return shown & set(rows), sum(status == Status.DISPLACED for status in rows.values())


def _hours(rows: Sequence[Availability], visits: Sequence[Appointment], zone: ZoneInfo) -> tuple[int, ...]:
    """The wall-clock hours that hold all opening hours and visits."""
    first = min([row.start_time.hour for row in rows], default=FIRST)
    last = max([row.end_time.hour + (row.end_time.minute > 0) for row in rows], default=LAST)
    for visit in visits:
        begins, ends = visit.during.lower.astimezone(zone), visit.during.upper.astimezone(zone)
        first = min(first, begins.hour)
        last = 24 if ends.date() > begins.date() else max(last, ends.hour + (ends.minute > 0))
    return tuple(range(first, max(last, first + 1)))


def _quarter(
    moment: datetime, day: date, first_hour: int, zone: ZoneInfo, count: int, *, up: bool = False
) -> int:
    """Quarter hours from the first shown hour of `day` to the wall clock of `moment`, within 0 to `count`."""
    local = moment.astimezone(zone)
    if local.date() < day:
        return 0
    if local.date() > day:
        return count
    minutes = (local.hour - first_hour) * 60 + local.minute
    quarters = -(-minutes // QUARTER) if up else minutes // QUARTER
    return min(max(quarters, 0), count)


def block_of(part: Interval, day: date, hours: Sequence[int], zone: ZoneInfo) -> Block | None:
    """Where an interval stands on this day's grid; None when it does not touch it."""
    count = 4 * len(hours)
    low = _quarter(part.start, day, hours[0], zone, count)
    high = _quarter(part.end, day, hours[0], zone, count, up=True)
    return Block(low + 1, high - low) if high > low else None


def _day(
    item: DayList,
    shown: tuple[int, ...],
    chairs: Sequence[Resource],
    visits: Sequence[Appointment],
    seen: set[int],
    hours: Sequence[Availability],
    taken: Sequence[tuple[str, object]],
    capacity: dict[str, int],
    user: User,
    now: datetime,
    zone: ZoneInfo,
    limits: Mapping[int, datetime],
) -> CalendarDay:
    today = [visit for visit in visits if local_date(visit.during.lower, zone) == item.day]
    lanes = tuple(
        CalendarLane(
            chair,
            tuple(
                _card(
                    visit, item.day, shown, zone, user, now, mine=visit.pk in seen, limit=limits.get(visit.pk)
                )
                for visit in today
                if chair_of(visit) == chair.name
            ),
        )
        for chair in chairs
    )
    works = any(row.weekday == item.day.weekday() for row in hours)
    at = _quarter(now, item.day, shown[0], zone, 4 * len(shown)) if local_date(now, zone) == item.day else 0
    return CalendarDay(
        day=item.day,
        closed=item.closed,
        off=not works and not today,
        today=local_date(now, zone) == item.day,
        lanes=lanes,
        strips=tuple(_strips(item.day, shown, taken, capacity, zone)),
        now_q=at,
    )


def _card(
    visit: Appointment,
    day: date,
    shown: Sequence[int],
    zone: ZoneInfo,
    user: User,
    now: datetime,
    *,
    mine: bool,
    limit: datetime | None,
) -> CalendarCard:
    part = Interval(visit.during.lower, visit.during.upper)
    chair_end = max(
        [row.during.upper for row in visit.resource_bookings.all() if row.resource.kind == "chair"],
        default=part.end,
    )
    block = block_of(part, day, shown, zone) or Block(1, 1)
    whole = block_of(Interval(part.start, chair_end), day, shown, zone)
    may_move = mine and user.may("appointment.move") and visit.status in Appointment.MOVABLE
    moved = ""
    if visit.moved_from is not None and mine:
        by = f" by {visit.moved_by}" if visit.moved_by else ""
        moved = f"Moved from {in_words(visit.moved_from.lower, zone)}{by}"
    return CalendarCard(
        key=str(visit.code),
        block=block,
        turnover=whole if whole != block else None,
        start=part.start,
        end=part.end,
        name=visit.patient.full_name if mine else "Taken",
        what=" · ".join(filter(None, (title_of(visit), interpreter_words(visit.patient)))) if mine else "",
        chip=chip_of(visit, now),
        moved=moved,
        url=f"/visits/{visit.code}/" if mine else "",
        move_url=f"/visits/{visit.code}/move/" if may_move else "",
        mine=mine,
        start_by=limit if mine else None,
        initials=initials_of(visit.patient.full_name) if mine else "",
    )


def initials_of(name: str) -> str:
    """`Alex Marie Sample` -> `AMS`: for columns too narrow for a name."""
    return "".join(part[0] for part in name.replace("-", " ").split())[:3].upper()


def _strips(
    day: date,
    shown: Sequence[int],
    taken: Sequence[tuple[str, object]],
    capacity: dict[str, int],
    zone: ZoneInfo,
) -> Iterable[LoadStrip]:
    for kind, name in (("chair", "Chairs"), ("nurse", "Nurses")):
        most = capacity[kind]
        counts = [0] * (4 * len(shown))
        for what, during in taken:
            if what != kind:
                continue
            block = block_of(Interval(during.lower, during.upper), day, shown, zone)  # type: ignore[attr-defined]  # a range
            for quarter in range(block.q - 1, block.q - 1 + block.s) if block else ():
                counts[quarter] += 1
        bars = tuple(
            LoadBar(12 * n, min(4, -(-4 * count // most))) for n, count in enumerate(counts) if count and most
        )
        peak = max(counts, default=0)
        yield LoadStrip(name, bars, f"{name}: at most {peak} of {most}")


# --- The limits of a picked card -----------------------------------------------------------------------------------


def limits_of(visit: Appointment, monday: date, hours: Sequence[int]) -> dict[str, list[dict[str, object]]]:
    """For each day of the week: quarter hours outside the gap limits (`gap`) and inside a no-therapy period of the
    patient's other infusions (`no-therapy`). What may be is left white.
    """
    zone = zone_of(visit.site)
    allowed = (
        (None, None)
        if visit.series is None
        else allowed_starts(visit.series, visit.ordinal or 0, without=(visit.pk,))
    )
    periods = [
        Interval(row.during.lower, row.during.upper)
        for row in PatientSpan.objects.filter(
            patient=visit.patient, kind=PatientSpan.Kind.NO_THERAPY
        ).exclude(source=f"appointment:{visit.pk}")
    ]
    found: dict[str, list[dict[str, object]]] = {}
    for number in range(7):
        day = monday + timedelta(days=number)
        whole = Interval(
            resolve_local(day, time(hours[0]), zone).instant,
            resolve_local(day + timedelta(days=hours[-1] == 23), time((hours[-1] + 1) % 24), zone).instant,
        )
        shades = [("gap", part) for part in _outside(whole, allowed)]
        shades += [("no-therapy", part) for part in periods]
        blocks = [(kind, block_of(part, day, hours, zone)) for kind, part in shades]
        found[day.isoformat()] = [{"kind": kind, "q": b.q, "s": b.s} for kind, b in blocks if b is not None]
    return found


def _outside(whole: Interval, allowed: tuple[datetime | None, datetime | None]) -> Iterable[Interval]:
    earliest, latest = allowed
    if earliest is not None and earliest > whole.start:
        yield Interval(whole.start, min(earliest, whole.end))
    if latest is not None and latest < whole.end:
        yield Interval(max(latest, whole.start), whole.end)
