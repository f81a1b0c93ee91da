"""Random days in the clinic through the real services: whatever happens in whatever order, the promises hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from scheduling import dispatch
from scheduling.models import Appointment, FollowUp, Message, PlasticityWindow, ScheduleChange
from scheduling.schedule_checks import check_schedule
from scheduling.services import pauses, replans, therapy, windows
from scheduling.services import visits as visit_service
from scheduling.services.cascade import propose_move
from scheduling.services.changes import undo_change
from scheduling.services.followups import sync_follow_ups
from scheduling.services.moving import move_visits
from scheduling.services.resources import add_closure
from sessions.models import Infusion, PumpEvent
from staff.errors import DomainError
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db
minutes = st.integers(-25, 25)
ACTS = st.one_of(
    st.tuples(st.just("later"), st.sampled_from([5, 30, 90, 240, 900])),
    st.tuples(st.just("start"), st.just(0)),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("stop"), st.just(0)),
    st.tuples(st.just("amend"), minutes),
    st.tuples(st.just("strike"), st.just(0)),
    st.tuples(st.just("sign"), st.just(0)),
    st.tuples(st.just("book"), st.integers(-400, 2400)),
    st.tuples(st.just("begin"), st.just(0)),
    st.tuples(st.just("complete"), st.just(0)),
    st.tuples(st.just("cancel_second"), st.just(0)),
    st.tuples(st.just("move_second"), st.integers(-30, 60)),
    st.tuples(st.just("postpone_second"), st.just(0)),
    st.tuples(st.just("take_back"), st.just(0)),
    st.tuples(st.just("close_day"), st.integers(1, 4)),
    st.tuples(st.just("replan"), st.just(0)),
    st.tuples(st.just("pause_series"), st.just(0)),
    st.tuples(st.just("resume_series"), st.just(0)),
    st.tuples(st.just("estimate"), st.integers(200, 600)),
    st.tuples(st.just("tick"), st.just(0)),
)
# The usual way of a day, so that random acts fall on interesting ground as well as on none.
OPENINGS = st.sampled_from(
    [
        (),
        ("start",),
        ("start", "later", "stop"),
        ("start", "later", "stop", "later", "later", "sign"),
        ("start", "later", "stop", "later", "later", "sign", "open"),
    ]
)


class Day:
    """One course of two visits, and what may be done on the day of the first."""

    def __init__(self, clinic: Any, clock: Any) -> None:
        self.clinic, self.clock = clinic, clock
        self.series = w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)])
        self.visit = self.series.appointments.get(ordinal=1)
        self.infusion = w.ready_for_real(clinic, clock, self.visit)

    def do(self, act: str, value: int) -> None:
        try:
            with transaction.atomic():
                getattr(self, act)(value)
        except DomainError:
            pass

    @property
    def record(self) -> Infusion:
        return Infusion.objects.get(pk=self.infusion.pk)

    @property
    def session(self) -> FollowUp:
        return w.follow_up(self.visit, "integration_1")

    def later(self, value: int) -> None:
        self.clock.advance(minutes=value or 40)

    def start(self, _: int) -> None:
        w.facts.record_pump_event(infusion=self.record, kind="start", by=self.clinic.nurse)

    def pause(self, _: int) -> None:
        w.facts.record_pump_event(infusion=self.record, kind="pause", reason="Nausea", by=self.clinic.nurse)

    def resume(self, _: int) -> None:
        w.facts.record_pump_event(infusion=self.record, kind="resume", by=self.clinic.nurse)

    def stop(self, _: int) -> None:
        w.facts.record_pump_event(infusion=self.record, kind="stop", by=self.clinic.nurse)

    def amend(self, value: int) -> None:
        event = PumpEvent.objects.live().filter(infusion=self.infusion).order_by("-observed_at").first()
        if event is not None:
            w.facts.amend_pump_event(
                event=event,
                observed_at=event.observed_at + timedelta(minutes=value),
                reason="Read again",
                by=self.clinic.nurse,
            )

    def strike(self, _: int) -> None:
        event = PumpEvent.objects.live().filter(infusion=self.infusion).order_by("-entered_at", "-pk").first()
        if event is not None:
            w.facts.strike_pump_event(event=event, reason="Tapped by mistake", by=self.clinic.nurse)

    def sign(self, _: int) -> None:
        if self.record.started_at is not None:
            w.sign_for_real(self.clinic, self.clock, self.record)

    def open(self, _: int) -> None:
        window = PlasticityWindow.objects.current().filter(infusion=self.infusion).first()
        if window is not None and window.t0 > self.clock.now():
            self.clock.set(window.t0)
        dispatch.tick()

    def book(self, value: int) -> None:
        therapy.book_therapy(
            follow_up=self.session,
            start=self.session.earliest_at + timedelta(minutes=value),
            therapist=self.clinic.therapist,
            by=self.clinic.therapist,
            override_reason="clinical",
        )

    def begin(self, _: int) -> None:
        therapy.start_therapy(follow_up=self.session, by=self.clinic.therapist)

    def complete(self, _: int) -> None:
        therapy.complete_therapy(follow_up=self.session, by=self.clinic.therapist, progress="Goes on.")

    def cancel_second(self, _: int) -> None:
        second = self.series.appointments.get(ordinal=2)
        if second.status == "booked":
            w.release(second, "cancelled")
            sync_follow_ups(series=self.series)

    @property
    def second(self) -> Appointment:
        return self.series.appointments.infusions().filter(ordinal=2).order_by("-pk")[0]

    def move_second(self, value: int) -> None:
        """To another hour, the others staying or (every third time) with those that follow."""
        plan = propose_move(
            visit=self.second,
            start=self.second.during.lower + timedelta(hours=value),
            scope="this" if value % 3 else "following",
        )
        if plan.choices:
            move_visits(
                series=self.series,
                choices=plan.choices,
                sessions=plan.sessions,
                reason="Moved",
                by=self.clinic.nurse,
            )

    def postpone_second(self, _: int) -> None:
        visit_service.cancel_visit(appointment=self.second, by=self.clinic.nurse, reason="staff")

    def take_back(self, _: int) -> None:
        change = ScheduleChange.objects.filter(series=self.series).exclude(kind="undo").first()
        if change is not None:
            undo_change(change=change, by=self.clinic.nurse)

    def close_day(self, value: int) -> None:
        day = (self.clock.now() + timedelta(days=value)).date()
        add_closure(site=self.clinic.site, first=day, last=day, reason="Works", by=self.clinic.coordinator)

    def replan(self, _: int) -> None:
        """The whole review, accepted."""
        found = replans.review(site=self.clinic.site, by=self.clinic.coordinator)
        wanted = [
            replans.AcceptedSeries(
                group.series,
                group.plan.choices,
                group.plan.sessions,
                dict(
                    group.series.appointments.infusions()
                    .filter(status__in=Appointment.MOVABLE)
                    .values_list("ordinal", "version")
                ),
            )
            for group in found.groups
            if group.placed
        ]
        replans.apply(site=self.clinic.site, by=self.clinic.coordinator, series=wanted)

    def pause_series(self, _: int) -> None:
        review = (self.clock.now() + timedelta(days=9)).date()
        pauses.pause_series(
            series=self.series,
            reason="travel",
            review_on=review,
            keep_chairs_days=2,
            by=self.clinic.clinician,
        )

    def resume_series(self, _: int) -> None:
        pauses.resume_series(series=self.series, by=self.clinic.clinician)

    def estimate(self, value: int) -> None:
        """An amended pump log, seen from outside: another clearance time."""
        if self.record.started_at is not None:
            w.estimate(self.record, self.record.started_at + timedelta(minutes=value))
            windows.reanchor(infusion=self.record)

    def tick(self, _: int) -> None:
        assert dispatch.tick().failed == []


def check(day: Day) -> None:
    no_therapy_overlap()
    nothing_twice(day)
    record = day.record
    current = list(PlasticityWindow.objects.current().filter(infusion=record))
    assert len(current) == (1 if record.started_at is not None else 0)
    for window in current:
        assert window.starts_at == record.started_at
        assert window.status != "stale"
        assert window.status in ("provisional", "none") or window.sign_off_id is not None
        assert window.sign_off_id is None or window.t0 >= window.sign_off.t_sign
    follow_ups_fit(day, current[0] if current else None)
    messages_fit()


def nothing_twice(day: Day) -> None:
    """No chair, person or patient twice; nothing planned in a no-therapy period; every booking has its place."""
    wrong = {"overlap", "no-therapy", "orphan"}
    assert [item for item in check_schedule(day.clock.now()) if item.kind in wrong] == []
    live = day.series.appointments.infusions().filter(status__in=[*Appointment.BLOCKING, "completed"])
    ordinals = list(live.values_list("ordinal", flat=True))
    assert len(ordinals) == len(set(ordinals)), "one visit for each infusion"


def no_therapy_overlap() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM scheduling_patientspan a JOIN scheduling_patientspan b "
            "ON a.patient_id = b.patient_id AND a.kind = 'therapy' AND b.kind = 'no_therapy' AND a.during && b.during"
        )
        assert cursor.fetchone()[0] == 0


def follow_ups_fit(day: Day, window: PlasticityWindow | None) -> None:
    rows = list(FollowUp.objects.filter(visit=day.visit).select_related("appointment"))
    assert {"no_driving", "rest_message", "morning_check_in", "integration_1"} <= {
        row.kind for row in rows
    }, "no orphan"
    for row in rows:
        if row.state in ("missed", "declined", "withdrawn", "dropped"):
            assert row.closed_reason
        if row.state in FollowUp.OPEN and row.gate == "window" and window is not None:
            assert row.earliest_at >= window.t0
        if row.gate == "window" and row.state == "released":
            assert window is not None
            assert window.status in ("open", "closed")
        if row.state == "booked":
            assert row.appointment.status in Appointment.BLOCKING
    for row in FollowUp.objects.filter(visit__status="cancelled"):
        assert row.state not in FollowUp.OPEN, "nothing hangs on a visit that does not happen"


def messages_fit() -> None:
    for row in Message.objects.pending().select_related("follow_up"):
        if row.follow_up is not None:
            assert row.generation == row.follow_up.generation, "the old generation is cancelled"
            assert row.follow_up.state in FollowUp.ACTIONABLE | {"missed"}
    sent = Message.objects.filter(state="sent", about_at__isnull=True).values_list("follow_up", "kind")
    assert len(sent) == len(set(sent)), "nothing is sent twice"


@pytest.fixture
def quiet(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)


@settings(
    max_examples=15,
    deadline=None,
    phases=(
        Phase.explicit,
        Phase.generate,
    ),  # to shrink a day takes minutes; the acts are named in the failure
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(opening=OPENINGS, acts=st.lists(ACTS, min_size=4, max_size=8))
def test_whatever_happens_the_promises_hold(clinic, clock, quiet, opening, acts):
    with transaction.atomic():
        day = Day(clinic, clock)
        for act in opening:
            day.do(act, 0)
            check(day)
        for act, value in acts:
            day.do(act, value)
            check(day)
        transaction.set_rollback(True)
