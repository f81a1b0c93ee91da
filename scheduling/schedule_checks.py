"""The lists that must be empty: what the schedule may never contain, asked of the stored rows. Reads only.

The database refuses most of these at the moment of writing; asking again finds what a restored backup, a dropped
constraint or a forgotten sweep would leave behind. Findings name codes, never people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db import connection

from scheduling.domain.spacing import gap_refusal
from scheduling.loaders import zone_of
from scheduling.models import Appointment, FollowUp, PlasticityWindow
from sessions.models import Infusion
from staff.models import Licence

SWEEP_GRACE = timedelta(minutes=5)


@dataclass(frozen=True)
class ScheduleFinding:
    """One thing that should not be: `kind` is stable, `code` names the row, `detail` says it in words."""

    kind: str
    code: str
    detail: str


ROW_CHECKS = (
    (
        "resource-overlap",
        """SELECT a.code, r.name || ' is taken twice from ' || lower(x.during * y.during)
           FROM scheduling_resourcebooking x JOIN scheduling_resourcebooking y
             ON x.resource_id = y.resource_id AND x.lane = y.lane AND x.id < y.id AND x.during && y.during
           JOIN scheduling_appointment a ON a.id = x.appointment_id
           JOIN scheduling_resource r ON r.id = x.resource_id""",
    ),
    (
        "patient-overlap",
        """SELECT x.code, 'the patient is in two places from ' || lower(x.during * y.during)
           FROM scheduling_appointment x JOIN scheduling_appointment y
             ON x.patient_id = y.patient_id AND x.id < y.id AND x.during && y.during
           WHERE blocking_appointment_status(x.status) AND blocking_appointment_status(y.status)""",
    ),
    (
        "therapy-inside",
        """SELECT a.code, 'therapy lies inside the no-therapy period ' || n.during
           FROM scheduling_patientspan n JOIN scheduling_appointment a ON a.patient_id = n.patient_id
           WHERE n.kind = 'no_therapy' AND a.kind = 'therapy' AND a.during && n.during
             AND (blocking_appointment_status(a.status) OR a.status = 'completed')
             AND NOT EXISTS (SELECT 1 FROM treatment_sessions_integrationsession s
                             WHERE s.id = a.integration_id AND s.inside_no_therapy_at IS NOT NULL)""",
    ),
    (
        "orphan",
        """SELECT a.code, 'a blocking visit holds no resource'
           FROM scheduling_appointment a WHERE blocking_appointment_status(a.status)
             AND NOT EXISTS (SELECT 1 FROM scheduling_resourcebooking b WHERE b.appointment_id = a.id)
           UNION ALL
           SELECT a.code, 'a released visit still holds a resource'
           FROM scheduling_appointment a JOIN scheduling_resourcebooking b ON b.appointment_id = a.id
           WHERE NOT blocking_appointment_status(a.status)""",
    ),
    (
        "state-mismatch",
        """SELECT a.code, 'the visit is ' || a.status || ' and its infusion is ' || i.status
           FROM scheduling_appointment a JOIN treatment_sessions_infusion i ON i.id = a.infusion_id
           WHERE a.status <> ALL (CASE i.status
             WHEN 'arrived' THEN ARRAY['arrived'] WHEN 'ready' THEN ARRAY['arrived']
             WHEN 'infusing' THEN ARRAY['infusing'] WHEN 'paused' THEN ARRAY['infusing']
             WHEN 'recovering' THEN ARRAY['recovering'] WHEN 'signed-off' THEN ARRAY['completed']
             ELSE ARRAY['cancelled', 'omitted', 'displaced', 'no-show', 'completed'] END)""",
    ),
)


def find_all(now: datetime) -> list[ScheduleFinding]:
    """Every finding at `now`, in a fixed order of kinds."""
    found: list[ScheduleFinding] = []
    with connection.cursor() as cursor:
        for kind, statement in ROW_CHECKS:
            cursor.execute(statement)
            found += [ScheduleFinding(kind, str(code), detail) for code, detail in cursor.fetchall()]
    for check in (_gaps, _licences, _windows, _overdue):
        found += check(now)
    return found


def _gaps(now: datetime) -> Iterator[ScheduleFinding]:
    """Gaps between the visits of a live series that are still to come, against its version's limits."""
    visits = Appointment.objects.filter(
        kind=Appointment.Kind.INFUSION,
        series__status__in=["active", "paused"],
        status__in=[*Appointment.BLOCKING, Appointment.Status.COMPLETED],
    )
    by_series: dict[int, list[Appointment]] = {}
    for visit in visits.select_related("series__protocol_version", "site").order_by("series", "ordinal"):
        by_series.setdefault(visit.series_id or 0, []).append(visit)
    for course in by_series.values():
        for earlier, later in pairwise(course):
            if later.during.lower > now and later.ordinal == (earlier.ordinal or 0) + 1:
                yield from _gap(earlier, later)


def _gap(earlier: Appointment, later: Appointment) -> Iterator[ScheduleFinding]:
    series = later.series
    phase = None if series is None else series.protocol_version.read().gap_before(later.ordinal or 1)
    if phase is None:
        return
    refusal = gap_refusal(earlier.during.lower, later.during.lower, phase, zone_of(later.site))
    if refusal:
        yield ScheduleFinding("gap", str(later.code), refusal)


def _licences(now: datetime) -> Iterator[ScheduleFinding]:
    """Therapy ahead that nobody may give: no licence for the patient's jurisdiction on that day."""
    ahead = Appointment.objects.filter(
        kind=Appointment.Kind.THERAPY, status__in=Appointment.UPCOMING, during__endswith__gt=now
    ).select_related("patient", "site")
    held: dict[Any, list[Licence]] = {}
    for licence in Licence.objects.filter(profession=Licence.Profession.THERAPIST):
        held.setdefault(licence.user_id, []).append(licence)
    for visit in ahead:
        day = visit.during.lower.astimezone(zone_of(visit.site)).date()
        licences = held.get(visit.practitioner_id, [])
        if not any(licence.covers(visit.patient.jurisdiction, day) for licence in licences):
            yield ScheduleFinding(
                "unlicensed", str(visit.code), f"no licence for {visit.patient.jurisdiction} on {day}"
            )


def _windows(now: datetime) -> Iterator[ScheduleFinding]:
    """Infusions that ran and have no current window, or one that could not be worked out."""
    current = PlasticityWindow.objects.filter(superseded_at__isnull=True)
    usable = current.exclude(status=PlasticityWindow.Status.STALE).values("infusion")
    for infusion in Infusion.objects.started().exclude(pk__in=usable):
        yield ScheduleFinding("no-window", str(infusion.code), "an infusion that ran has no therapy window")


def _overdue(now: datetime) -> Iterator[ScheduleFinding]:
    """Follow-ups past their last moment that nobody has marked as missed."""
    late = FollowUp.objects.filter(state=FollowUp.State.RELEASED, hard_latest_at__lt=now - SWEEP_GRACE)
    for row in late:
        yield ScheduleFinding("overdue", str(row.code), f"{row.kind} is past its last moment and still open")
