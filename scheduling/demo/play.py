"""Plays the courses of the sample clinic: each is booked by the services, then its visits are lived day by day."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from patients.models import Patient
from scheduling.demo.outside import plan_outside
from scheduling.demo.player import DAY, HOUR, MINUTE, Player, follow_through
from scheduling.demo.plot import SINGLE, Course
from scheduling.demo.premises import House
from scheduling.demo.visit_day import VisitDay
from scheduling.models import Appointment, Resource, TreatmentSeries
from scheduling.services.preparation import hold_preparation
from scheduling.services.series import VisitChoice, book_series, propose_series
from scheduling.services.visits import check_in, why_not_checked_in
from scheduling.services.waitlist import add_entry
from sessions import services as facts
from sessions.gates import BY_KEY
from sessions.models import SiteGate
from sessions.services import PreparationText
from staff import roles

BOOKED_AHEAD = 4 * DAY
KNOWN = "Relapsed twice without it; bladder symptoms asked, none."
NEAR = "The first started late; fully recovered, pressure normal."
LEAVES_AFTER = 126 * MINUTE
EMERGENCY_AFTER, HOSPITAL_CALLED_AFTER = 26 * MINUTE, 200 * MINUTE
GATE_NOTES = {"escort": "Partner drives, number on file"}
PREPARED = PreparationText(
    goals="Take up one thing a day again that was dropped.",
    practice_plan="One planned activity with another person, then ten minutes of notes on it.",
    practice_when="After breakfast",
    practice_a_week=5,
    expectations="Knows that nothing has to be felt, and that the work comes afterwards.",
)


def wait_for_slots(house: House, at: datetime) -> None:
    """Two patients of this house would come earlier: the next slot that is freed is offered to the urgent one."""
    rows = Appointment.objects.infusions().filter(
        site=house.site, status=Appointment.Status.BOOKED, during__startswith__gt=at + 3 * DAY
    )
    last = {row.series_id: row for row in rows.select_related("series").order_by("ordinal")}
    for number, row in enumerate(sorted(last.values(), key=lambda item: item.pk)[:2]):
        if row.series is not None:
            add_entry(
                series=row.series,
                ordinal=row.ordinal or 1,
                urgency=3 - 2 * number,
                notice_hours=4,
                note=("Works shifts, call the mobile", "Any morning suits")[number],
                by=house.person(roles.COORDINATOR),
                at=at,
            )


def book_proposed(
    player: Player,
    house: House,
    patient: Patient,
    *,
    protocol: str,
    booked_at: datetime,
    weight_kg: Decimal,
    fate: str,
    given_elsewhere: int = 0,
) -> None:
    """Book what the planner proposes at `booked_at`, from the next day on, and play the visits that lie behind us."""
    version = player.premises.versions[protocol]
    clinician = house.person(roles.CLINICIAN)

    def book() -> None:
        first_day = booked_at.astimezone(ZoneInfo(house.site.time_zone)).date() + DAY
        proposal = propose_series(
            patient=patient, protocol_version=version, weight_kg=weight_kg, first_day=first_day, by=clinician,
            given_elsewhere=given_elsewhere,
        )  # fmt: skip
        visits = [
            VisitChoice(
                item.ordinal, item.start, chair=item.chair, nurse=item.nurse, prescriber=item.prescriber
            )
            for item in proposal.plan.visits
        ]
        series = book_series(
            patient=patient, protocol_version=version, weight_kg=weight_kg, visits=visits, by=clinician
        )
        settle_gates(player, house, series)
        given = sum(1 for item in visits if item.start < player.now - timedelta(minutes=5))
        chair = int(patient.pk) % 3
        course = Course(protocol, chair, tuple(item.start for item in visits), given, fate)
        for item in visits[:given]:
            _play_visit(player, house, course, [series], item.ordinal, item.start, weight_kg)

    player.at(booked_at, book)


def settle_gates(player: Player, house: House, series: TreatmentSeries) -> None:
    """What coordinators and nurses have said about the visits up to three days ahead; every fourth lacks something."""
    coordinator = house.person(roles.COORDINATOR)
    own = [facts.as_gate(row) for row in SiteGate.objects.filter(site=house.site)]
    rows = series.appointments.infusions().filter(during__startswith__lt=player.now + 3 * DAY).order_by("pk")
    for visit in rows:
        ahead = visit.during.lower > player.now
        gates = [BY_KEY["escort"], BY_KEY["fasting"], *own]
        if ahead and visit.pk % 4 == 0:
            gates = gates[1 + visit.pk % 3 :]
        if visit.ordinal == series.first_ordinal and visit.pk % 5:
            hold_preparation(
                series=series, text=PREPARED, by=series.therapist or house.person(roles.THERAPIST)
            )
        for gate in gates:
            facts.answer_gate(
                patient=series.patient, site=house.site, visit=visit.code, infusion=visit.infusion, gate=gate,
                site_gate=None if gate.key in BY_KEY else SiteGate.objects.get(code=gate.key.removeprefix("site:")),
                outcome="met", by=coordinator, note=GATE_NOTES.get(gate.key, ""),
            )  # fmt: skip


def book_course(player: Player, house: House, patient: Patient, course: Course, weight_kg: Decimal) -> None:
    """Book the course a few days before its first visit, or today when that visit is ahead, and play its visits."""
    version = player.premises.versions[course.protocol]
    chair = house.resource(Resource.Kind.CHAIR, course.chair)
    clinician = house.person(roles.CLINICIAN, course.chair)
    booked: list[TreatmentSeries] = []

    def book() -> None:
        visits = [
            VisitChoice(
                ordinal,
                start,
                chair=str(chair.code),
                nurse=str(house.resource(Resource.Kind.NURSE, course.chair).code),
                prescriber=str(house.resource(Resource.Kind.CLINICIAN, course.chair).code),
            )
            for ordinal, start in enumerate(course.starts, start=1)
        ]
        booked.append(
            book_series(
                patient=patient,
                protocol_version=version,
                weight_kg=weight_kg,
                visits=visits,
                by=clinician,
                close_reason=KNOWN if course.elsewhere else "",
            )
        )
        settle_gates(player, house, booked[0])

    player.at(min(course.starts[0] - BOOKED_AHEAD, player.now - 2 * HOUR), book)
    for ordinal, start in enumerate(course.starts[: course.given], start=1):
        really = start + course.late_minutes * MINUTE if ordinal == 1 else start
        _play_visit(player, house, course, booked, ordinal, really, weight_kg)


def play_arrival(player: Player, house: House, patient: Patient, course: Course) -> None:
    """Somebody in the waiting area: checked in (by a prescriber where one must decide), nothing else done yet."""

    def arrive() -> None:
        number = course.given + 1
        visit = Appointment.objects.get(patient=patient, kind=Appointment.Kind.INFUSION, ordinal=number)
        decided = NEAR if why_not_checked_in(visit) else ""
        role = roles.CLINICIAN if decided else roles.NURSE
        check_in(appointment=visit, by=house.person(role, course.chair), override_reason=decided)

    player.at(player.now - 3 * MINUTE, arrive)


def _play_visit(
    player: Player,
    house: House,
    course: Course,
    booked: list[TreatmentSeries],
    ordinal: int,
    start: datetime,
    weight_kg: Decimal,
) -> None:
    last = ordinal == course.given
    day = VisitDay(player, house, course, lambda: booked[0], ordinal, start, weight_kg)
    player.at(start - 20 * MINUTE, day.arrive)
    player.at(start - 8 * MINUTE, day.prepare)
    player.at(start, day.start_pump)
    grid = (0, 10, 20, 30, 40, 55, 70, 85, 100) if player.now - start < DAY else (10, 70)
    if course.ambulance and last:
        _play_emergency(player, day, start)
        return
    for minute in grid:  # days that are over keep the two that their chart needs
        player.at(start + minute * MINUTE, partial(day.read, minute))
    if course.pause_minutes and last:
        player.at(
            start + 22 * MINUTE, lambda: day.pump("pause", "Blood pressure 182/108, recheck in 5 minutes")
        )
        player.at(start + 27 * MINUTE, lambda: day.read(27))
        player.at(
            start + (22 + course.pause_minutes) * MINUTE, lambda: day.pump("resume", "138/84 on recheck")
        )
    stop = start + day.minutes * MINUTE
    player.at(stop, lambda: day.pump("stop", "Nausea, patient's request" if day.cut_short else ""))
    player.at(stop + 61 * MINUTE, follow_through)
    if course.handed_over and last:
        player.at(player.now - 6 * MINUTE, day.hand_over)
    _play_leaving(player, course, day, start, last=last)


def _play_emergency(player: Player, day: VisitDay, start: datetime) -> None:
    """An ambulance from the chair; the hospital is telephoned later. Later infusions wait for a prescriber."""
    for minute in (0, 10, 20):
        player.at(start + minute * MINUTE, partial(day.read, minute))
    player.at(start + EMERGENCY_AFTER, day.call_ambulance)
    player.at(start + EMERGENCY_AFTER + 61 * MINUTE, follow_through)
    player.at(start + HOSPITAL_CALLED_AFTER, day.assess_in_hospital)
    day.plan_calls(reached=False)


def _play_leaving(player: Player, course: Course, day: VisitDay, start: datetime, *, last: bool) -> None:
    """Signed or not, and what comes after it."""
    if course.leaves_early and last:
        player.at(start + 95 * MINUTE, day.leave_against_advice)
        player.at(start + LEAVES_AFTER, day.assess_by_telephone)
    if course.outside and last:
        plan_outside(player, day.house, day, course.outside)
    if course.sign or not last:
        if not (course.leaves_early and last):
            player.at(start + LEAVES_AFTER, day.leave)
        player.at(start + timedelta(hours=7), follow_through)
        day.plan_therapy(course.therapy if last else "done")
        day.plan_calls(reached=course.therapy != "missed")
        if last and course.protocol == SINGLE:  # after the third of six it is still to be signed
            player.at(start + 2 * DAY, day.review)
