"""Moving one visit. It keeps its identity, its siblings stay where they are, and everything is judged again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from scheduling.conflicts import booking_act
from scheduling.domain.intervals import Interval, as_utc
from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, Resource, TreatmentSeries, WorkItem
from scheduling.ranges import as_range
from scheduling.reasons import MOVE, in_words
from scheduling.services.followups import sync_follow_ups
from scheduling.services.lanes import occupy, release
from scheduling.services.proposals import neighbours_of_ordinal
from scheduling.services.rules import VisitRules, check_patient, check_running_version
from scheduling.services.seating import Seat, VisitChoice, stay
from scheduling.services.series import Scene, occupations, set_scene
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.windows import displace
from scheduling.services.workitems import settle
from staff.clock import app_now
from staff.errors import InvalidInput, StaleVersion, StateConflict
from staff.models import User

Status = Appointment.Status
MOVE_UNDONE = "Move undone"
STALE = "Somebody else changed this visit since you opened it. Look at it again."


@booking_act
def move_visit(
    *,
    appointment: Appointment,
    start: datetime,
    by: User,
    reason: str,
    initiator: str = "clinic",
    note: str = "",
    chair: str = "",
    nurse: str = "",
    prescriber: str = "",
    displace_therapy: bool = False,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Appointment:
    """Move an infusion visit to `start`; a displaced one is booked again by this.

    Chair, nurse and prescriber left open stay the same if they are free, else others are found.
    displace_therapy: therapy sessions that would fall into the new no-therapy period lose their time and go
    on their therapist's list. Raises StateConflict, StaleVersion, RuleNotMet, Clash or InvalidInput; then
    nothing has moved.
    """
    now = at or app_now()
    words = in_words(MOVE, reason, initiator=initiator, note=note)
    known = Appointment.objects.for_page().get(pk=appointment.pk)
    series = known.series
    if known.kind != Appointment.Kind.INFUSION or series is None:
        raise InvalidInput("Only infusion visits are moved here.", code="not-an-infusion")
    choice = VisitChoice(known.ordinal or 0, start, chair, nurse, prescriber)
    held = [item.resource for item in known.resource_bookings.all()]
    scene = set_scene(
        known.patient,
        series.protocol_version,
        series.weight_kg,
        [choice],
        (),
        now,
        without=[known.pk],
        also=[item.pk for item in held],
    )
    visit = _still_movable(known, expected_version)
    _check_series(series, scene, by, start)
    rules = _rules(scene, series, by, held, displace_therapy=displace_therapy)
    before, after = _neighbours(visit, series)
    seat = rules.judge(choice, before=before, after=after)
    if displace_therapy:
        _make_room(visit, rules, as_utc(start), now)
    _write(visit, rules, seat, as_utc(start), words)
    settle(
        kind=WorkItem.Kind.DISPLACED, key=str(visit.code), resolution="A new time was found.", at=now, by=by
    )
    sync_follow_ups(series=series, at=now)
    check_constraints_now()
    visit.refresh_from_db()
    return visit


@booking_act
def undo_move(
    *, appointment: Appointment, by: User, at: datetime | None = None, expected_version: int | None = None
) -> Appointment:
    """Move a visit back to where it came from, with every check. Raises StateConflict when it was never
    moved.
    """
    known = Appointment.objects.get(pk=appointment.pk)
    if known.moved_from is None:
        raise StateConflict("This visit was not moved.", code="not-moved")
    return move_visit(
        appointment=known,
        start=known.moved_from.lower,
        by=by,
        reason="patient-asked" if known.reason.startswith(MOVE["patient-asked"]) else "clinical",
        initiator="clinic",
        note=MOVE_UNDONE,
        at=at,
        expected_version=expected_version,
    )


def _still_movable(known: Appointment, expected_version: int | None) -> Appointment:
    visit = (
        Appointment.objects.select_for_update(of=["self"])
        .select_related("patient", "series")
        .get(pk=known.pk)
    )
    if expected_version is not None and visit.version != expected_version:
        raise StaleVersion(STALE)
    if visit.status not in Appointment.MOVABLE:
        raise StateConflict(
            f"This visit is {visit.get_status_display().lower()}: it cannot move.", code="not-movable"
        )
    return visit


def _check_series(series: TreatmentSeries, scene: Scene, by: User, start: datetime) -> None:
    if series.status not in TreatmentSeries.LIVE:
        raise StateConflict(f"This series is {series.get_status_display().lower()}.", code="series-over")
    check_running_version(scene.version)
    check_patient(scene.patient, scene.version.read(), by=by, at=as_utc(start), decided=True)


def _rules(
    scene: Scene, series: TreatmentSeries, by: User, held: Sequence[Resource], *, displace_therapy: bool
) -> VisitRules:
    therapy = {row.pk for row in scene.who.therapy() if row.status in Appointment.UPCOMING}
    return VisitRules(
        scene.load,
        scene.who,
        scene.version.read(),
        scene.predicted,
        by,
        scene.at,
        total=series.visits,
        alone=True,
        cleared_of_therapy=frozenset(therapy) if displace_therapy else frozenset(),
        keep={item.kind: str(item.code) for item in held},
    )


def _neighbours(visit: Appointment, series: TreatmentSeries) -> tuple:
    course = [item for item in load_course(visit.patient_id) if item.visit.pk != visit.pk]
    return neighbours_of_ordinal(course, series, visit.ordinal or 0)


def _make_room(visit: Appointment, rules: VisitRules, start: datetime, now: datetime) -> None:
    """Displace planned therapy that the moved visit would put into its no-therapy period or quiet time."""
    quiet = rules.quiet
    period = Interval(start - quiet, max(rules.therapy_from(start), stay(rules.definition, start).end))
    for row in rules.who.therapy():
        if row.pk in rules.cleared_of_therapy and Interval(row.during.lower, row.during.upper).overlaps(
            period
        ):
            displace(row, reason="The infusion before it was moved.", at=now)


def _write(visit: Appointment, rules: VisitRules, seat: Seat, start: datetime, words: str) -> None:
    release([visit.pk])
    during = stay(rules.definition, start)
    visit.moved_from, visit.moved_by = visit.during, rules.by
    visit.during, visit.predicted_t0 = as_range(during.start, during.end), rules.therapy_from(start)
    visit.practitioner = seat.prescriber.row.user
    visit.status, visit.reason, visit.owner = Status.BOOKED, words, None
    visit.version += 1
    visit.save()
    occupy(occupations(visit, rules, seat))
