"""Several visits of one series moved in one act, with their planned therapy sessions: all or none.

Every visit is judged against those that stay and those that move with it, under the locks of the patient and of every
resource concerned. What the act did is recorded (services/changes.py) and can be taken back for two minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from scheduling.conflicts import booking_act
from scheduling.domain.intervals import as_utc
from scheduling.loaders_follow import load_course
from scheduling.models import (
    Appointment,
    ResourceBooking,
    ScheduleChange,
    TreatmentSeries,
)
from scheduling.ranges import as_range
from scheduling.services import slot_holds
from scheduling.services.changes import Before, let_plans_cross, record, snapshot
from scheduling.services.close_infusions import check_close, write_close
from scheduling.services.early import refuse_what_is_taken
from scheduling.services.exposure_limits import check_exposure, write_exposure
from scheduling.services.followups import sync_follow_ups
from scheduling.services.lanes import Occupation, occupy, release
from scheduling.services.neighbours import neighbours_among
from scheduling.services.planned_therapy import judge_therapy
from scheduling.services.rules import (
    VisitRules,
    check_patient,
    check_running_version,
    long_gaps_of,
)
from scheduling.services.scene import Scene, set_scene
from scheduling.services.seating import Part, Seat, TherapyChoice, VisitChoice, stay
from scheduling.services.visit_rows import occupations
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.windows import displace
from scheduling.services.workitems import settle_visit
from staff.clock import app_now
from staff.errors import InvalidInput, StaleVersion, StateConflict
from staff.models import User

Status = Appointment.Status
Scope = ScheduleChange.Scope
MOST_MOVED = 60


@dataclass(frozen=True)
class SessionMove:
    """A therapy session that goes with its infusion; start None: it loses its time and goes on its therapist's list."""

    appointment: Appointment
    kind: str
    start: datetime | None
    therapist: str


@booking_act
def move_visits(
    *,
    series: TreatmentSeries,
    choices: Sequence[VisitChoice],
    by: User,
    reason: str,
    sessions: Sequence[SessionMove] = (),
    scope: str = Scope.THIS,
    seen: Mapping[int, int] | None = None,
    displace_therapy: bool = False,
    kind: str = ScheduleChange.Kind.MOVE,
    close_reason: str = "",
    at: datetime | None = None,
) -> ScheduleChange:
    """Move these infusions of one series, with their planned therapy sessions, in one act: all or none.

    `reason` is a sentence (reasons.in_words). `seen`: versions by ordinal that the person looked at. `close_reason`: a
    prescriber's, for infusions less than 36 h apart, more than three in seven days, or past a limit of exposure. Every
    visit is judged against those that stay and those that move with it. Raises StaleVersion, StateConflict, RuleNotMet,
    Clash, InvalidInput; those about one visit begin with `3 of 6: `.
    """
    now = at or app_now()
    wanted = _one_time_each(choices)
    scene, keys = _scene(series, wanted, sessions, by, now)
    visits = _locked(series, [item.ordinal for item in wanted], seen)
    current = TreatmentSeries.objects.for_page().get(pk=series.pk)
    if current.status not in TreatmentSeries.LIVE:
        raise StateConflict(f"This series is {current.get_status_display().lower()}.", code="series-over")
    check_running_version(scene.version)
    check_patient(scene.patient, scene.version.read(), by=by, at=as_utc(wanted[0].start), decided=True)
    keep = _kept_therapy(scene.who.therapy(), displace_therapy=displace_therapy)
    rules = VisitRules(
        scene.load, scene.who, scene.version.read(), scene.predicted, by, now, total=current.visits,
        alone=len(wanted) == 1, cleared_of_therapy=keep, long_gaps=long_gaps_of(current),
    )  # fmt: skip
    seats = _judge(rules, current, wanted, visits)
    close = check_close(rules, wanted, close_reason, series=current, without=keys)
    write_close(current, close, close_reason, rules)
    exposed = check_exposure(rules, wanted, close_reason, decided=visits.values(), without=keys)
    write_exposure(visits.values(), exposed, close_reason, by=by, at=now)
    before = snapshot([*visits.values(), *(row.appointment for row in sessions)])
    slot_holds.end_holds(_kept(series, wanted, keys), "Moved again.")
    let_plans_cross()
    release(keys)
    _write_visits(rules, wanted, seats, visits, reason)
    before += _displace_in_the_way(rules, visits.values(), now)
    _write_sessions(rules, current, sessions, now)
    change = record(kind, before, reason=reason, by=by, at=now, scope=scope)
    _settle(visits.values(), by, now)
    sync_follow_ups(series=current, at=now)
    check_constraints_now()
    return change


def _one_time_each(choices: Sequence[VisitChoice]) -> list[VisitChoice]:
    """In the order of their numbers. Raises InvalidInput for none, too many, or two for one visit."""
    wanted = sorted(choices, key=lambda item: item.ordinal)
    if not wanted or len(wanted) > MOST_MOVED or len({item.ordinal for item in wanted}) != len(wanted):
        raise InvalidInput("Give each visit that moves one new time.", code="visits", field="visits")
    return wanted


def _scene(
    series: TreatmentSeries,
    wanted: Sequence[VisitChoice],
    sessions: Sequence[SessionMove],
    by: User,
    now: datetime,
) -> tuple[Scene, list[int]]:
    """What the move is judged by, under the locks, and the primary keys of the appointments that move (with holds that
    keep their last place for undo).
    """
    known = series.appointments.infusions().filter(
        ordinal__in=[item.ordinal for item in wanted], status__in=Appointment.MOVABLE
    )
    keys = [*known.values_list("pk", flat=True), *(row.appointment.pk for row in sessions)]
    keys += _kept(series, wanted, keys)
    held = set(ResourceBooking.objects.filter(appointment__in=keys).values_list("resource_id", flat=True))
    therapy = [
        TherapyChoice(row.appointment.ordinal or 0, row.kind, row.start, row.therapist)
        for row in sessions
        if row.start is not None
    ]

    def early() -> None:
        refuse_what_is_taken(
            patient=series.patient, definition=series.protocol_version.read(), wanted=wanted, by=by, at=now,
            total=series.visits, without=keys, alone=len(wanted) == 1,
        )  # fmt: skip

    early()
    scene = set_scene(
        series.patient,
        series.protocol_version,
        series.weight_kg,
        wanted,
        therapy,
        now,
        without=keys,
        also=held,
        early=early,
    )
    return scene, keys


def _kept(series: TreatmentSeries, wanted: Sequence[VisitChoice], keys: Iterable[int]) -> list[int]:
    """Holds that keep a place for undo and are not in the way of this move: of the visits that move, and the patient's
    own where a visit is to stand now.
    """
    definition = series.protocol_version.read()
    stays = [stay(definition, as_utc(item.start)) for item in wanted]
    return sorted({*slot_holds.kept_for(keys), *slot_holds.in_own_way(series.patient_id, stays)})


def _settle(visits: Iterable[Appointment], by: User, now: datetime) -> None:
    """Items about visits that had lost their time are done."""
    for visit in visits:
        settle_visit(visit, resolution="A new time was found.", at=now, by=by)


def _locked(
    series: TreatmentSeries, numbers: Sequence[int], seen: Mapping[int, int] | None
) -> dict[int, Appointment]:
    rows = series.appointments.infusions().filter(ordinal__in=numbers, status__in=Appointment.MOVABLE)
    found = {
        item.ordinal or 0: item
        for item in rows.select_for_update(of=["self"]).select_related("patient", "site", "series")
    }
    missing = sorted(set(numbers) - set(found))
    if missing:
        raise StateConflict(f"Infusion {missing[0]} of this series cannot move any more.", code="not-movable")
    if seen is not None and any(seen.get(number) != item.version for number, item in found.items()):
        raise StaleVersion("Somebody else changed one of these visits since you looked. Look at them again.")
    return found


def _kept_therapy(therapy: Iterable[Appointment], *, displace_therapy: bool) -> frozenset[int]:
    """Sessions that give way."""
    if not displace_therapy:
        return frozenset()
    return frozenset(row.pk for row in therapy if row.status in Appointment.UPCOMING)


def _judge(
    rules: VisitRules,
    series: TreatmentSeries,
    wanted: Sequence[VisitChoice],
    visits: Mapping[int, Appointment],
) -> list[Seat]:
    """Every visit against its neighbours: those that stay where they are, and those that move with it."""
    moving = {item.pk for item in visits.values()}
    course = [item for item in load_course(series.patient_id) if item.visit.pk not in moving]
    starts = {item.ordinal: as_utc(item.start) for item in wanted}
    seats: list[Seat] = []
    for choice in wanted:
        before, after = neighbours_among(course, series, choice.ordinal, starts)
        held = visits[choice.ordinal].resource_bookings.select_related("resource")
        keep = {row.resource.kind: str(row.resource.code) for row in held}
        seats.append(replace(rules, keep=keep).judge(choice, before=before, after=after))
    return seats


def _write_visits(
    rules: VisitRules,
    wanted: Sequence[VisitChoice],
    seats: Sequence[Seat],
    visits: Mapping[int, Appointment],
    words: str,
) -> None:
    taken: list[Occupation] = []
    for choice, seat in zip(wanted, seats, strict=True):
        visit, start = visits[choice.ordinal], as_utc(choice.start)
        during = stay(rules.definition, start)
        if visit.during.lower != start:
            visit.moved_from, visit.moved_by = visit.during, rules.by
        visit.during, visit.predicted_t0 = as_range(during.start, during.end), rules.therapy_from(start)
        visit.practitioner = seat.prescriber.row.user
        visit.status, visit.reason, visit.owner = Status.BOOKED, words[:200], None
        visit.version += 1
        visit.save()
        taken += occupations(visit, rules, seat)
    occupy(taken)


def _displace_in_the_way(rules: VisitRules, visits: Iterable[Appointment], now: datetime) -> list[Before]:
    """Sessions that give way to a moved visit: its no-therapy period and the quiet time before it."""
    found: list[Before] = []
    for row in rules.who.therapy():
        if row.pk not in rules.cleared_of_therapy:
            continue
        for visit in visits:
            ends = max(rules.therapy_from(visit.during.lower), visit.during.upper)
            if row.during.lower < ends and row.during.upper > visit.during.lower - rules.quiet:
                found += snapshot([row])
                displace(row, reason="The infusion before it was moved.", at=now)
                break
    return found


def _write_sessions(
    rules: VisitRules, series: TreatmentSeries, sessions: Sequence[SessionMove], now: datetime
) -> None:
    """Sessions at their new times, judged as when they were booked; those without one lose their time."""
    happening = list(
        series.appointments.infusions().filter(status__in=[*Appointment.BLOCKING, Status.COMPLETED])
    )
    parts: list[Part] = []
    taken: list[Occupation] = []
    for row in sessions:
        session = (
            Appointment.objects.select_for_update(of=["self"])
            .select_related("patient", "site")
            .get(pk=row.appointment.pk)
        )
        if session.status not in (Status.PROVISIONAL, Status.BOOKED):
            raise StateConflict("A therapy session was changed meanwhile. Look again.", code="not-movable")
        if row.start is None:
            displace(session, reason="The infusion before it was moved.", at=now)
            continue
        choice = TherapyChoice(session.ordinal or 0, row.kind, row.start, row.therapist)
        part = judge_therapy(choice, rules, happening, parts)
        parts.append(part)
        session.moved_from, session.moved_by = session.during, rules.by
        session.during = as_range(part.during.start, part.during.end)
        session.practitioner = part.resource.row.user
        session.version += 1
        session.save()
        taken.append(Occupation(session, part.resource.row, part.during))
    occupy(taken)
