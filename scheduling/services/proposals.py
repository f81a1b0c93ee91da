"""What a series would look like: dates, people, predicted therapy times, provisional follow-ups. Nothing is
written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from patients.models import Patient
from patients.services.external import release_of
from protocols.definition import ProtocolDefinition
from protocols.models import ProtocolVersion
from scheduling.domain.followups import InfusionAnchors, PlannedFollowUp, merge_same_kind, plan_follow_ups
from scheduling.domain.intervals import Interval, as_utc, union
from scheduling.domain.localtime import day_in_words, local_date, resolve_local
from scheduling.domain.planner import plan_series
from scheduling.domain.series_types import PlannedVisit, SeriesPlan, SeriesRequest
from scheduling.domain.spacing import rested_from
from scheduling.domain.windows import Window, plasticity_window
from scheduling.loaders import LoadedResource, SiteLoad, zone_of
from scheduling.loaders_follow import on_duty
from scheduling.models import Resource
from scheduling.planning import (
    SEARCH_DAYS,
    Clearance,
    PatientLoad,
    Wish,
    load_for,
    load_patient,
    longest_span,
    predicted_clearance,
    series_request,
)
from scheduling.services.close_infusions import close_ones, other_starts
from scheduling.services.exposure_limits import beyond_limits
from scheduling.services.numbering import check_given_elsewhere
from scheduling.services.rules import findings_for
from sessions.eligibility import Finding
from sessions.models import Consent, EducationRecord
from sessions.services import eligibility_in_force
from staff.clock import app_now
from staff.errors import InvalidInput
from staff.models import User

WEEKS_AFTER = timedelta(days=112)  # weekly therapy after a series lasts up to 14 weeks
STAFF = frozenset({"therapist", "nurse", "clinician"})


@dataclass(frozen=True)
class ProposedVisit:
    """One planned visit with its people, its window and what would follow it."""

    planned: PlannedVisit
    chair: LoadedResource
    nurse: LoadedResource
    prescriber: LoadedResource
    window: Window
    follow_ups: tuple[PlannedFollowUp, ...]

    @property
    def kept(self) -> tuple[PlannedFollowUp, ...]:
        """Follow-ups that would be done."""
        return tuple(item for item in self.follow_ups if item.dropped is None)

    @property
    def therapy(self) -> PlannedFollowUp | None:
        """The first therapy session that would follow."""
        return next((item for item in self.kept if item.therapy), None)


@dataclass(frozen=True)
class SeriesProposal:
    """A plan in words and rows, and what it was computed from. `findings` speak against treatment, `to_do`
    are gates that are open at present, `remarks` name follow-ups of staff on closed days and windows without
    a therapist, `close` infusions so close together that a prescriber has to give a reason.
    """

    version: ProtocolVersion
    definition: ProtocolDefinition
    load: SiteLoad
    request: SeriesRequest
    plan: SeriesPlan
    predicted: Clearance
    visits: tuple[ProposedVisit, ...]
    findings: tuple[Finding, ...]
    to_do: tuple[str, ...]
    remarks: tuple[str, ...]
    close: tuple[str, ...] = ()


def propose_series(
    *,
    patient: Patient,
    protocol_version: ProtocolVersion,
    weight_kg: Decimal,
    first_day: date,
    by: User,
    at: datetime | None = None,
    therapist: User | None = None,
    prescriber: User | None = None,
    part_of_day: str = "",
    pinned: Mapping[int, datetime] | None = None,
    current: Mapping[int, datetime] | None = None,
    long_gaps: Mapping[int, int] | None = None,
    given_elsewhere: int = 0,
) -> SeriesProposal:
    """The best series with starts from `first_day` (a date at the patient's site) on.

    pinned: visits that must start then; current: starts shown before, moving one costs; long_gaps: approved hours by
    ordinal; given_elsewhere: infusions of this course that the patient comes with, so that the first one here is the
    next. An impossible series gives a plan that is not complete, with the reasons. Raises InvalidInput for a weight or
    date that cannot be used, and what `check_given_elsewhere` raises.
    """
    now = at or app_now()
    site, definition = patient.site, protocol_version.read()
    check_given_elsewhere(patient, given_elsewhere, definition.visits)
    earliest, until = planning_span(first_day, definition, site, now)
    who = load_patient(patient, at=now)
    earliest = rested(who, definition, earliest, first=given_elsewhere + 1)
    load = load_for(site, earliest, until)
    predicted = predicted_clearance(definition, patient, weight_kg=weight_kg, on=local_date(now, load.zone))
    wish = Wish(therapist, prescriber, part_of_day)
    request = replace(
        series_request(definition, load, who, predicted, earliest=earliest, until=until, wish=wish),
        first_ordinal=given_elsewhere + 1,
        pinned=_in_utc(pinned),
        current=_in_utc(current),
        long_gap=dict(long_gaps or {}),
    )
    plan = plan_series(request)
    visits = with_follow_ups(plan, definition, load, who, patient.therapist or therapist)
    return SeriesProposal(
        version=protocol_version,
        definition=definition,
        load=load,
        request=request,
        plan=plan,
        predicted=predicted,
        visits=visits,
        findings=_undecided(patient, protocol_version, earliest),
        to_do=_open_gates(patient, protocol_version, now),
        remarks=(*_outside(patient), *_on_closed_days(visits, load, patient.therapist or therapist)),
        close=tuple(_close(plan, patient, definition, load, predicted)),
    )


def _close(
    plan: SeriesPlan,
    patient: Patient,
    definition: ProtocolDefinition,
    load: SiteLoad,
    predicted: Clearance,
) -> Iterable[str]:
    starts = {item.ordinal: item.start for item in plan.visits}
    others = other_starts(patient.pk, list(starts.values()))
    for item in close_ones(definition, load.zone, predicted.minutes, starts, others):
        yield f"Infusion {item.ordinal}: {item.words[:1].lower()}{item.words[1:]}"
    for ordinal, words in beyond_limits(patient, definition, starts, mg=predicted.dose_mg).items():
        yield f"Infusion {ordinal}: {words[:1].lower()}{words[1:]}"


def _undecided(patient: Patient, version: ProtocolVersion, at: datetime) -> tuple[Finding, ...]:
    """What speaks against treatment, without the cautions that the signed eligibility checklist accepted."""
    signed = eligibility_in_force(patient, version, at)
    accepted = set(signed.accepted) if signed else set()
    found = findings_for(patient, version.read(), at)
    return tuple(item for item in found if item.severity != "decide" or item.code not in accepted)


def rested(
    who: PatientLoad, definition: ProtocolDefinition, earliest: datetime, *, first: int = 1
) -> datetime:
    """Not before the minimum gap after the patient's last infusion, in whatever series or place that was. `first`: the
    ordinal that is planned first.
    """
    phase, found = definition.gap_before(first) or definition.phases[0], [earliest]
    if who.last_start is not None:
        found.append(as_utc(who.last_start) + timedelta(hours=phase.gap_min_hours))
    if who.elsewhere_on is not None:
        found.append(rested_from(who.elsewhere_on, phase, zone_of(who.patient.site)))
    return max(found)


def _in_utc(starts: Mapping[int, datetime] | None) -> dict[int, datetime]:
    return {ordinal: as_utc(start) for ordinal, start in (starts or {}).items()}


def planning_span(
    first_day: date, definition: ProtocolDefinition, site: object, now: datetime
) -> tuple[datetime, datetime]:
    """Earliest and last allowed start: from `first_day` or now, for as long as the first visit may wait and
    the gaps allow. Raises InvalidInput for a day in the past or more than a year ahead.
    """
    zone = zone_of(site)  # type: ignore[arg-type]  # a Site
    today = local_date(now, zone)
    if first_day < today:
        raise InvalidInput("The first day lies in the past.", code="past-start", field="first_day")
    if first_day > today + timedelta(days=366):
        raise InvalidInput("Plan at most a year ahead.", code="too-far", field="first_day")
    earliest = max(now + timedelta(minutes=1), resolve_local(first_day, time(0), zone).instant)
    return earliest, earliest + timedelta(days=SEARCH_DAYS) + longest_span(definition)


def with_follow_ups(
    plan: SeriesPlan, definition: ProtocolDefinition, load: SiteLoad, who: PatientLoad, therapist: User | None
) -> tuple[ProposedVisit, ...]:
    """The planned visits with window and provisional follow-ups, merged across infusions as after booking."""
    working = None if who.patient.external_therapist_id else _working(plan, load, therapist)
    planned = plan.visits
    found: list[PlannedFollowUp] = []
    for index, visit in enumerate(planned):
        following = planned[index + 1].start if index + 1 < len(planned) else None
        anchors = InfusionAnchors(
            ordinal=visit.ordinal,
            starts_at=visit.start,
            planned_stop=visit.start + timedelta(minutes=definition.dose.infusion_minutes),
            t0=visit.t0_predicted,
        )
        found += plan_follow_ups(
            definition,
            anchors=anchors,
            zone=who.zone,
            next_infusion_start=following,
            is_last=following is None,
            working=working,
        )
    merged = merge_same_kind(found)
    return tuple(
        _proposed(
            visit, planned[index + 1].start if index + 1 < len(planned) else None, definition, load, merged
        )
        for index, visit in enumerate(planned)
    )


def _proposed(
    visit: PlannedVisit,
    following: datetime | None,
    definition: ProtocolDefinition,
    load: SiteLoad,
    follow_ups: Iterable[PlannedFollowUp],
) -> ProposedVisit:
    seats = [load.by_code(code) for code in (visit.chair, visit.nurse, visit.prescriber)]
    chair, nurse, prescriber = (item for item in seats if item is not None)
    window = plasticity_window(
        visit.t0_predicted, definition.window, next_infusion_start=following, last=following is None
    )
    mine = tuple(item for item in follow_ups if item.infusion == visit.ordinal)
    return ProposedVisit(visit, chair, nurse, prescriber, window, mine)


def _working(plan: SeriesPlan, load: SiteLoad, therapist: User | None) -> tuple[Interval, ...] | None:
    """When the therapist (without one, anybody of the site) works around these visits and in the weeks after them.

    The same hours that follow-ups are planned with after booking (loaders_follow.therapist_hours).
    """
    whose = {"site": load.site} if therapist is None else {"user": therapist}
    rows = Resource.objects.filter(kind=Resource.Kind.THERAPIST, active=True, **whose).select_related("site")
    people = list(rows) if plan.visits else []
    if not people:
        return None
    zone = zone_of(people[0].site)
    first = local_date(plan.visits[0].start, zone)
    until = local_date(plan.visits[-1].t0_predicted, zone) + WEEKS_AFTER
    return union(part for parts in on_duty(people, first, until).values() for part in parts)


def _outside(patient: Patient) -> Iterable[str]:
    """That no therapy is planned here, and what is missing for the times to go out."""
    therapist = patient.external_therapist
    if therapist is None:
        return
    yield f"Therapy after the infusions is with {therapist.name}, outside the clinic: no session is planned here."
    if release_of(patient.pk, therapist.pk, app_now()) is None:
        yield f"No valid release of information to {therapist.name}: times cannot be sent until the patient signs one."


def _on_closed_days(visits: Iterable[ProposedVisit], load: SiteLoad, therapist: User | None) -> Iterable[str]:
    """Follow-ups of staff that would fall on a day on which the site is closed, with whose list they are on."""
    for visit in visits:
        owners = {
            "clinician": visit.prescriber.row.name,
            "therapist": therapist.full_name if therapist else "",
        }
        for item in visit.kept:
            day = local_date(item.target, load.zone)
            if item.audience in STAFF and day in load.closed:
                name = owners.get(item.audience)
                owner = f"{name}'s list" if name else f"the {item.audience}'s list"
                yield (
                    f"{item.title}, after infusion {visit.planned.ordinal}, is due {day_in_words(day)} "
                    f"({load.closed[day]}): on {owner}."
                )


def _open_gates(patient: Patient, version: ProtocolVersion, now: datetime) -> tuple[str, ...]:
    """What must be there at the first start and is not yet recorded: a list of things to do, not a refusal."""
    found = []
    if not Consent.objects.in_force(now).filter(patient=patient, document__protocol_version=version).exists():
        found.append("Consent to this version")
    taught = EducationRecord.objects.filter(patient=patient, document__protocol_version=version)
    if not any(item.complete for item in taught):
        found.append("Education, taught back")
    return tuple(found)
