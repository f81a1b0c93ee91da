"""How full the chairs were and how many windows were used, by site and week. Reads only, in a fixed number of queries.

Chair time is what was offered by the hours (closed days and absences taken away) against the stays that took place or
are booked. A window counts when its version requires a therapy session in it; one that was dropped by a rule of the
version, or that the patient declined, counts against nobody. It is kept when a session was completed between opening
and end of its core. A window whose therapy is with somebody outside the clinic is counted apart, kept when a session
inside it was reported: it is in no figure of this clinic's own windows. One treated here after all is one of ours.
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
from sessions.models import IntegrationSession, ReportedTherapy
from staff.models import Site

Status = Appointment.Status
MOST_WEEKS = 53
NOBODYS_FAULT = (FollowUp.State.DROPPED, FollowUp.State.WITHDRAWN, FollowUp.State.DECLINED)
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
    outside: int = 0
    outside_reported: int = 0
    outside_open: int = 0

    @property
    def use_percent(self) -> int | None:
        """Chair time used of that offered; None when none was offered."""
        return round(100 * self.used_minutes / self.offered_minutes) if self.offered_minutes else None

    @property
    def adherence_percent(self) -> int | None:
        """Windows kept of those that are over or kept already; None when there is none."""
        decided = self.windows - self.windows_open
        return round(100 * self.windows_kept / decided) if decided else None


def span_of(site: Site, first_monday: date, weeks: int) -> Interval:
    """The instants [start, end) of so many local weeks, at most MOST_WEEKS."""
    weeks, zone = max(1, min(weeks, MOST_WEEKS)), zone_of(site)
    return Interval(_midnight(first_monday, zone), _midnight(first_monday + timedelta(days=7 * weeks), zone))


def utilisation(
    site: Site,
    first_monday: date,
    weeks: int,
    now: datetime,
    windows: Sequence[CountedWindow] | None = None,
) -> list[WeekUse]:
    """`weeks` weeks from `first_monday` (a Monday at the site), oldest first. Ten queries, whatever their number;
    four less for a caller who has the `windows` of the span already."""
    weeks = max(1, min(weeks, MOST_WEEKS))
    zone = zone_of(site)
    span = span_of(site, first_monday, weeks)
    load = load_site(site, first=first_monday, until=first_monday + timedelta(days=7 * weeks))
    free = [part for chair in load.of_kind(Resource.Kind.CHAIR) for part in chair.free]
    rows = Appointment.objects.infusions().at_site(site).touching(span.start, span.end)
    visits = list(rows.values_list("status", "during"))
    windows = counted_windows(site, span) if windows is None else windows
    return [
        _week(first_monday + timedelta(days=7 * n), free, visits, windows, now, zone) for n in range(weeks)
    ]


def _midnight(day: date, zone: object) -> datetime:
    return resolve_local(day, time(0), zone).instant  # type: ignore[arg-type]  # a ZoneInfo


@dataclass(frozen=True)
class CountedWindow:
    """A window [t0, core_until) that asks for therapy, with the starts of its completed sessions in order.

    `with_outside`: its therapy is with somebody outside; `reported`: sessions that they reported, kept apart.
    """

    t0: datetime
    core_until: datetime
    sessions: tuple[datetime, ...]
    with_outside: bool = False
    reported: tuple[datetime, ...] = ()

    @property
    def is_outside(self) -> bool:
        """Counted apart: with somebody outside, and not treated here after all."""
        return self.with_outside and self.first is None

    @property
    def was_reported(self) -> bool:
        """A session inside it was reported."""
        return any(self.t0 <= start < self.core_until for start in self.reported)

    @property
    def first(self) -> datetime | None:
        """The first session inside it, None without one."""
        return next((start for start in self.sessions if self.t0 <= start < self.core_until), None)

    @property
    def hours(self) -> float | None:
        """From its opening to the first session inside it."""
        return None if self.first is None else (self.first - self.t0) / timedelta(hours=1)


def counted_windows(site: Site, span: Interval) -> list[CountedWindow]:
    """Signed windows that open in the span and whose version asks for a session in them. Four queries."""
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
    asked: dict[int | None, bool] = {}
    first = (
        FollowUp.objects.filter(infusion__in=infusions, therapy=True, required=True)
        .exclude(state__in=NOBODYS_FAULT)
        .order_by("target_at", "pk")
    )
    for infusion, outside in first.values_list("infusion_id", "outside_id"):
        asked.setdefault(infusion, outside is not None)
    reported: dict[int, list[datetime]] = {}
    said = ReportedTherapy.objects.filter(
        infusion__in=infusions, inside_no_therapy_at__isnull=True, withdrawn_at__isnull=True
    )
    for infusion, started in said.values_list("infusion_id", "held_at"):
        reported.setdefault(infusion, []).append(started)
    held: dict[int, list[datetime]] = {}
    done = IntegrationSession.objects.filter(
        infusion__in=infusions, completed_at__isnull=False, inside_no_therapy_at__isnull=True
    )
    for infusion, started in done.values_list("infusion_id", "started_at"):
        held.setdefault(infusion or 0, []).append(started)
    return [
        CountedWindow(
            row.t0,
            row.core_until,
            tuple(sorted(held.get(row.infusion_id, ()))),
            asked[row.infusion_id],
            tuple(sorted(reported.get(row.infusion_id, ()))),
        )
        for row in rows
        if row.infusion_id in asked
    ]


def _week(
    monday: date,
    free: Sequence[Interval],
    visits: Sequence[tuple[str, object]],
    windows: Sequence[CountedWindow],
    now: datetime,
    zone: object,
) -> WeekUse:
    week = Interval(_midnight(monday, zone), _midnight(monday + timedelta(days=7), zone))
    mine = [(status, Interval(d.lower, d.upper)) for status, d in visits if week.contains(d.lower)]  # type: ignore[attr-defined]  # ranges
    stays = [stay for status, stay in mine if status in TOOK_PLACE]
    all_opened = [item for item in windows if week.contains(item.t0)]
    opened = [item for item in all_opened if not item.is_outside]
    outside = [item for item in all_opened if item.is_outside]
    hours = [item.hours for item in opened if item.hours is not None]
    still_open = sum(1 for item in opened if item.first is None and item.core_until > now)
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
        outside=len(outside),
        outside_reported=sum(item.was_reported for item in outside),
        outside_open=sum(1 for item in outside if not item.was_reported and item.core_until > now),
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
    "window_adherence_percent", "median_hours_to_session", "windows_outside", "windows_outside_reported",
    "windows_outside_still_open",
)  # fmt: skip


def line_of(row: WeekUse) -> list[object]:
    """One week in the order of COLUMNS; what is not known is empty."""
    return [
        row.monday.isoformat(), row.offered_minutes, row.used_minutes, row.use_percent, row.given, row.booked,
        row.not_attended, row.postponed, row.windows, row.windows_kept, row.windows_open, row.adherence_percent,
        row.median_hours, row.outside, row.outside_reported, row.outside_open,
    ]  # fmt: skip
