"""One patient's course of infusion visits, read from the rows as values that follow-ups and windows are
derived from.

A visit "happens" while it is to be given or was given. Cancelled, skipped and missed visits do not, nor does
a visit that lost its time (displaced) or whose record says that nothing was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from protocols.definition import ProtocolDefinition
from scheduling.domain.availability import Closure as ClosedDays
from scheduling.domain.availability import free_intervals
from scheduling.domain.followups import InfusionAnchors
from scheduling.domain.intervals import Interval, as_utc, subtract, union
from scheduling.domain.localtime import local_date
from scheduling.loaders import public_holidays, weekly_hours
from scheduling.models import (
    Appointment,
    Availability,
    AvailabilityException,
    Closure,
    PlasticityWindow,
    Resource,
    TreatmentSeries,
)
from sessions.models import ClearanceEstimate, Infusion, SignOff
from staff.models import User

GONE = frozenset(
    {
        Appointment.Status.CANCELLED,
        Appointment.Status.OMITTED,
        Appointment.Status.NO_SHOW,
        Appointment.Status.DISPLACED,
    }
)
WHY_GONE = {
    Appointment.Status.CANCELLED: "The visit was cancelled.",
    Appointment.Status.OMITTED: "The visit was skipped.",
    Appointment.Status.NO_SHOW: "The patient did not attend.",
    Appointment.Status.DISPLACED: "The visit has no time at present.",
}


@dataclass(frozen=True)
class VisitFacts:
    """One infusion visit with its record, current window, estimate and signature, and what comes after it.

    `starts_at`: planned until the first pump event, then actual. `t0`: the current window's, else the
    prediction. `next_start` is the start of the patient's next visit in any series, None when there is none.
    """

    visit: Appointment
    infusion: Infusion | None
    window: PlasticityWindow | None
    estimate: ClearanceEstimate | None
    sign_off: SignOff | None
    starts_at: datetime
    planned_stop: datetime
    t0: datetime
    next_start: datetime | None = None
    last: bool = False

    @property
    def series(self) -> TreatmentSeries:
        """The series of the visit (infusion visits always have one, by constraint)."""
        if self.visit.series is None:
            raise ValueError("an infusion visit without a series")
        return self.visit.series

    @property
    def definition(self) -> ProtocolDefinition:
        """The pinned protocol text."""
        return self.visit.protocol_version.read()

    @property
    def happens(self) -> bool:
        """To be given, being given, or given."""
        not_given = self.infusion is not None and self.infusion.status == Infusion.Status.NOT_GIVEN
        return self.visit.status not in GONE and not not_given

    @property
    def why_gone(self) -> str:
        """Why it does not happen, as a sentence."""
        return WHY_GONE.get(Appointment.Status(self.visit.status), "The infusion was not given.")

    @property
    def stopped_at(self) -> datetime | None:
        """Actual pump stop."""
        return None if self.infusion is None else self.infusion.stopped_at

    @property
    def signed(self) -> bool:
        """The current window rests on a signature."""
        return self.window is not None and self.window.sign_off_id is not None

    @property
    def window_opens(self) -> bool:
        """False when a clinician signed that none opens, or (unsigned) when hardly anything was given."""
        if self.sign_off is not None:
            return self.sign_off.opens_window
        aborted = self.estimate is not None and self.estimate.aborted
        return not (aborted and self.stopped_at is not None)

    def anchors(self, position: int) -> InfusionAnchors:
        """For the follow-up engine; `position` orders the patient's infusions across series."""
        stop = self.stopped_at
        return InfusionAnchors(
            ordinal=position,
            starts_at=self.starts_at,
            planned_stop=self.planned_stop,
            t0=max(self.t0, stop or self.planned_stop),
            pump_stop=stop,
            provisional=not self.signed,
        )


def load_course(patient_id: int) -> list[VisitFacts]:
    """All infusion visits of a patient by start, those that happen knowing their successor. Five queries."""
    visits = list(
        Appointment.objects.filter(patient_id=patient_id, kind=Appointment.Kind.INFUSION)
        .select_related(
            "series__protocol_version__template",
            "series__therapist",
            "infusion__protocol_version",
            "site",
            "patient",
        )
        .order_by("pk")
    )
    infusions = [visit.infusion_id for visit in visits if visit.infusion_id]
    windows = _current(PlasticityWindow, infusions)
    estimates = _current(ClearanceEstimate, infusions)
    signatures = _current(SignOff, infusions)
    course = [
        _facts(
            visit,
            windows.get(visit.infusion_id),
            estimates.get(visit.infusion_id),
            signatures.get(visit.infusion_id),
        )
        for visit in visits
    ]
    return _with_successors(sorted(course, key=lambda item: (item.starts_at, item.visit.pk)))


def _current(model: Any, infusions: Sequence[int]) -> dict[int | None, Any]:
    if not infusions:
        return {}
    rows = model.objects.filter(infusion_id__in=infusions, superseded_at__isnull=True)
    return {row.infusion_id: row for row in rows}


def _facts(
    visit: Appointment,
    window: PlasticityWindow | None,
    estimate: ClearanceEstimate | None,
    sign_off: SignOff | None,
) -> VisitFacts:
    infusion = visit.infusion
    if visit.series is None:
        raise RuntimeError("an infusion visit has a series")  # constraint infusion_visit_has_its_prediction
    definition = visit.protocol_version.read()
    planned, predicted = visit.during.lower, visit.predicted_t0
    started = None if infusion is None else infusion.started_at
    starts_at = as_utc(started or planned)
    planned_stop = starts_at + timedelta(minutes=definition.dose.infusion_minutes)
    t0 = starts_at + (predicted - planned) if window is None else window.t0
    return VisitFacts(
        visit=visit,
        infusion=infusion,
        window=window,
        estimate=estimate,
        sign_off=sign_off,
        starts_at=starts_at,
        planned_stop=planned_stop,
        t0=as_utc(t0),
    )


def _with_successors(course: list[VisitFacts]) -> list[VisitFacts]:
    live = [item for item in course if item.happens]
    following = {item.visit.pk: later.starts_at for item, later in pairwise(live)}
    last_of: dict[int | None, int] = {item.visit.series_id: item.visit.pk for item in live}
    return [
        replace(
            item,
            next_start=following.get(item.visit.pk),
            last=last_of.get(item.visit.series_id) == item.visit.pk,
        )
        for item in course
    ]


def on_duty(resources: list[Resource], first: date, until: date) -> dict[int, tuple[Interval, ...]]:
    """When each resource is there on local dates [first, until): hours, exceptions, closures; bookings not
    subtracted.

    By primary key of the resource. Three queries for any number of resources, whose `site` is already loaded.
    """
    keys = [resource.pk for resource in resources]
    hours = _grouped(Availability.objects.filter(resource__in=keys))
    changes = _grouped(AvailabilityException.objects.filter(resource__in=keys))
    closures: dict[int, list[ClosedDays]] = {}
    for row in Closure.objects.filter(site__in={resource.site_id for resource in resources}):
        closures.setdefault(row.site_id, []).append(ClosedDays(row.days.lower, row.days.upper, row.reason))
    found = {}
    for resource in resources:
        weekly = free_intervals(
            hours=[weekly_hours(row) for row in hours.get(resource.pk, [])],
            zone=ZoneInfo(resource.site.time_zone),
            first=first,
            until=until,
            closures=closures.get(resource.site_id, []),
            holidays=public_holidays(resource.site, first, until),
        )
        rows = changes.get(resource.pk, [])
        away = [Interval(row.during.lower, row.during.upper) for row in rows if not row.available]
        there = [Interval(row.during.lower, row.during.upper) for row in rows if row.available]
        found[resource.pk] = union([*subtract(weekly, away), *there])
    return found


def _grouped(rows: Any) -> dict[int, list[Any]]:
    grouped: dict[int, list[Any]] = {}
    for row in rows:
        grouped.setdefault(row.resource_id, []).append(row)
    return grouped


def therapist_hours(
    therapist: User | None, course: list[VisitFacts], days: int = 112
) -> tuple[Interval, ...] | None:
    """When the therapist works around these visits and for `days` afterwards; without one, anybody of the
    site.

    None when there is nobody to ask.
    """
    live = [item for item in course if item.happens]
    if not live:
        return None
    whose = {"user": therapist} if therapist is not None else {"site": live[-1].visit.site_id}
    resources = list(
        Resource.objects.filter(kind=Resource.Kind.THERAPIST, active=True, **whose).select_related("site")
    )
    if not resources:
        return None
    zone = ZoneInfo(resources[0].site.time_zone)
    first = local_date(live[0].starts_at, zone)
    until = local_date(live[-1].t0, zone) + timedelta(days=days)
    return union(part for parts in on_duty(resources, first, until).values() for part in parts)
