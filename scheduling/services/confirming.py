"""Reserved slots become bookings: the clock and every rule are asked again, for what was so then may not be now.

A closure, an absence, a licence that ended, a patient who is no longer active or a checklist taken back meanwhile each
refuse it by name, and the slots stay reserved as they were until their time runs out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from scheduling.conflicts import booking_act
from scheduling.domain.intervals import as_utc
from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, FollowUp, Resource, TreatmentSeries
from scheduling.services.close_infusions import check_close
from scheduling.services.exposure_limits import check_exposure
from scheduling.services.followups import sync_follow_ups
from scheduling.services.holds import resources_of
from scheduling.services.neighbours import neighbours_among
from scheduling.services.planned_therapy import judge_therapy, link_planned_therapy
from scheduling.services.rules import (
    VisitRules,
    check_eligibility,
    check_not_withdrawn,
    check_patient,
    check_running_version,
    long_gaps_of,
    named,
)
from scheduling.services.scene import set_scene
from scheduling.services.seating import Part, TherapyChoice, VisitChoice
from scheduling.services.window_rows import check_constraints_now
from staff.clock import app_now
from staff.errors import StateConflict
from staff.locks import lock
from staff.models import User

Status = Appointment.Status


@booking_act
def confirm_series(*, series: TreatmentSeries, by: User, at: datetime | None = None) -> TreatmentSeries:
    """Turn all reserved slots of a series into bookings, every occurrence judged again, or none.

    Raises StateConflict when their time ran out, and what booking raises, naming the occurrence.
    """
    now = at or app_now()
    lock(patients=[series.patient_id], resources=resources_of(series))
    rows = list(series.appointments.filter(status=Status.RESERVED).select_for_update().order_by("ordinal"))
    if not rows:
        raise StateConflict("No reserved slot is left to confirm.", code="hold-gone")
    if any(row.held_until is None or row.held_until <= now for row in rows):
        raise StateConflict("The reserved time has run out: plan the series again.", code="hold-expired")
    if any(row.during.lower <= now for row in rows):
        raise StateConflict("A reserved visit lies in the past: plan the series again.", code="past-start")
    planned = list(
        series.appointments.filter(kind=Appointment.Kind.THERAPY, status=Status.PROVISIONAL)
        .filter(ordinal__in=[row.ordinal for row in rows])
        .select_for_update()
        .order_by("during")
    )
    rules = _judge_again(series, rows, planned, by, now)
    for row in rows:
        row.status, row.held_until = Status.BOOKED, None
        row.version += 1
    Appointment.objects.bulk_update(rows, ["status", "held_until", "version"])
    sync_follow_ups(series=series, at=now)
    _link(series, rules, rows, planned)
    check_constraints_now()
    series.refresh_from_db()
    return series


def _judge_again(
    series: TreatmentSeries,
    rows: Sequence[Appointment],
    planned: Sequence[Appointment],
    by: User,
    now: datetime,
) -> VisitRules:
    """Every reserved visit as if it were booked now, in its own seat. Returns what it was judged by."""
    keys = [item.pk for item in (*rows, *planned)]
    wanted = [_as_choice(row) for row in rows]
    sessions = [
        TherapyChoice(row.ordinal or 0, "", row.during.lower, _seats(row)["therapist"]) for row in planned
    ]
    scene = set_scene(
        series.patient, series.protocol_version, series.weight_kg, wanted, sessions, now, without=keys
    )
    current = TreatmentSeries.objects.for_page().get(pk=series.pk)
    definition = scene.version.read()
    if current.status not in TreatmentSeries.LIVE:
        raise StateConflict(f"This series is {current.get_status_display().lower()}.", code="series-over")
    check_running_version(scene.version)
    check_patient(scene.patient, definition, by=by, at=as_utc(wanted[0].start), decided=True)
    check_not_withdrawn(scene.patient, scene.version)
    check_eligibility(scene.patient, scene.version, now)
    rules = VisitRules(
        scene.load, scene.who, definition, scene.predicted, by, now, total=current.visits,
        long_gaps=long_gaps_of(current),
    )  # fmt: skip
    course = [item for item in load_course(series.patient_id) if item.visit.pk not in keys]
    starts = {item.ordinal: as_utc(item.start) for item in wanted}
    for choice in wanted:
        before, after = neighbours_among(course, series, choice.ordinal, starts)
        rules.judge(choice, before=before, after=after)
    check_close(rules, wanted, "", series=current, without=keys)
    check_exposure(rules, wanted, "", decided=rows, without=keys)
    return rules


def _seats(visit: Appointment) -> dict[str, str]:
    """Codes of what a booking occupies, by kind of resource."""
    return {
        str(row.resource.kind): str(row.resource.code)
        for row in visit.resource_bookings.select_related("resource")
    }


def _as_choice(visit: Appointment) -> VisitChoice:
    seats, kinds = _seats(visit), Resource.Kind
    return VisitChoice(
        visit.ordinal or 0, visit.during.lower, seats[kinds.CHAIR], seats[kinds.NURSE], seats[kinds.CLINICIAN]
    )


def _link(
    series: TreatmentSeries, rules: VisitRules, rows: Sequence[Appointment], planned: Sequence[Appointment]
) -> None:
    """Judge the therapy planned with the visits again, and tell the follow-ups, planned just now, which is theirs."""
    asked = list(
        FollowUp.objects.filter(
            series=series, visit__in=rows, therapy=True, ordinal=1, state__in=FollowUp.OPEN
        )
    )
    parts: list[Part] = []
    found: list[TherapyChoice] = []
    for session in planned:
        mine = [row for row in asked if row.visit_id is not None and _of(row, rows) == session.ordinal]
        if not mine:
            continue
        row = min(mine, key=lambda item: abs((item.target_at or session.during.lower) - session.during.lower))
        asked.remove(row)
        choice = TherapyChoice(
            session.ordinal or 0, row.kind, session.during.lower, _seats(session)[Resource.Kind.THERAPIST]
        )
        with named(choice.ordinal, rules.total):
            parts.append(judge_therapy(choice, rules, rows, parts))
        found.append(choice)
    link_planned_therapy(series, found)


def _of(follow_up: FollowUp, rows: Sequence[Appointment]) -> int | None:
    return next((item.ordinal for item in rows if item.pk == follow_up.visit_id), None)
