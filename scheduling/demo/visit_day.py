"""One infusion visit of the sample clinic as its people live it, with the calls and the therapy after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from scheduling.demo.player import DAY, MINUTE, Player
from scheduling.demo.plot import Course
from scheduling.demo.premises import House
from scheduling.models import Appointment, FollowUp, TreatmentSeries
from scheduling.services.closing import complete_follow_up, mark_not_done
from scheduling.services.course_reviews import Findings, review_series
from scheduling.services.review_items import due_review
from scheduling.services.therapy import book_therapy, complete_therapy, start_therapy
from scheduling.services.visits import check_in
from scheduling.services.windows import claim_window
from sessions import services as facts
from sessions.models import Infusion
from staff import roles
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import User

# One visit of each course has a level from the laboratory.
MEASURED_VISIT, LEVEL_AT_LEAVING = 2, Decimal("58.5")


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
                else facts.CheckAnswer(kind, "not-applicable", reason_code="male")
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

    def hand_over(self) -> None:
        """The nurse's shift ends: a colleague is asked to take the patient."""
        facts.offer_handover(
            infusion=self.infusion(), to_nurse=self.house.person(roles.NURSE), by=self.nurse,
            words="Sleepy but orientated. Reads again every 15 minutes. Sister collects at the door.",
        )  # fmt: skip

    def leave_against_advice(self) -> None:
        """Gone before the observation was over: later infusions wait for a prescriber."""
        facts.record_disposition(
            infusion=self.infusion(), outcome="against-advice", by=self.nurse,
            condition="Awake, walks steadily, collected by the partner. Did not want to wait.",
        )  # fmt: skip

    def call_ambulance(self) -> None:
        """One press at the chair: the pump stops with it."""
        facts.record_vitals(
            infusion=self.infusion(),
            systolic=208,
            diastolic=118,
            heart_rate=128,
            spo2=94,
            moaas=4,
            cadss6=4,
            by=self.nurse,
        )
        facts.call_emergency(
            infusion=self.infusion(),
            by=self.nurse,
            condition="Chest pain, 208/118, awake and orientated. Ambulance called.",
        )

    def assess_in_hospital(self) -> None:
        """The prescriber telephones the ward and signs that no window opens; the hold stays."""
        facts.record_assessment(
            infusion=self.infusion(), manner="phone", by=self.clinician,
            words="On the ward for the night, ECG without findings, pressure 138/84, no thoughts of self-harm.",
        )  # fmt: skip
        terms = facts.SigningTerms(
            unmet_reason="Taken by ambulance during the infusion; assessed with the ward by telephone.",
            second_person=self.house.person(roles.CLINICIAN, self.course.chair + 1),
            opens_window=False,
            no_window_reason="About half the dose was given, and the patient is on a ward.",
        )
        facts.sign_off(infusion=self.infusion(), by=self.clinician, terms=terms)

    def assess_by_telephone(self) -> None:
        """A clinician telephones, then signs with a second one; the hold stays for the prescriber to decide."""
        facts.record_assessment(
            infusion=self.infusion(), manner="phone", by=self.clinician,
            words="At home with the partner, feels well, no thoughts of self-harm.",
        )  # fmt: skip
        terms = facts.SigningTerms(
            unmet_reason="Left before the end of observation; well on the telephone.",
            second_person=self.house.person(roles.CLINICIAN, self.course.chair + 1),
            opens_window=True,
        )
        facts.sign_off(infusion=self.infusion(), by=self.clinician, terms=terms)

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
