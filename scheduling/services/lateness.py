"""Running late: until when a visit can still start, and the rest of the day re-timed as one accepted proposal.

A visit may start until the latest moment at which its stay, turnover included, still ends inside opening hours and
the shifts of its people. What would start later than that is named: move it or skip it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from scheduling.domain.intervals import Interval, intersect
from scheduling.domain.localtime import in_words, local_date, rounded_up
from scheduling.loaders import LoadedResource, load_duty, zone_of
from scheduling.models import Appointment, Resource
from scheduling.reasons import MOVE
from scheduling.reasons import in_words as reason_words
from scheduling.services.moving import move_visits
from scheduling.services.replans import AcceptedSeries
from scheduling.services.seating import VisitChoice, parts_for
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput, StateConflict
from staff.models import Site, User

Status = Appointment.Status
STEP = timedelta(minutes=5)
TICK = timedelta(microseconds=1)  # a start may lie on the end of the stretch that allows it
LONGEST = 300
LATE_WORDS = reason_words(MOVE, "late", initiator="clinic")


@dataclass(frozen=True)
class LateLine:
    """One visit of the chair's day: new None: it cannot be given today any more, `why` says it."""

    visit: Appointment
    old: datetime
    new: datetime | None
    why: str = ""


def start_by(visit: Appointment) -> datetime | None:
    """The latest start today whose stay ends inside the hours of chair, nurse and prescriber; None without any.

    Other bookings are not asked: it is the limit that no shuffling can pass. Four queries.
    """
    if visit.kind != Appointment.Kind.INFUSION or visit.series is None:
        return None
    keys = [row.resource_id for row in visit.resource_bookings.all()]
    day = local_date(visit.during.lower, zone_of(visit.site))
    duty = load_duty(visit.site, first=day, until=day + timedelta(days=2), only=keys)
    return latest_start(visit, duty.resources)


def start_limits(site: Site, visits: Iterable[Appointment]) -> dict[int, datetime]:
    """`start_by` of the booked infusion visits among these, by primary key. Four queries, whatever their number.

    The visits come with their `resource_bookings` (for_page).
    """
    rows = [
        item for item in visits if item.kind == Appointment.Kind.INFUSION and item.status == Status.BOOKED
    ]
    if not rows:
        return {}
    zone = zone_of(site)
    days = [local_date(item.during.lower, zone) for item in rows]
    keys = {row.resource_id for item in rows for row in item.resource_bookings.all()}
    duty = load_duty(site, first=min(days), until=max(days) + timedelta(days=2), only=keys)
    return limits_with(rows, {item.row.pk: item for item in duty.resources})


def limits_with(visits: Iterable[Appointment], known: Mapping[int, LoadedResource]) -> dict[int, datetime]:
    """The same from resources that are loaded already, by primary key. No query."""
    found: dict[int, datetime] = {}
    for item in visits:
        if item.kind != Appointment.Kind.INFUSION or item.status != Status.BOOKED:
            continue
        mine = {row.resource_id for row in item.resource_bookings.all()} & set(known)
        limit = latest_start(item, [known[key] for key in sorted(mine)])
        if limit is not None:
            found[item.pk] = limit
    return found


def latest_start(visit: Appointment, resources: Sequence[LoadedResource]) -> datetime | None:
    """As `start_by`, for resources that are loaded already: in steps of five minutes from the planned start."""
    if visit.series is None or not resources:
        return None
    definition = visit.series.protocol_version.read()
    start: datetime = visit.during.lower
    allowed: tuple[Interval, ...] = (Interval(start, start + timedelta(hours=16)),)
    for part in (part for item in resources for part in parts_for(definition, item, start)):
        before, after = part.during.start - start, part.during.end - start
        fits = [
            Interval(free.start - before, free.end - after + TICK)
            for free in part.resource.free
            if free.end - free.start >= after - before
        ]
        allowed = intersect(allowed, fits)
    for stretch in allowed:
        latest = start + STEP * ((stretch.end - TICK - start) // STEP)
        if latest >= stretch.start:
            return latest
    return None


def propose_late(*, visit: Appointment, minutes: int, by: User, at: datetime | None = None) -> list[LateLine]:
    """The chair's day when this visit starts `minutes` after its time, in order. Nothing is written.

    Raises InvalidInput for minutes outside 5 to 300, StateConflict unless the visit is booked for today.
    """
    now = at or app_now()
    if not 5 <= minutes <= LONGEST:
        raise InvalidInput(f"Type 5 to {LONGEST} minutes.", code="minutes", field="minutes")
    zone = zone_of(visit.site)
    if visit.status != Status.BOOKED or local_date(visit.during.lower, zone) != local_date(now, zone):
        raise StateConflict("Only a visit booked for today can run late.", code="not-today")
    lines: list[LateLine] = []
    earliest = visit.during.lower + timedelta(minutes=minutes)
    for item in _rest_of_chair(visit):
        wanted = max(item.during.lower, rounded_up(earliest, STEP))
        limit = start_by(item)
        if limit is None or wanted > limit:
            words = (
                f"Start by {in_words(limit, zone)}: move it or skip it." if limit else "Nobody is on duty."
            )
            lines.append(LateLine(item, item.during.lower, None, words))
            continue
        lines.append(LateLine(item, item.during.lower, wanted))
        earliest = wanted + (item.during.upper - item.during.lower) + _turnover(item)
    return _tried(lines, by, now)


def _rest_of_chair(visit: Appointment) -> list[Appointment]:
    """The visit and those after it in its chair on that day that have not begun."""
    day = local_date(visit.during.lower, zone_of(visit.site))
    chairs = [
        row.resource_id for row in visit.resource_bookings.all() if row.resource.kind == Resource.Kind.CHAIR
    ]
    rows = Appointment.objects.infusions().filter(
        status=Status.BOOKED,
        resource_bookings__resource__in=chairs,
        during__startswith__gte=visit.during.lower,
    )
    found = rows.for_page().order_by("during", "pk").distinct()
    return [item for item in found if local_date(item.during.lower, zone_of(item.site)) == day]


def _turnover(visit: Appointment) -> timedelta:
    return timedelta(minutes=visit.series.protocol_version.read().turnover_minutes if visit.series else 0)


def _tried(lines: list[LateLine], by: User, now: datetime) -> list[LateLine]:
    """Each new time done and taken back, last visit first, so that the rules speak now and not at the acceptance."""
    found: dict[int, LateLine] = {}
    with transaction.atomic():
        for line in reversed(lines):
            found[line.visit.pk] = line
            if line.new is None or line.new == line.old or line.visit.series is None:
                continue
            try:
                with transaction.atomic():
                    move_visits(
                        series=line.visit.series, choices=[_choice(line)], reason=LATE_WORDS, by=by, at=now
                    )
            except DomainError as refusal:
                found[line.visit.pk] = LateLine(line.visit, line.old, None, refusal.message)
        transaction.set_rollback(True)
    return [found[line.visit.pk] for line in lines]


def _choice(line: LateLine) -> VisitChoice:
    chair = next(
        (row.resource for row in line.visit.resource_bookings.all() if row.resource.kind == "chair"), None
    )
    start = line.new or line.old
    return VisitChoice(line.visit.ordinal or 0, start, str(chair.code) if chair else "", "", "")


def accepted(lines: Sequence[LateLine]) -> list[AcceptedSeries]:
    """What `replans.apply` takes: the last visit first, so that each finds its place free."""
    return [
        AcceptedSeries(line.visit.series, (_choice(line),), (), {line.visit.ordinal or 0: line.visit.version})
        for line in reversed(lines)
        if line.new is not None and line.new != line.old and line.visit.series is not None
    ]


def seen_lines(lines: Sequence[LateLine]) -> list[str]:
    """What was shown, to be compared with what would be done."""
    return [
        f"{line.visit.code}|{line.visit.version}|{line.new.isoformat() if line.new else ''}" for line in lines
    ]
