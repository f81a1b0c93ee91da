"""Moving one infusion and, only as far as the clinician accepts it, the visits after it.

`propose_move` plans: the moved visit stands where it is wanted, visits outside the scope stay, those inside it keep
their distance to it (scope `this`: their present time) as closely as the rules allow, exactly planned. Nothing is
written. `preview` runs the real act in a transaction that is rolled back, so the diff of dates, therapy sessions and
messages that the clinician accepts is the one that will happen. `move_visits` does it, all or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from protocols.definition import ProtocolDefinition, SeriesPhase
from scheduling.domain.intervals import as_utc
from scheduling.domain.localtime import resolve_local
from scheduling.domain.planner import plan_series
from scheduling.domain.series_types import LongGapOffer, PlannedVisit, Refusal, SeriesRequest, Weights
from scheduling.domain.spacing import rested_from
from scheduling.loaders import SiteLoad, zone_of
from scheduling.loaders_follow import load_course
from scheduling.models import (
    Appointment,
    FollowUp,
    Resource,
    ScheduleChange,
    TreatmentSeries,
)
from scheduling.planning import (
    SEARCH_DAYS,
    Wish,
    load_for,
    load_patient,
    longest_exception,
    longest_span,
    predicted_clearance,
)
from scheduling.planning import series_request as request_for
from scheduling.services.moving import SessionMove
from scheduling.services.neighbours import neighbours_of_ordinal
from scheduling.services.rules import (
    long_gaps_of,
)
from scheduling.services.seating import VisitChoice, fits
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet, StateConflict

Status = Appointment.Status
Scope = ScheduleChange.Scope
FARTHEST = timedelta(days=366)
# A visit is moved only where a rule asks for it: leaving one where it is outweighs every comfort of a plan.
SMALLEST_CHANGE = Weights(moved_visit=6000, moved_hour=20, gap_hour=0)


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


def propose_move(
    *,
    visit: Appointment,
    start: datetime,
    scope: str = Scope.THIS,
    chair: str = "",
    at: datetime | None = None,
) -> MovePlan:
    """The plan of moving `visit` to `start` with this scope.

    Raises InvalidInput for what is no infusion, StateConflict for one that cannot move any more, RuleNotMet for a
    time that has passed or is too far ahead.
    """
    now = at or app_now()
    if visit.kind != Appointment.Kind.INFUSION or visit.series is None:
        raise InvalidInput("Only infusion visits are moved here.", code="not-an-infusion")
    if scope not in Scope.values:
        raise InvalidInput("Say which visits should move.", code="scope", field="scope")
    series, wanted = visit.series, as_utc(start)
    if not now < wanted < now + FARTHEST:
        words = "This time is in the past." if wanted <= now else "Move a visit at most a year ahead."
        raise RuleNotMet(words, code="past-start" if wanted <= now else "too-far", field="start")
    rest = _rest_of(series, visit)
    if all(item.pk != visit.pk for item in rest):  # asked of the database: the page may be a minute old
        status = Appointment.objects.get(pk=visit.pk).get_status_display()
        raise StateConflict(f"This visit is {status.lower()}: it cannot move.", code="not-movable")
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
    """New times for visits that cannot stay (`hit`), as near as the rules allow; the others move only if they must.

    Raises StateConflict (`only-reserved`) for slots that are only reserved: they end by themselves.
    """
    now = at or app_now()
    first = min(hit, key=lambda item: item.ordinal or 0)
    rest = _rest_of(series, first, also={item.pk for item in hit})
    if not rest:
        raise StateConflict("Only reserved: confirm or give back the reservation.", code="only-reserved")
    alone = plan_rest(
        series, rest, {item.pk: item.during.lower for item in hit}, {}, scope=Scope.THIS, now=now
    )
    if alone.choices:
        return alone
    wishes = {item.pk: item.during.lower for item in rest}
    together = plan_rest(series, rest, wishes, {}, scope=Scope.FOLLOWING, now=now)
    if together.choices or (alone.long_gap is None and together.long_gap is not None):
        return together  # also when only the whole rest says which longer gap would help
    return alone


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
    request, numbers, load = _request(series, rest, wishes, fixed, sessions, now)
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
        choice = _choice(item, new, load, series.protocol_version.read(), chair if item.pk in fixed else "")
        needs_a_time = item.pk in fixed or item.status == Status.DISPLACED
        if whole or needs_a_time or new.start != item.during.lower or _other_place(item, choice):
            choices.append(choice)
    starts = {item.ordinal: item.during.lower for item in moving}
    moved = {item.ordinal for item in choices if not whole or item.start != starts[item.ordinal]}
    going = tuple(
        _session_move(row, kind, planned[row.ordinal or 0]) for row, kind in sessions if row.ordinal in moved
    )
    return MovePlan(series, scope, tuple(choices), going)


def _other_place(item: Appointment, new: VisitChoice) -> bool:
    """Same time, but somebody or something else: only where the present one is not there any more."""
    held = set(_held(item).values())
    return bool(held) and not {new.chair, new.nurse, new.prescriber} <= held


def _held(item: Appointment) -> dict[str, str]:
    """Codes of what a visit occupies, by kind of resource."""
    return {str(row.resource.kind): str(row.resource.code) for row in item.resource_bookings.all()}


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
) -> tuple[SeriesRequest, list[int], SiteLoad]:
    """The planner's question, the real ordinal of each of its visits, and the site without what may move."""
    definition = series.protocol_version.read()
    without = [item.pk for item in rest] + [row.pk for row, _ in sessions]
    course = [item for item in load_course(series.patient_id) if item.visit.pk not in without]
    numbers = [item.ordinal or 0 for item in rest]
    before, _ = neighbours_of_ordinal(course, series, numbers[0])
    allowed = long_gaps_of(series)
    text = rest_of_definition(definition, numbers, before.ordinal if before else 0)
    soon = now + timedelta(minutes=1)
    who = load_patient(series.patient, at=now, without=without)
    if who.elsewhere_on is not None and rest[0].pk in wishes:
        phase = definition.gap_before(numbers[0]) or definition.phases[0]
        soon = max(soon, rested_from(who.elsewhere_on, phase, zone_of(series.site)))
    earliest = min([soon, *fixed.values()])
    last = max([soon, *fixed.values(), *(item.during.upper for item in rest)])
    until = last + min(longest_span(text), timedelta(days=SEARCH_DAYS)) + timedelta(days=1)
    load = load_for(series.site, earliest, until, without=without)
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
    return request, numbers, load


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


def _choice(
    item: Appointment, planned: PlannedVisit, load: SiteLoad, definition: ProtocolDefinition, chair: str
) -> VisitChoice:
    """The new time; the chair and the people of now go with it where they are free then, else those of the plan."""
    held = _held(item)

    def kept(kind: str, other: str) -> str:
        present = load.by_code(held.get(kind, ""))
        return present.code if present and fits(load, definition, present, planned.start) else other

    kinds = Resource.Kind
    return VisitChoice(
        item.ordinal or 0,
        planned.start,
        chair or kept(kinds.CHAIR, planned.chair),
        kept(kinds.NURSE, planned.nurse),
        kept(kinds.CLINICIAN, planned.prescriber),
    )


def _session_move(row: Appointment, kind: str, planned: PlannedVisit) -> SessionMove:
    new = next((item for item in planned.therapy if item.kind == kind), None)
    if new is None:
        return SessionMove(row, kind, None, "")
    return SessionMove(row, kind, new.start, new.therapist)
