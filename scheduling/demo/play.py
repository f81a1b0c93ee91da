"""Plays the sample clinic's weeks: one queue of acts in order of time, each done at its moment by the services.

The database's clock stands still at each act (only a demo or test database allows that), so that every recorded
time, refusal and message is what a real clinic would have got.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from zoneinfo import ZoneInfo

from patients.models import Patient
from scheduling.demo.plot import SINGLE, Course
from scheduling.demo.premises import House, Premises
from scheduling.dispatch import tick
from scheduling.models import Appointment, FollowUp, Resource, TreatmentSeries
from scheduling.services.closing import complete_follow_up, mark_not_done
from scheduling.services.course_reviews import Findings, review_series
from scheduling.services.review_items import due_review
from scheduling.services.series import VisitChoice, book_series, propose_series
from scheduling.services.therapy import book_therapy, complete_therapy, start_therapy
from scheduling.services.visits import check_in
from scheduling.services.waitlist import add_entry
from scheduling.services.windows import claim_window
from sessions import services as facts
from sessions.gates import BY_KEY
from sessions.models import Infusion, SiteGate
from staff import roles
from staff.clock import app_now, set_clock
from staff.errors import DomainError
from staff.models import User

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MEASURED_VISIT, LEVEL_AT_LEAVING = (
    2,
    Decimal("58.5"),
)  # one visit of each course has a level from the laboratory
BOOKED_AHEAD = 4 * DAY
LEAVES_AFTER = 126 * MINUTE
GATE_NOTES = {"escort": "Partner drives, number on file", "preparation": "Held by telephone, plan agreed"}
Act = Callable[[], None]


@dataclass
class Player:
    """Acts waiting for their moment. `run` does all that lie before `now`; what lies after stays undone."""

    premises: Premises
    now: datetime
    random: Random
    queue: list[tuple[datetime, int, Act]] = field(default_factory=list)
    counter: itertools.count[int] = field(default_factory=itertools.count)

    def at(self, moment: datetime, act: Act) -> None:
        """Plan an act; acts of one instant keep the order in which they were planned."""
        if moment <= self.now:
            heapq.heappush(self.queue, (moment, next(self.counter), act))

    def run(self) -> None:
        """Do everything up to now, in order of time, the follow-through at its moments included."""
        while self.queue:
            moment, _, act = heapq.heappop(self.queue)
            set_clock(moment, frozen=True)
            act()

    def daily_ticks(self, first: datetime, zone: ZoneInfo) -> None:
        """The follow-through of quiet days: mornings and evenings, when messages are due."""
        day = first.astimezone(zone).date()
        while day <= self.now.astimezone(zone).date():
            for wall in (time(9, 1), time(20, 31)):
                self.at(datetime.combine(day, wall, zone), follow_through)
            day += DAY


def follow_through() -> None:
    """One round of what Celery does every few seconds."""
    tick()


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
) -> None:
    """Book what the planner proposes at `booked_at`, from the next day on, and play the visits that lie behind us."""
    version = player.premises.versions[protocol]
    clinician = house.person(roles.CLINICIAN)

    def book() -> None:
        first_day = booked_at.astimezone(ZoneInfo(house.site.time_zone)).date() + DAY
        proposal = propose_series(
            patient=patient, protocol_version=version, weight_kg=weight_kg, first_day=first_day, by=clinician
        )
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
        if (visit.ordinal or 1) == 1:
            gates.append(BY_KEY["preparation"])
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
                patient=patient, protocol_version=version, weight_kg=weight_kg, visits=visits, by=clinician
            )
        )
        settle_gates(player, house, booked[0])

    player.at(min(course.starts[0] - BOOKED_AHEAD, player.now - 2 * HOUR), book)
    for ordinal, start in enumerate(course.starts[: course.given], start=1):
        _play_visit(player, house, course, booked, ordinal, start, weight_kg)


def play_arrival(player: Player, house: House, patient: Patient, course: Course) -> None:
    """Somebody in the waiting area: checked in, nothing else done yet."""

    def arrive() -> None:
        visit = Appointment.objects.get(patient=patient, kind=Appointment.Kind.INFUSION, ordinal=1)
        check_in(appointment=visit, by=house.person(roles.NURSE, course.chair))

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
    if course.sign or not last:
        player.at(start + LEAVES_AFTER, day.leave)
        player.at(start + timedelta(hours=7), follow_through)
        day.plan_therapy(course.therapy if last else "done")
        day.plan_calls(reached=course.therapy != "missed")
        if last and course.protocol == SINGLE:  # after the third of six it is still to be signed
            player.at(start + 2 * DAY, day.review)


@dataclass
class VisitDay:
    """One infusion visit as its people live it. Times are minutes after the pump started."""

    player: Player
    house: House
    course: Course
    series: Callable[[], TreatmentSeries]
    ordinal: int
    start: datetime
    weight_kg: Decimal

    @property
    def cut_short(self) -> bool:
        """Stopped early by the plot."""
        return self.course.stopped_early and self.ordinal == self.course.given

    @property
    def minutes(self) -> int:
        """Minutes from start to stop, the pause included."""
        pause = self.course.pause_minutes if self.ordinal == self.course.given else 0
        return 22 if self.cut_short else 40 + pause

    @property
    def nurse(self) -> User:
        return self.house.person(roles.NURSE, self.course.chair)

    @property
    def clinician(self) -> User:
        return self.house.person(roles.CLINICIAN, self.course.chair)

    def therapist(self) -> User:
        """The patient's own, or one of the house."""
        return self.series().patient.therapist or self.house.person(roles.THERAPIST, self.course.chair)

    def visit(self) -> Appointment:
        """The booked visit."""
        return Appointment.objects.get(series=self.series(), kind="infusion", ordinal=self.ordinal)

    def infusion(self) -> Infusion:
        """Its record, fresh."""
        return Infusion.objects.select_related("patient", "site", "protocol_version").get(
            appointment__series=self.series(), appointment__ordinal=self.ordinal
        )

    def arrive(self) -> None:
        """Checked in and weighed (the first weight twice)."""
        infusion = check_in(appointment=self.visit(), by=self.nurse)
        fresh = facts.record_weight(infusion=infusion, weight_kg=self.weight_kg, by=self.nurse)
        if facts.needs_second_weighing(fresh):
            facts.confirm_weight(infusion=fresh, weight_kg=self.weight_kg, by=self.clinician)

    def prepare(self) -> None:
        """Checks answered, readings taken, the order signed."""
        infusion = self.infusion()
        female = infusion.patient.sex == "F"
        answers = []
        for kind in facts.recordable_checks(infusion.protocol_version):
            applies = female or kind != "pregnancy_test"
            answers.append(
                facts.CheckAnswer(kind, "passed")
                if applies
                else facts.CheckAnswer(kind, "not-applicable", "Not applicable")
            )
        facts.record_checks(infusion=infusion, answers=answers, by=self.nurse)
        facts.record_baseline(infusion=infusion, criterion="gait", value="steady", by=self.nurse)
        self.read(-8)
        facts.sign_order(infusion=infusion, bag_mg_per_ml=Decimal(1), by=self.clinician)

    def start_pump(self) -> None:
        """The pump starts at the planned moment."""
        facts.record_pump_event(infusion=self.infusion(), kind="start", by=self.nurse)

    def pump(self, kind: str, reason: str = "") -> None:
        """Another line of the pump log."""
        facts.record_pump_event(infusion=self.infusion(), kind=kind, reason=reason, by=self.nurse)

    def read(self, minute: int) -> None:
        """One row of vitals: pressure rises during the infusion and settles after it."""
        rise = 16 if 0 < minute <= 45 else 4 if minute > 45 else 0
        noise = self.player.random.randint(-4, 4)
        facts.record_vitals(
            infusion=self.infusion(),
            systolic=120 + rise + noise,
            diastolic=76 + rise // 2 + noise // 2,
            heart_rate=70 + rise // 2 + noise,
            spo2=97 + abs(noise) % 3,
            moaas=4 if 0 < minute <= 45 else 5,
            cadss6=6 if 0 < minute <= 45 else 0,
            by=self.nurse,
        )

    def leave(self) -> None:
        """Last readings, every criterion met, signed."""
        self.read(125)
        infusion = self.infusion()
        usual = {"gait": "steady", "escort": "adult_present", "suicidality": "none"}
        answers = [
            facts.CriterionAnswer(code, value=usual[code])
            if code in usual
            else facts.CriterionAnswer(code, "met")
            for code in facts.recordable_criteria(infusion)
        ]
        facts.record_answers(infusion=infusion, answers=answers, by=self.nurse)
        if self.ordinal == MEASURED_VISIT:
            self._measure(infusion)
        facts.sign_off(infusion=infusion, by=self.clinician, terms=self._terms(infusion))

    def review(self) -> None:
        """The prescriber's review at the end of the course."""
        due = due_review(self.series())
        if due is not None:
            found = Findings(
                "partial",
                "none",
                "keep",
                "keep",
                "continue",
                "Some relief; a series is talked over next week.",
            )
            review_series(series=self.series(), after=due.after, findings=found, by=self.clinician)

    def _measure(self, infusion: Infusion) -> None:
        """Blood drawn before leaving: a level a little above the middle of the estimate."""
        facts.record_measured_level(
            infusion=infusion, ketamine_ng_ml=LEVEL_AT_LEAVING, observed_at=app_now(), by=self.nurse
        )

    def _terms(self, infusion: Infusion) -> facts.SigningTerms:
        return facts.SigningTerms(opens_window=True if self.cut_short else None)

    def follow_up(self) -> FollowUp:
        """The first therapy after this visit."""
        return FollowUp.objects.get(visit=self.visit(), kind="integration_1")

    def plan_calls(self, *, reached: bool) -> None:
        """The nurse calls next morning and records it; three days on, the practice is asked about."""
        if not reached:
            return
        zone = ZoneInfo(self.house.site.time_zone)
        morning = datetime.combine(self.start.astimezone(zone).date() + DAY, time(9, 40), zone)
        self.player.at(
            morning, lambda: self._call("morning_check_in", "Slept, feels as usual. No driving yet.")
        )
        self.player.at(
            self.start + timedelta(hours=80),
            lambda: self._call("practice_check_in", "Practised on most days."),
        )

    def _call(self, kind: str, note: str) -> None:
        row = FollowUp.objects.filter(visit=self.visit(), kind=kind, state__in=FollowUp.ACTIONABLE).first()
        infusion = self.infusion()
        if kind == "morning_check_in" and infusion.stopped_at is not None:
            hours = Decimal("5.5") + Decimal(self.ordinal % 3)
            facts.record_night(
                infusion=infusion, night=1, hours_slept=hours, quality=2 + self.ordinal % 3, by=self.nurse
            )
        if kind == "practice_check_in":
            rising = min(2 + self.ordinal, 8)
            facts.record_progress(
                patient=infusion.patient, function=rising, practice_days=min(2 + self.ordinal, 6), goal_rating=rising,
                by=self.nurse,
            )  # fmt: skip
        if row is not None:
            by = self.nurse if row.audience == "nurse" else self.therapist()
            complete_follow_up(follow_up=row, by=by, note=note)

    def plan_therapy(self, fate: str) -> None:
        """What becomes of the therapy after this visit: open, booked, done or missed."""
        zone = self.house.site.time_zone
        next_day = self.start.astimezone(ZoneInfo(zone)).date() + DAY
        slot = time(9 + self.course.chair * 2 + (self.start.hour % 2), 0)
        begins = datetime.combine(next_day, slot, ZoneInfo(zone))
        if fate == "booked":
            begins = max(begins, self.player.now + timedelta(hours=3, minutes=-(self.player.now.minute % 30)))
        if fate in ("booked", "done"):
            self.player.at(self.start + timedelta(hours=3), lambda: self._book(begins))
        if fate == "done":
            self.player.at(begins, self._begin)
        if fate == "missed":
            self.player.at(begins + 2 * DAY, self._not_done)

    def _book(self, begins: datetime) -> None:
        """At the planned time, or the first free half hour after it."""
        window = self.infusion().windows.get(superseded_at__isnull=True)
        therapist = self.therapist()
        claim_window(window=window, by=therapist)
        for shift in range(16):
            try:
                book_therapy(
                    follow_up=self.follow_up(),
                    start=begins + shift * 30 * MINUTE,
                    therapist=therapist,
                    by=therapist,
                )
            except DomainError:
                continue
            return

    def _begin(self) -> None:
        booked = self.follow_up().appointment
        if booked is not None and booked.practitioner_id == self.therapist().pk:
            moment = booked.during.lower
            self.player.at(moment, self._start_session)

    def _start_session(self) -> None:
        start_therapy(follow_up=self.follow_up(), by=self.therapist())
        running = self.follow_up().appointment
        if running is not None:
            self.player.at(running.during.upper - MINUTE, self._complete)

    def _complete(self) -> None:
        row = self.follow_up()
        if row.appointment is not None and row.appointment.integration is not None and row.state == "booked":
            complete_therapy(
                follow_up=row,
                by=self.therapist(),
                goals="Return to the morning routine; one contact with a friend this week.",
                practice_plan="A walk outside, twenty minutes, paying attention to what is seen.",
                practice_when="Morning and late afternoon.",
                practice_a_week=8,
                progress="Slept seven hours. Practised as agreed.",
            )

    def _not_done(self) -> None:
        mark_not_done(follow_up=self.follow_up(), by=self.house.person(roles.THERAPIST), reason="no-answer")
