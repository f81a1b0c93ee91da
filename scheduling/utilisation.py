"""How full the chairs were and how many windows were used, by site and week. Reads only, in a fixed number of queries.

Chair time is what was offered by the hours (closed days and absences taken away) against the stays that took place or
are booked. A window counts when its version requires a therapy session in it (one that was dropped by a rule of the
version does not count against anybody); it is kept when a session was completed between opening and end of its core.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median

from scheduling.domain.intervals import Interval, intersect
from scheduling.domain.localtime import local_date, resolve_local
from scheduling.loaders import load_site, zone_of
from scheduling.models import Appointment, FollowUp, PlasticityWindow, Resource
from sessions.models import IntegrationSession
from staff.models import Site

Status = Appointment.Status
MOST_WEEKS = 53
TOOK_PLACE = (Status.COMPLETED, *Appointment.BLOCKING)


@dataclass(frozen=True)
class WeekUse:
    """One week of a site. `median_hours`: from the therapy time to the first session, or None."""

    monday: date
    offered_minutes: int
    used_minutes: int
    given: int
    booked: int
    not_attended: int
    postponed: int
    windows: int
    windows_kept: int
    windows_open: int
    median_hours: float | None

    @property
    def use_percent(self) -> int | None:
        """Chair time used of that offered; None when none was offered."""
        return round(100 * self.used_minutes / self.offered_minutes) if self.offered_minutes else None

    @property
    def adherence_percent(self) -> int | None:
        """Windows kept of those that are over or kept already; None when there is none."""
        decided = self.windows - self.windows_open
        return round(100 * self.windows_kept / decided) if decided else None


def utilisation(site: Site, first_monday: date, weeks: int, now: datetime) -> list[WeekUse]:
    """`weeks` weeks from `first_monday` (a Monday at the site), oldest first. Nine queries, whatever their number."""
    weeks = max(1, min(weeks, MOST_WEEKS))
    zone = zone_of(site)
    until = first_monday + timedelta(days=7 * weeks)
    span = Interval(_midnight(first_monday, zone), _midnight(until, zone))
    load = load_site(site, first=first_monday, until=until)
    free = [part for chair in load.of_kind(Resource.Kind.CHAIR) for part in chair.free]
    rows = Appointment.objects.infusions().filter(site=site).touching(span.start, span.end)
    visits = list(rows.values_list("status", "during"))
    windows = _windows(site, span)
    return [
        _week(first_monday + timedelta(days=7 * n), free, visits, windows, now, zone) for n in range(weeks)
    ]


def _midnight(day: date, zone: object) -> datetime:
    return resolve_local(day, time(0), zone).instant  # type: ignore[arg-type]  # a ZoneInfo


@dataclass(frozen=True)
class _Window:
    t0: datetime
    core_until: datetime
    sessions: tuple[datetime, ...]


def _windows(site: Site, span: Interval) -> list[_Window]:
    """Signed windows that open in the span and whose version asks for a session in them."""
    rows = list(
        PlasticityWindow.objects.filter(
            infusion__site=site,
            superseded_at__isnull=True,
            sign_off__isnull=False,
            t0__gte=span.start,
            t0__lt=span.end,
        ).exclude(status=PlasticityWindow.Status.NONE)
    )
    infusions = [row.infusion_id for row in rows]
    asked = set(
        FollowUp.objects.filter(infusion__in=infusions, therapy=True, required=True)
        .exclude(state__in=[FollowUp.State.DROPPED, FollowUp.State.WITHDRAWN])
        .values_list("infusion_id", flat=True)
    )
    held: dict[int, list[datetime]] = {}
    done = IntegrationSession.objects.filter(
        infusion__in=infusions, completed_at__isnull=False, inside_no_therapy_at__isnull=True
    )
    for infusion, started in done.values_list("infusion_id", "started_at"):
        held.setdefault(infusion or 0, []).append(started)
    return [
        _Window(row.t0, row.core_until, tuple(sorted(held.get(row.infusion_id, ()))))
        for row in rows
        if row.infusion_id in asked
    ]


def _week(
    monday: date,
    free: Sequence[Interval],
    visits: Sequence[tuple[str, object]],
    windows: Sequence[_Window],
    now: datetime,
    zone: object,
) -> WeekUse:
    week = Interval(_midnight(monday, zone), _midnight(monday + timedelta(days=7), zone))
    mine = [(status, Interval(d.lower, d.upper)) for status, d in visits if week.contains(d.lower)]  # type: ignore[attr-defined]  # ranges
    stays = [stay for status, stay in mine if status in TOOK_PLACE]
    opened = [item for item in windows if week.contains(item.t0)]
    kept = [[s for s in item.sessions if item.t0 <= s < item.core_until] for item in opened]
    hours = [
        (found[0] - item.t0) / timedelta(hours=1) for item, found in zip(opened, kept, strict=True) if found
    ]
    still_open = sum(
        1 for item, found in zip(opened, kept, strict=True) if not found and item.core_until > now
    )
    count = [status for status, _ in mine]
    return WeekUse(
        monday=monday,
        offered_minutes=_minutes(part for whole in free for part in intersect([whole], [week])),
        used_minutes=_minutes(stays),
        given=count.count(Status.COMPLETED),
        booked=sum(1 for status in count if status in Appointment.BLOCKING),
        not_attended=count.count(Status.NO_SHOW),
        postponed=count.count(Status.CANCELLED),
        windows=len(opened),
        windows_kept=len(hours),
        windows_open=still_open,
        median_hours=round(median(hours), 1) if hours else None,
    )


def _minutes(parts: Iterable[Interval]) -> int:
    return sum(int((part.end - part.start).total_seconds() // 60) for part in parts)


def monday_of(now: datetime, site: Site) -> date:
    """The Monday of the site's present week."""
    today = local_date(now, zone_of(site))
    return today - timedelta(days=today.weekday())


COLUMNS = (
    "week_from", "chair_minutes_offered", "chair_minutes_used", "chair_use_percent", "infusions_given",
    "infusions_booked", "not_attended", "postponed", "windows", "windows_with_session", "windows_still_open",
    "window_adherence_percent", "median_hours_to_session",
)  # fmt: skip


def line_of(row: WeekUse) -> list[object]:
    """One week in the order of COLUMNS; what is not known is empty."""
    return [
        row.monday.isoformat(), row.offered_minutes, row.used_minutes, row.use_percent, row.given, row.booked,
        row.not_attended, row.postponed, row.windows, row.windows_kept, row.windows_open, row.adherence_percent,
        row.median_hours,
    ]  # fmt: skip
