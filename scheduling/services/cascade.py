"""Moving one infusion and, only as far as the clinician accepts it, the visits after it.

`propose_move` plans: the moved visit stands where it is wanted, visits outside the scope stay, those inside it keep
their distance to it (scope `this`: their present time) as closely as the rules allow, exactly planned. Nothing is
written. `preview` runs the real act in a transaction that is rolled back, so the diff of dates, therapy sessions and
messages that the clinician accepts is the one that will happen. `move_visits` does it, all or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from django.db import transaction

from protocols.definition import ProtocolDefinition, SeriesPhase
from scheduling.conflicts import booking_act
from scheduling.domain.intervals import as_utc
from scheduling.domain.localtime import resolve_local
from scheduling.domain.planner import plan_series
from scheduling.domain.series_types import LongGapOffer, PlannedVisit, Refusal, SeriesRequest, Weights
from scheduling.loaders import zone_of
from scheduling.loaders_follow import load_course
from scheduling.models import (
    Appointment,
    FollowUp,
    Message,
    ResourceBooking,
    ScheduleChange,
    TreatmentSeries,
    VisitChange,
    WorkItem,
)
from scheduling.planning import SEARCH_DAYS, Wish, load_for, load_patient, longest_span, predicted_clearance
from scheduling.planning import series_request as request_for
from scheduling.ranges import as_range
from scheduling.services.changes import Before, let_plans_cross, record, snapshot
from scheduling.services.followups import sync_follow_ups
from scheduling.services.lanes import Occupation, occupy, release
from scheduling.services.planned_therapy import judge_therapy
from scheduling.services.proposals import longest_exception, neighbours_of_ordinal
from scheduling.services.rules import (
    Neighbour,
    VisitRules,
    check_patient,
    check_running_version,
    long_gaps_of,
)
from scheduling.services.seating import Part, Seat, TherapyChoice, VisitChoice, stay
from scheduling.services.series import occupations, set_scene
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.windows import displace
from scheduling.services.workitems import settle
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput, StaleVersion, StateConflict
from staff.models import User

Status = Appointment.Status
Scope = ScheduleChange.Scope
MOST_MOVED = 60
# A visit is moved only where a rule asks for it: leaving one where it is outweighs every comfort of a plan.
SMALLEST_CHANGE = Weights(moved_visit=6000, moved_hour=20, gap_hour=0)


@dataclass(frozen=True)
class SessionMove:
    """A therapy session that goes with its infusion; start None: it loses its time and goes on its therapist's list."""

    appointment: Appointment
    kind: str
    start: datetime | None
    therapist: str


@dataclass(frozen=True)
class MovePlan:
    """What a move would take along. `choices` begins with the moved visit; empty when it cannot be done, then
    `refusals` say why and `long_gap` what one approved long gap would allow.
    """

    series: TreatmentSeries
    scope: str
    choices: tuple[VisitChoice, ...] = ()
    sessions: tuple[SessionMove, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    long_gap: LongGapOffer | None = None


@dataclass(frozen=True)
class DateLine:
    """One visit or session of the diff; `after` None: it loses its time. Places are names of chair and people."""

    title: str
    before: datetime
    after: datetime | None
    place_before: str
    place_after: str


@dataclass(frozen=True)
class MessageLine:
    """One message of the diff: stopped (`after` None), new (`before` None) or sent at another time."""

    kind: str
    before: datetime | None
    after: datetime | None


@dataclass(frozen=True)
class Diff:
    """What accepting would change, computed by doing it and taking it back."""

    visits: tuple[DateLine, ...] = ()
    sessions: tuple[DateLine, ...] = ()
    messages: tuple[MessageLine, ...] = ()
    refusal: DomainError | None = field(default=None, compare=False)


def propose_move(
    *,
    visit: Appointment,
    start: datetime,
    scope: str = Scope.THIS,
    chair: str = "",
    at: datetime | None = None,
) -> MovePlan:
    """The plan of moving `visit` to `start` with this scope. Raises InvalidInput for what is not a booked infusion."""
    now = at or app_now()
    if visit.kind != Appointment.Kind.INFUSION or visit.series is None:
        raise InvalidInput("Only infusion visits are moved here.", code="not-an-infusion")
    if scope not in Scope.values:
        raise InvalidInput("Say which visits should move.", code="scope", field="scope")
    series, wanted = visit.series, as_utc(start)
    rest = _rest_of(series, visit)
    moving = [item for item in rest if item.pk == visit.pk or _in_scope(series, visit, item, scope)]
    zone = zone_of(series.site)
    wishes = {
        item.pk: item.during.lower
        if scope == Scope.THIS
        else shifted(item.during.lower, visit.during.lower, wanted, zone)
        for item in moving
    }
    return plan_rest(series, rest, wishes, {visit.pk: wanted}, scope=scope, chair=chair, now=now)


def propose_replan(
    *, series: TreatmentSeries, hit: Sequence[Appointment], at: datetime | None = None
) -> MovePlan:
    """New times for visits that cannot stay (`hit`), as near as the rules allow; the others move only if they must."""
    now = at or app_now()
    first = min(hit, key=lambda item: item.ordinal or 0)
    rest = _rest_of(series, first, also={item.pk for item in hit})
    alone = plan_rest(
        series, rest, {item.pk: item.during.lower for item in hit}, {}, scope=Scope.THIS, now=now
    )
    if alone.choices:
        return alone
    wishes = {item.pk: item.during.lower for item in rest}
    together = plan_rest(series, rest, wishes, {}, scope=Scope.FOLLOWING, now=now)
    return together if together.choices else alone


def propose_fit(*, series: TreatmentSeries, rows: Sequence[Appointment], at: datetime) -> MovePlan:
    """Where these booked visits stand by the text of `series`: each stays if its rules allow, else moves least.

    Every visit is among the choices, also those that stay: their stay, staff and therapy time may differ.
    """
    wishes = {item.pk: item.during.lower for item in rows}
    return plan_rest(series, rows, wishes, {}, scope=Scope.FOLLOWING, now=at, whole=True)


def plan_rest(
    series: TreatmentSeries,
    rest: Sequence[Appointment],
    wishes: Mapping[int, datetime],
    fixed: Mapping[int, datetime],
    *,
    scope: str,
    now: datetime,
    chair: str = "",
    whole: bool = False,
) -> MovePlan:
    """The exact plan of the visits `rest` (in order). wishes: where those that may move should be (by key);
    fixed: new starts that stand; every other visit stays. `chair` is for the fixed ones. `whole`: those that
    stay are among the choices too.
    """
    moving = [item for item in rest if item.pk in wishes or item.pk in fixed]
    sessions = _sessions_of(series, moving)
    request, numbers = _request(series, rest, wishes, fixed, sessions, now)
    plan = plan_series(request)
    if not plan.complete:
        refusals = tuple(replace(item, text=_renumbered(item.text, numbers)) for item in plan.refusals)
        offer = plan.long_gap_offer
        if offer is not None:
            real = numbers[offer.ordinal - 1]
            offer = replace(offer, ordinal=real, text=_renumbered(offer.text, numbers))
        return MovePlan(series, scope, refusals=refusals, long_gap=offer)
    planned = dict(zip(numbers, plan.visits, strict=True))
    choices: list[VisitChoice] = []
    for item in moving:
        new = planned[item.ordinal or 0]
        needs_a_time = item.pk in fixed or item.status == Status.DISPLACED
        if whole or needs_a_time or new.start != item.during.lower or _other_place(item, new):
            choices.append(_choice(item, new, chair if item.pk in fixed else ""))
    starts = {item.ordinal: item.during.lower for item in moving}
    moved = {item.ordinal for item in choices if not whole or item.start != starts[item.ordinal]}
    going = tuple(
        _session_move(row, kind, planned[row.ordinal or 0]) for row, kind in sessions if row.ordinal in moved
    )
    return MovePlan(series, scope, tuple(choices), going)


def _other_place(item: Appointment, new: PlannedVisit) -> bool:
    """Same time, but somebody or something else: only where the present one is not there any more."""
    held = {str(row.resource.code) for row in item.resource_bookings.all()}
    return (
        bool(held) and not {new.chair, new.nurse, new.prescriber} <= held and new.start == item.during.lower
    )


def _rest_of(series: TreatmentSeries, visit: Appointment, also: Collection[int] = ()) -> list[Appointment]:
    """The visit and those after it that have a date or lost it by displacement, in order."""
    rows = series.appointments.infusions().filter(ordinal__gte=visit.ordinal, status__in=Appointment.MOVABLE)
    found = list(rows.prefetch_related("resource_bookings__resource").order_by("ordinal", "pk"))
    return [item for item in found if item.pk in {visit.pk, *also} or item.status != Status.DISPLACED]


def _in_scope(series: TreatmentSeries, visit: Appointment, item: Appointment, scope: str) -> bool:
    """Whether this later visit may move along. A cycle is one phase of the protocol."""
    if scope != Scope.CYCLE:
        return True
    definition = series.protocol_version.read()
    return phase_number(definition, item.ordinal or 1) == phase_number(definition, visit.ordinal or 1)


def phase_number(definition: ProtocolDefinition, ordinal: int) -> int:
    """Which phase of the protocol infusion `ordinal` belongs to, from 0; extra ones belong to the last."""
    seen = 0
    for number, phase in enumerate(definition.phases):
        seen += phase.visits
        if ordinal <= seen:
            return number
    return len(definition.phases) - 1


def _sessions_of(series: TreatmentSeries, moving: Iterable[Appointment]) -> list[tuple[Appointment, str]]:
    """Therapy sessions planned after these infusions, with the follow-up they are for."""
    rows = FollowUp.objects.filter(
        series=series,
        visit__in=[item.pk for item in moving],
        appointment__status__in=[Status.PROVISIONAL, Status.BOOKED],
    ).select_related("appointment__practitioner", "appointment__site", "appointment__patient")
    return [
        (cast("Appointment", row.appointment), row.kind) for row in rows.order_by("visit__ordinal", "kind")
    ]


def _request(
    series: TreatmentSeries,
    rest: Sequence[Appointment],
    wishes: Mapping[int, datetime],
    fixed: Mapping[int, datetime],
    sessions: Sequence[tuple[Appointment, str]],
    now: datetime,
) -> tuple[SeriesRequest, list[int]]:
    """The planner's question, and the real ordinal of each of its visits."""
    definition = series.protocol_version.read()
    without = [item.pk for item in rest] + [row.pk for row, _ in sessions]
    course = [item for item in load_course(series.patient_id) if item.visit.pk not in without]
    numbers = [item.ordinal or 0 for item in rest]
    before, _ = neighbours_of_ordinal(course, series, numbers[0])
    allowed = long_gaps_of(series)
    text = rest_of_definition(definition, numbers, before.ordinal if before else 0)
    soon = now + timedelta(minutes=1)
    earliest = min([soon, *fixed.values()])
    last = max([soon, *fixed.values(), *(item.during.upper for item in rest)])
    until = last + min(longest_span(text), timedelta(days=SEARCH_DAYS)) + timedelta(days=1)
    load = load_for(series.site, earliest, until, without=without)
    who = load_patient(series.patient, at=now, without=without)
    predicted = predicted_clearance(
        definition, series.patient, weight_kg=series.weight_kg, on=now.astimezone(load.zone).date()
    )
    pinned: dict[int, datetime] = {}
    current: dict[int, datetime] = {}
    for number, item in enumerate(rest, start=1):
        if item.pk in fixed:
            pinned[number] = fixed[item.pk]
        elif item.pk in wishes:
            current[number] = wishes[item.pk]
        else:
            pinned[number] = item.during.lower
    asked = request_for(
        text,
        load,
        who,
        predicted,
        earliest=earliest,
        until=until,
        wish=Wish(series.therapist, series.prescriber),
    )
    long_gap = {n: allowed[ordinal] for n, ordinal in enumerate(numbers, start=1) if ordinal in allowed}
    request = replace(
        asked,
        previous_start=before.start if before and before.ordinal else None,
        pinned=pinned,
        current=current,
        long_gap=long_gap,
        long_gap_limit_hours=longest_exception(definition),
        weights=SMALLEST_CHANGE,
    )
    return request, numbers


def _renumbered(text: str, numbers: Sequence[int]) -> str:
    """The planner counts the visits it was asked about from 1, and the one before them as 0."""

    def real(match: re.Match[str]) -> str:
        number = int(match[2])
        return f"{match[1]}{numbers[number - 1] if number else numbers[0] - 1}"

    return re.sub(r"([Ii]nfusion )(\d+)", real, text.replace("cannot stay on", "cannot be on"))


def shifted(moment: datetime, old: datetime, new: datetime, zone: ZoneInfo) -> datetime:
    """`moment` moved by as many local days and minutes of the wall clock as lie between `old` and `new`."""
    before, after = old.astimezone(zone), new.astimezone(zone)
    wall = moment.astimezone(zone).replace(tzinfo=None) + (
        after.replace(tzinfo=None) - before.replace(tzinfo=None)
    )
    return resolve_local(wall.date(), wall.time(), zone).instant


def rest_of_definition(
    definition: ProtocolDefinition, ordinals: Sequence[int], before: int
) -> ProtocolDefinition:
    """The same text for the visits `ordinals` alone, one phase each; limits stretch over visits that are left out.

    before: the ordinal of the visit before them, 0 for none.
    """
    phases: list[SeriesPhase] = []
    for ordinal in ordinals:
        phase = definition.gap_before(ordinal) or definition.phases[0]
        steps = max(1, ordinal - before) if before else 1
        phases.append(
            replace(
                phase,
                name=f"{phase.name} {ordinal}",
                visits=1,
                gap_target_hours=phase.gap_target_hours * steps,
                gap_max_hours=phase.gap_max_hours * steps,
            )
        )
        before = ordinal
    return replace(definition, phases=tuple(phases))


def _choice(item: Appointment, planned: PlannedVisit, chair: str) -> VisitChoice:
    """The new time with people; those who treat now stay if the plan has no reason against it."""
    return VisitChoice(
        item.ordinal or 0, planned.start, chair or planned.chair, planned.nurse, planned.prescriber
    )


def _session_move(row: Appointment, kind: str, planned: PlannedVisit) -> SessionMove:
    new = next((item for item in planned.therapy if item.kind == kind), None)
    if new is None:
        return SessionMove(row, kind, None, "")
    return SessionMove(row, kind, new.start, new.therapist)


# --- The diff ------------------------------------------------------------------------------------------------------


def preview(
    plan: MovePlan, *, by: User, reason: str, displace_therapy: bool = False, at: datetime | None = None
) -> Diff:
    """What accepting `plan` would change. The act is done and rolled back: its refusal, if any, is in the diff."""
    now = at or app_now()
    patient = plan.series.patient_id
    try:
        with transaction.atomic():
            before = _messages(patient)
            change = move_visits(
                series=plan.series,
                choices=plan.choices,
                sessions=plan.sessions,
                scope=plan.scope,
                reason=reason,
                displace_therapy=displace_therapy,
                by=by,
                at=now,
            )
            rows = list(change.rows.select_related("appointment__series"))
            after = _messages(patient)
            transaction.set_rollback(True)
    except DomainError as refusal:
        return Diff(refusal=refusal)
    lines = [(row.appointment, _line(row)) for row in rows]
    return Diff(
        tuple(line for item, line in lines if item.kind == Appointment.Kind.INFUSION),
        tuple(line for item, line in lines if item.kind == Appointment.Kind.THERAPY),
        tuple(_message_lines(before, after)),
    )


def _line(row: VisitChange) -> DateLine:
    visit = row.appointment
    what = "Infusion" if visit.kind == Appointment.Kind.INFUSION else "Therapy after infusion"
    lost = row.status_after == Status.DISPLACED
    return DateLine(
        f"{what} {visit.ordinal}",
        row.during_before.lower,
        None if lost else row.during_after.lower,
        row.place_before,
        row.place_after,
    )


Cause = tuple[int | None, int | None, str]


def _messages(patient: int) -> dict[Cause, datetime]:
    """When each unsent message of the patient is to leave, by what it is about."""
    rows = Message.objects.pending().filter(patient=patient)
    return {
        (row.follow_up_id, None if row.follow_up_id else row.appointment_id, row.kind): row.due_at
        for row in rows
    }


def _message_lines(
    before: Mapping[Cause, datetime], after: Mapping[Cause, datetime]
) -> Iterable[MessageLine]:
    """Only what changes, by time."""
    changed = [
        MessageLine(message_words(cause[2]), before.get(cause), after.get(cause))
        for cause in {*before, *after}
        if before.get(cause) != after.get(cause)
    ]
    far = datetime.max.replace(tzinfo=UTC)
    return sorted(changed, key=lambda line: (line.after or line.before or far, line.kind))


def message_words(kind: str) -> str:
    """`visit_reminder` -> `Visit reminder`."""
    return kind.replace("_", " ").capitalize()


# --- The act -------------------------------------------------------------------------------------------------------


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
    at: datetime | None = None,
) -> ScheduleChange:
    """Move these infusions of one series, with their planned therapy sessions, in one act: all or none.

    `reason` is a sentence (reasons.in_words). `seen`: versions by ordinal that the person looked at. Every visit is
    judged against those that stay and those that move with it. Raises StaleVersion, StateConflict, RuleNotMet, Clash,
    InvalidInput; those about one visit begin with `3 of 6: `.
    """
    now = at or app_now()
    wanted = sorted(choices, key=lambda item: item.ordinal)
    numbers = [item.ordinal for item in wanted]
    if not wanted or len(wanted) > MOST_MOVED or len(set(numbers)) != len(numbers):
        raise InvalidInput("Give each visit that moves one new time.", code="visits", field="visits")
    known = {
        item.ordinal or 0: item
        for item in series.appointments.infusions().filter(
            ordinal__in=numbers, status__in=Appointment.MOVABLE
        )
    }
    moving = [row.appointment.pk for row in sessions]
    keys = [*(item.pk for item in known.values()), *moving]
    held = set(ResourceBooking.objects.filter(appointment__in=keys).values_list("resource_id", flat=True))
    therapy = [
        TherapyChoice(row.appointment.ordinal or 0, row.kind, row.start, row.therapist)
        for row in sessions
        if row.start is not None
    ]
    scene = set_scene(
        series.patient,
        series.protocol_version,
        series.weight_kg,
        wanted,
        therapy,
        now,
        without=keys,
        also=held,
    )
    visits = _locked(series, numbers, seen)
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
    before = snapshot([*visits.values(), *(row.appointment for row in sessions)])
    let_plans_cross()
    release(keys)
    _write_visits(rules, wanted, seats, visits, reason)
    before += _displace_in_the_way(rules, visits.values(), now)
    _write_sessions(rules, current, sessions, now)
    change = record(kind, before, reason=reason, by=by, at=now, scope=scope)
    for visit in visits.values():
        settle(
            kind=WorkItem.Kind.DISPLACED,
            key=str(visit.code),
            resolution="A new time was found.",
            at=now,
            by=by,
        )
        settle(kind=WorkItem.Kind.DISPLACED, key=f"hours:{visit.code}", resolution="Moved.", at=now, by=by)
    sync_follow_ups(series=current, at=now)
    check_constraints_now()
    return change


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
        before, after = neighbours_of_ordinal(course, series, choice.ordinal)
        earlier = [number for number in starts if number < choice.ordinal]
        later = [number for number in starts if number > choice.ordinal]
        if earlier and (before is None or before.ordinal < max(earlier)):
            before = Neighbour(max(earlier), starts[max(earlier)])
        if later and (after is None or after.ordinal > min(later)):
            after = Neighbour(min(later), starts[min(later)])
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
