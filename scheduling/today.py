"""What the Today page shows, per role: who is next, what is late, how full the chairs are. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from protocols.models import ProtocolVersion
from scheduling.board_acts import next_act
from scheduling.board_cards import visit_url
from scheduling.booking_pages import chair_of, chip_of
from scheduling.models import Appointment, Message, PlasticityWindow, ResourceBooking, WorkItem
from scheduling.services.lateness import start_limits
from sessions.models import Disposition, Infusion
from staff import presenting
from staff.models import Site, User
from staff.querysets_people import people

STRIP_HOURS = 8
STRIP_STEP = timedelta(minutes=30)
MOST_ROWS = 12
IN_A_CHAIR = ("arrived", "ready", "infusing", "paused", "recovering")
OVER = (Appointment.Status.COMPLETED, Appointment.Status.NO_SHOW)


@dataclass(frozen=True)
class Column:
    """Chairs taken in one half hour: SVG units, `height` of 40."""

    x: int
    y: int
    height: int
    taken: int
    label: str


def visits_of_day(user: User, site: Site, now: datetime) -> list[dict[str, Any]]:
    """Today's visits at the site that this person may see: in order of time, with the one click that comes next, and
    below them those that are over.
    """
    zone = ZoneInfo(site.time_zone)
    start = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    visits = (
        Appointment.objects.visible_to(user)
        .filter(site=site, during__overlap=(start, start + timedelta(days=1)))
        .exclude(status__in=["cancelled", "omitted"])
        .annotate(gone=Exists(_ended_otherwise("infusion")))
        .for_page()
        .order_by("during", "pk")
    )
    if not (user.may("infusion.view") or user.may("appointment.check_in")):
        visits = visits.filter(kind=Appointment.Kind.THERAPY)
    rows = list(visits)
    limits = start_limits(site, rows)
    rows.sort(key=lambda visit: visit.status in OVER)  # stable: within both in order of time
    return [_visit_row(visit, user, now) | {"start_by": limits.get(visit.pk)} for visit in rows]


def _ended_otherwise(infusion: str) -> QuerySet[Disposition]:
    """Endings that are no discharge, of the record whose key `infusion` names."""
    return Disposition.objects.current().filter(
        infusion=OuterRef(infusion), outcome__in=Disposition.UNPLANNED
    )


def _visit_row(visit: Appointment, user: User, now: datetime) -> dict[str, Any]:
    chip = chip_of(visit, now)
    return {
        "visit": visit,
        "start": visit.during.lower,
        "end": visit.during.upper,
        "what": _what(visit),
        "place": chair_of(visit),
        "over": visit.status in OVER,
        "chip": chip,
        "url": visit_url(visit, user),
        "act": next_act(visit, user, now) if visit.kind == Appointment.Kind.INFUSION else None,
    }


def _what(visit: Appointment) -> str:
    if visit.kind == Appointment.Kind.INFUSION and visit.series is not None:
        return f"Infusion visit {visit.ordinal} of {visit.series.visits}"
    return visit.get_kind_display()


def tiles(user: User, site: Site, now: datetime) -> list[dict[str, Any]]:
    """The numbers that matter to this person's roles, each a link to where they are worked on."""
    found: list[dict[str, Any]] = []
    if user.may("infusion.view"):
        here = Infusion.objects.filter(site=site, status__in=IN_A_CHAIR)
        here = here.annotate(gone=Exists(_ended_otherwise("pk")))
        counts = here.aggregate(
            chairs=Count("pk", filter=Q(gone=False)), unsigned=Count("pk", filter=Q(status="recovering"))
        )
        found.append(_tile("In a chair now", counts["chairs"], "armchair", "chair_board"))
        found.append(_tile("Waiting for sign-off", counts["unsigned"], "pen-line", "chair_board"))
    if user.may("queue.view"):
        windows = PlasticityWindow.objects.visible_to(user).filter(
            infusion__site=site, superseded_at__isnull=True, status="open", core_until__gt=now
        )
        counts = windows.aggregate(
            open=Count("pk"), closing=Count("pk", filter=Q(core_until__lte=now + timedelta(hours=24)))
        )
        note = f"{counts['closing']} closing within a day" if counts["closing"] else ""
        found.append(_tile("Therapy windows open", counts["open"], "sunrise", "therapist_queue", note))
    if user.may("message.view"):
        trouble = Message.objects.filter(
            patient__site=site, state__in=Message.TROUBLE, acknowledged_at__isnull=True
        ).count()
        found.append(_tile("Messages in trouble", trouble, "mail-warning", "message_list"))
    return found


def _tile(label: str, value: int, icon: str, name: str, note: str = "") -> dict[str, Any]:
    return {"label": label, "value": value, "icon": icon, "url": reverse(name), "note": note}


def staff_work(user: User, now: datetime) -> list[dict[str, Any]] | None:
    """What waits for whoever manages people: a licence that is missing or ends within 60 days, an invitation nobody
    has taken up. None for everybody else. Its queries do not grow with the people.
    """
    if not user.may("person.manage"):
        return None
    today, licence_lines, invited = now.date(), [], []
    for person in people().filter(is_active=True).order_by("full_name", "pk"):
        held = list(person.licences.all())
        missing = presenting.missing_licences([group.name for group in person.groups.all()], held, today)
        words = [f"No valid licence: {' and '.join(missing)}"] if missing else []
        words += [presenting.ending_words(row) for row in presenting.expiring(held, today)]
        licence_lines += [{"person": person, "words": one} for one in words]
        if presenting.state_of(person) == presenting.INVITED:
            invited.append({"person": person, "words": "Invited, has not signed in yet"})
    return (licence_lines + invited)[:MOST_ROWS]


def open_work(user: User, site: Site) -> list[WorkItem]:
    """What a person has to do at this site: theirs, or for a role they hold; most urgent first."""
    mine = Q(owner=user) | Q(owner__isnull=True, role__in=user.role_names)
    items = WorkItem.objects.filter(mine, site=site, resolved_at__isnull=True).select_related("patient")
    return list(items.order_by("due_at", "pk")[:MOST_ROWS])


def chair_strip(site: Site, now: datetime) -> dict[str, Any] | None:
    """Chairs taken per half hour over the next eight hours. None where the site has no chairs."""
    chairs = site.resources.filter(kind="chair", active=True).count()
    if not chairs:
        return None
    zone = ZoneInfo(site.time_zone)
    start = now - timedelta(minutes=now.minute % 30, seconds=now.second, microseconds=now.microsecond)
    end = start + timedelta(hours=STRIP_HOURS)
    taken = list(
        ResourceBooking.objects.filter(resource__site=site, resource__kind="chair")
        .touching(start, end)
        .values_list("during", flat=True)
    )
    columns = []
    for number in range(int((end - start) / STRIP_STEP)):
        begin = start + number * STRIP_STEP
        busy = sum(1 for during in taken if during.lower < begin + STRIP_STEP and during.upper > begin)
        height = round(40 * min(busy, chairs) / chairs)
        columns.append(Column(number * 20 + 1, 44 - height, height, busy, f"{begin.astimezone(zone):%H:%M}"))
    return {
        "chairs": chairs,
        "columns": columns,
        "now_taken": columns[0].taken,
        "peak": max(c.taken for c in columns),
    }


def protocol_work(user: User) -> list[ProtocolVersion]:
    """Drafts and versions in review, for those who write or approve them."""
    if not (user.may("protocol.edit") or user.may("protocol.approve")):
        return []
    waiting = ProtocolVersion.objects.filter(status__in=["draft", "in-review"]).select_related(
        "template", "author"
    )
    return list(waiting.order_by("pk")[:MOST_ROWS])
