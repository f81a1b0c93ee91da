"""Booking a series, an extra infusion, and ending a series. All or nothing; nothing is booked on what a page
once saw.

Order inside the transaction: advisory locks of patient and resources, expired holds on them freed, every
occurrence judged again (services/rules.py), rows written, lanes handed out, follow-ups planned, deferred
rules asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from patients.models import Patient
from protocols.models import ProtocolVersion
from scheduling.conflicts import booking_act
from scheduling.domain.intervals import as_utc
from scheduling.domain.localtime import local_date
from scheduling.loaders import SiteLoad, zone_of
from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, Resource, TreatmentSeries, WorkItem
from scheduling.planning import Clearance, PatientLoad, load_for, load_patient, predicted_clearance
from scheduling.ranges import as_range
from scheduling.reasons import EXTRA, in_words
from scheduling.services.close_infusions import check_close, write_close
from scheduling.services.early import refuse_second_series, refuse_what_is_taken
from scheduling.services.endings import HAS_A_DATE, end_series, settle_series, undated_key
from scheduling.services.exposure_limits import check_exposure, write_exposure
from scheduling.services.followups import sync_follow_ups
from scheduling.services.holds import free_expired
from scheduling.services.lanes import Occupation, occupy
from scheduling.services.long_gaps import check_long_gaps, write_long_gaps
from scheduling.services.planned_therapy import book_planned_therapy, link_planned_therapy
from scheduling.services.proposals import neighbours_of_ordinal, propose_series, visit_options
from scheduling.services.rules import (
    Neighbour,
    VisitRules,
    check_eligibility,
    check_not_withdrawn,
    check_patient,
    check_running_version,
    check_version,
    long_gaps_of,
)
from scheduling.services.seating import Seat, TherapyChoice, VisitChoice, as_code, parts_of, stay
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import settle
from sessions.eligibility import Finding
from sessions.services import eligibility_in_force
from staff.clock import app_now
from staff.errors import InvalidInput, StateConflict
from staff.locks import lock
from staff.models import Site, User

__all__ = [
    "TherapyChoice",
    "VisitChoice",
    "book_extra_infusion",
    "book_series",
    "end_series",
    "propose_series",
    "rebook_visit",
    "settle_series",
    "visit_options",
]

MOST_VISITS = 60
Status = Appointment.Status
BOOKABLE = (Resource.Kind.CHAIR, Resource.Kind.NURSE, Resource.Kind.CLINICIAN)


@dataclass(frozen=True)
class Scene:
    """Everything loaded under the locks for one booking."""

    patient: Patient
    version: ProtocolVersion
    load: SiteLoad
    who: PatientLoad
    predicted: Clearance
    at: datetime


@booking_act
def book_series(
    *,
    patient: Patient,
    protocol_version: ProtocolVersion,
    weight_kg: Decimal,
    visits: Sequence[VisitChoice],
    by: User,
    at: datetime | None = None,
    therapist: User | None = None,
    therapy: Sequence[TherapyChoice] = (),
    caution_reason: str = "",
    hold_minutes: int = 0,
    long_gaps: Mapping[int, int] | None = None,
    long_gap_reason: str = "",
    close_reason: str = "",
) -> TreatmentSeries:
    """Book every visit of a series, or none. `hold_minutes`: only reserve the slots for that long.

    A choice without chair, nurse or prescriber gets one that is free. Raises StateConflict (a series is
    running, patient not active), RuleNotMet, Clash or InvalidInput; those about one visit begin with `3 of 6:
    `. long_gaps: hours by ordinal that `by`, a prescriber, approves with a reason; close_reason: why infusions may lie
    less than 36 h apart, be more than three in seven days, or pass a limit of exposure.
    """
    now = at or app_now()
    wanted = sorted(visits, key=lambda item: item.ordinal)
    text = protocol_version.read()
    _check_numbering(wanted, text.visits)

    def early() -> None:
        refuse_second_series(patient)
        refuse_what_is_taken(
            patient=patient, definition=text, wanted=wanted, therapy=therapy, by=by, at=now, total=len(wanted)
        )

    early()
    # The estimate takes half a second for a weight not seen before: not under the locks that others wait for.
    predicted_clearance(text, patient, weight_kg=weight_kg, on=local_date(now, zone_of(patient.site)))
    scene = set_scene(patient, protocol_version, weight_kg, wanted, therapy, now, early=early)
    check_version(scene.version)
    definition = scene.version.read()
    accepted = _check_person(scene, by, as_utc(wanted[0].start), caution_reason)
    refuse_second_series(scene.patient)
    approved = dict(long_gaps or {})
    check_long_gaps(definition, approved, reason=long_gap_reason, by=by)
    rules = VisitRules(
        scene.load, scene.who, definition, scene.predicted, by, now, total=len(wanted), long_gaps=approved
    )
    seats = _judge_all(rules, wanted)
    close = check_close(rules, wanted, close_reason)
    exposed = check_exposure(rules, wanted, close_reason)
    series = TreatmentSeries.objects.create(
        **_row(scene, len(wanted), seats[0]), weight_kg=weight_kg, therapist=therapist or scene.patient.therapist,
        booked_by=by, status_reason=_caution_words(accepted, caution_reason),
    )  # fmt: skip
    write_long_gaps(series, approved, reason=long_gap_reason, by=by, at=now)
    write_close(series, close, close_reason, rules)
    rows = write_visits(series, rules, wanted, seats, hold_minutes=hold_minutes)
    write_exposure(rows, exposed, close_reason, by=by, at=now)
    book_planned_therapy(series, rules, rows, therapy)
    if not hold_minutes:
        sync_follow_ups(series=series, at=now)
        link_planned_therapy(series, therapy)
    check_constraints_now()
    return series


def _check_person(scene: Scene, by: User, first: datetime, caution_reason: str) -> tuple[Finding, ...]:
    """The patient may be treated by this text from `first` on. Returns the cautions that are accepted now."""
    signed = eligibility_in_force(scene.patient, scene.version)
    accepted = check_patient(
        scene.patient, scene.version.read(), by=by, at=first, caution_reason=caution_reason,
        accepted=signed.accepted if signed else (),
    )  # fmt: skip
    check_eligibility(scene.patient, scene.version)
    return accepted


def _row(scene: Scene, visits: int, seat: Seat) -> dict[str, Any]:
    """What a new series copies of its patient and of the first visit's seat."""
    return {
        "patient": scene.patient,
        "protocol_version": scene.version,
        "site": scene.patient.site,
        "visits": visits,
        "prescriber": scene.patient.prescriber or cast("User", seat.prescriber.row.user),
        "booked_at": scene.at,
    }


def _check_numbering(wanted: Sequence[VisitChoice], visits: int) -> None:
    if len(wanted) > MOST_VISITS or [item.ordinal for item in wanted] != list(range(1, visits + 1)):
        words = f"Give each of the {visits} infusions of this protocol one date."
        raise InvalidInput(words, code="visits", field="visits")


def _caution_words(accepted: Sequence[Finding], reason: str) -> str:
    if not accepted:
        return ""
    return f"Booked with {', '.join(item.message for item in accepted)} {reason.strip()}"[:200]


def set_scene(
    patient: Patient,
    version: ProtocolVersion,
    weight_kg: Decimal,
    wanted: Sequence[VisitChoice],
    therapy: Sequence[TherapyChoice],
    at: datetime,
    *,
    without: Sequence[int] = (),
    also: Iterable[int] = (),
    early: Callable[[], None] | None = None,
) -> Scene:
    """Take the locks, then read everything afresh. `without`: appointments that move; `also`: more resources;
    `early`: what may refuse under the locks before the long reading begins.

    Raises InvalidInput for codes that cannot be read and for a weight outside 20 to 350 kg.
    """
    resources = {*_resource_keys(patient.site, wanted, therapy), *also}
    lock(patients=[patient.pk], resources=resources)
    if early is not None:
        early()
    free_expired(resources=resources, patient=patient.pk, at=at)
    patient = Patient.objects.with_people().get(pk=patient.pk)
    version = ProtocolVersion.objects.select_related("template").get(pk=version.pk)
    starts = [*(as_utc(item.start) for item in wanted), *(as_utc(item.start) for item in therapy)]
    load = load_for(
        patient.site, min(starts), max(starts) + timedelta(days=1), without=without, only=resources
    )
    predicted = predicted_clearance(
        version.read(), patient, weight_kg=weight_kg, on=local_date(at, zone_of(patient.site))
    )
    who = load_patient(patient, at=at, without=without)
    return Scene(patient, version, load, who, predicted, at)


def _resource_keys(site: Site, wanted: Sequence[VisitChoice], therapy: Sequence[TherapyChoice]) -> set[int]:
    """Primary keys to lock: the named resources, and all that might be chosen where a name is left open."""
    named = [code for item in wanted for code in (item.chair, item.nurse, item.prescriber)]
    rows = Resource.objects.filter(site=site)
    found = set(rows.filter(code__in=[as_code(code) for code in named if code]).values_list("pk", flat=True))
    found |= set(
        rows.filter(code__in=[as_code(item.therapist) for item in therapy]).values_list("pk", flat=True)
    )
    if not all(named):
        found |= set(rows.filter(kind__in=BOOKABLE, active=True).values_list("pk", flat=True))
    return found


def _judge_all(rules: VisitRules, wanted: Sequence[VisitChoice]) -> list[Seat]:
    last = rules.who.last_start
    before = None if last is None else Neighbour(0, last)
    seats = []
    for choice in wanted:
        seats.append(rules.judge(choice, before=before))
        before = Neighbour(choice.ordinal, as_utc(choice.start))
    return seats


def write_visits(
    series: TreatmentSeries,
    rules: VisitRules,
    wanted: Sequence[VisitChoice],
    seats: Sequence[Seat],
    *,
    hold_minutes: int = 0,
) -> list[Appointment]:
    """Rows of visits that were judged, with their lanes."""
    rows = [
        Appointment(
            kind=Appointment.Kind.INFUSION,
            status=Status.RESERVED if hold_minutes else Status.BOOKED,
            held_until=rules.at + timedelta(minutes=hold_minutes) if hold_minutes else None,
            patient=series.patient,
            site=series.site,
            series=series,
            ordinal=choice.ordinal,
            during=_range(rules, choice.start),
            predicted_t0=rules.therapy_from(choice.start),
            practitioner=seat.prescriber.row.user,
            booked_by=rules.by,
            booked_at=rules.at,
        )
        for choice, seat in zip(wanted, seats, strict=True)
    ]
    Appointment.objects.bulk_create(rows)
    occupy([item for row, seat in zip(rows, seats, strict=True) for item in occupations(row, rules, seat)])
    return rows


def _range(rules: VisitRules, start: datetime) -> Any:
    during = stay(rules.definition, as_utc(start))
    return as_range(during.start, during.end)


def occupations(visit: Appointment, rules: VisitRules, seat: Seat) -> list[Occupation]:
    """What a visit takes of its chair and people; `during` of the row is already the wanted one."""
    return [
        Occupation(visit, part.resource.row, part.during, part.load)
        for part in parts_of(rules.definition, seat, visit.during.lower)
    ]


@booking_act
def rebook_visit(
    *,
    series: TreatmentSeries,
    choice: VisitChoice,
    by: User,
    close_reason: str = "",
    at: datetime | None = None,
) -> Appointment:
    """Give an infusion that lost its date (cancelled, not attended) a new one. Siblings stay where they are.

    Raises StateConflict when that infusion has a date or is not one of the series, and what booking raises.
    """
    now = at or app_now()
    current = _live(series)
    if not 1 <= choice.ordinal <= current.visits:
        raise InvalidInput("There is no such infusion in this series.", code="ordinal", field="ordinal")
    visit = _add_visit(current, choice, by, now, close_reason, longest_gap_applies=True)
    settle(
        kind=WorkItem.Kind.DISPLACED,
        key=undated_key(current, choice.ordinal),
        resolution="Booked anew.",
        at=now,
        by=by,
    )
    return visit


@booking_act
def book_extra_infusion(
    *,
    patient: Patient,
    protocol_version: ProtocolVersion,
    weight_kg: Decimal,
    choice: VisitChoice,
    reason: str,
    by: User,
    initiator: str = "clinician",
    note: str = "",
    at: datetime | None = None,
    caution_reason: str = "",
    close_reason: str = "",
) -> Appointment:
    """One more infusion: the next visit of the active series, else a series of one visit on
    `protocol_version`.

    `choice.ordinal` is ignored: it is the number that follows. A version of several visits cannot start a
    series of one; the minimum gap holds, the maximum does not. Raises what booking raises.
    """
    now = at or app_now()
    words = in_words(EXTRA, reason, initiator=initiator, note=note)
    lock(patients=[patient.pk])
    running = TreatmentSeries.objects.live().filter(patient=patient).first()
    if running is None:
        one = VisitChoice(1, choice.start, choice.chair, choice.nurse, choice.prescriber)
        series = book_series(
            patient=patient,
            protocol_version=protocol_version,
            weight_kg=weight_kg,
            visits=[one],
            by=by,
            at=now,
            caution_reason=caution_reason,
            close_reason=close_reason,
        )
        visit = series.appointments.get()
    else:
        number = running.visits + 1
        if number > MOST_VISITS:
            raise StateConflict(
                "This series has reached its largest number of visits.", code="too-many-visits"
            )
        running.visits, running.version = number, running.version + 1
        running.save(update_fields=["visits", "version"])
        extra = VisitChoice(number, choice.start, choice.chair, choice.nurse, choice.prescriber)
        visit = _add_visit(running, extra, by, now, close_reason, longest_gap_applies=False)
    visit.reason = words
    visit.save(update_fields=["reason"])
    return visit


def _live(series: TreatmentSeries) -> TreatmentSeries:
    current = TreatmentSeries.objects.for_page().get(pk=series.pk)
    if current.status not in TreatmentSeries.LIVE:
        raise StateConflict(f"This series is {current.get_status_display().lower()}.", code="series-over")
    return current


def _add_visit(
    series: TreatmentSeries,
    choice: VisitChoice,
    by: User,
    now: datetime,
    close_reason: str,
    *,
    longest_gap_applies: bool,
) -> Appointment:
    """One visit more for a running series; the cautions were decided when the series was booked."""
    check_running_version(series.protocol_version)
    scene = set_scene(series.patient, series.protocol_version, series.weight_kg, [choice], (), now)
    definition = scene.version.read()
    if series.appointments.infusions().filter(ordinal=choice.ordinal, status__in=HAS_A_DATE).exists():
        raise StateConflict(
            f"Infusion {choice.ordinal} has a date already.", code="one-visit-per-series-and-ordinal"
        )
    check_patient(scene.patient, definition, by=by, at=as_utc(choice.start), decided=True)
    check_not_withdrawn(scene.patient, scene.version)
    rules = VisitRules(
        scene.load,
        scene.who,
        definition,
        scene.predicted,
        by,
        now,
        total=series.visits,
        longest_gap_applies=longest_gap_applies,
        alone=True,
        long_gaps=long_gaps_of(series),
    )
    before, after = neighbours_of_ordinal(load_course(series.patient_id), series, choice.ordinal)
    seat = rules.judge(choice, before=before, after=after)
    write_close(series, check_close(rules, [choice], close_reason, series=series), close_reason, rules)
    exposed = check_exposure(rules, [choice], close_reason)
    visit = write_visits(series, rules, [choice], [seat])[0]
    write_exposure([visit], exposed, close_reason, by=by, at=now)
    sync_follow_ups(series=series, at=now)
    check_constraints_now()
    visit.refresh_from_db()
    return visit
