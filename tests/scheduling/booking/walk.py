"""A clinic with three patients in which anything is done in any order: every act is refused in words or done whole, and
touches nobody whom it is not about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scheduling.dispatch import tick
from scheduling.domain.localtime import local_date
from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, Closure, FollowUp, TreatmentSeries, WaitlistEntry, WaitlistOffer
from scheduling.schedule_checks import check_schedule
from scheduling.services import replans, slot_holds, waitlist
from scheduling.services.cascade import propose_move
from scheduling.services.confirming import confirm_series
from scheduling.services.endings import end_series
from scheduling.services.holds import release_series
from scheduling.services.long_gaps import approve_long_gap
from scheduling.services.more_visits import book_extra_infusion, rebook_visit
from scheduling.services.moves import undo_move
from scheduling.services.moving import move_visits
from scheduling.services.pauses import pause_series, resume_series
from scheduling.services.resources import add_closure, remove_closure
from scheduling.services.seating import TherapyChoice
from scheduling.services.therapy import book_therapy
from scheduling.services.therapy_rules import free_slots
from scheduling.services.version_moves import move_series_to_version, preview_version_move
from scheduling.services.visits import cancel_visit, mark_no_show, omit_visit, skip_infusion
from staff.errors import DomainError
from tests import factories
from tests.conftest import TUESDAY_NINE
from tests.scheduling.booking import oracle, steps
from tests.scheduling.booking.helpers import book, choice, local, six, visits_of
from tests.scheduling.booking.test_version_moves import LONGER, publish

DAY, HOUR, ANY, CHAIR = st.integers(4, 30), st.integers(8, 15), st.integers(0, 50), st.integers(0, 2)
PEOPLE = 3
WHY = "Patient asked (patient)"
done: Counter[str] = Counter()
"""Acts that were not refused, over all walks: a walk in which nothing happens proves nothing."""
Touched = Callable[[Appointment], bool]


def _times() -> dict[int, tuple[str, Any]]:
    """State and time of every infusion visit."""
    rows = Appointment.objects.filter(kind="infusion")
    return {row.pk: (row.status, row.during) for row in rows}


class Walk(RuleBasedStateMachine):
    """Everything is rolled back at the end."""

    world: Callable[[], tuple[factories.Clinic, Any]]

    def __init__(self) -> None:
        super().__init__()
        self.sid = transaction.savepoint()
        self.clinic, self.clock = type(self).world()
        self.clock.set(TUESDAY_NINE)
        clinic = self.clinic
        self.single = factories.make_version("single-infusion", author=clinic.admin)
        others = [factories.make_patient(clinic.site, therapist=clinic.therapist) for _ in range(PEOPLE - 1)]
        self.people = [clinic.patient, *others]
        for patient in self.people:
            for version in (clinic.version, self.single):
                factories.make_eligible(patient, version)
        book(clinic, visits=six(clinic))
        self.texts: dict[int, str] = {}

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.sid)

    @contextmanager
    def act(self, name: str, touches: Touched = lambda _: False) -> Iterator[None]:
        """An act: done whole, or refused. Of the infusion visits there were it changes only those that it `touches`."""
        before = _times()
        with suppress(DomainError), transaction.atomic():
            yield
            done[name] += 1
        after = _times()
        changed = [key for key, was in before.items() if after.get(key) != was]
        for visit in Appointment.objects.filter(pk__in=changed).select_related("series"):
            assert touches(visit), f"{name} changed {visit} of {visit.patient_id}, which it is not about"

    def one(self, rows: Any, n: int) -> Any:
        """The n-th of them, round and round; None when there is none."""
        found = list(rows.order_by("pk"))
        return found[n % len(found)] if found else None

    def somebody(self, n: int) -> Any:
        """A patient without a series, while there is one."""
        busy = set(TreatmentSeries.objects.live().values_list("patient", flat=True))
        free = [patient for patient in self.people if patient.pk not in busy]
        return (free or self.people)[n % len(free or self.people)]

    def ahead(self, n: int) -> Appointment | None:
        """A visit that is booked or reserved."""
        rows = Appointment.objects.infusions().filter(status__in=Appointment.UPCOMING)
        found: Appointment | None = self.one(rows.select_related("series"), n)
        return found

    def series(self, n: int, *states: str) -> Any:
        """A series in one of these states."""
        return self.one(TreatmentSeries.objects.for_page().filter(status__in=states or ("active",)), n)

    def seat(self, chair: int) -> str:
        return str(self.clinic.chairs[chair].code)

    def undo(self, visit: Appointment, *, wanted: bool) -> None:
        """Taken back at once, or not."""
        if wanted:
            with self.act("undo", lambda row: row.series_id == visit.series_id):
                undo_move(appointment=visit, by=self.clinic.coordinator)

    # --- Booking

    @rule(
        who=ANY,
        day=st.sampled_from([5, 6, 9, 12]),
        hour=HOUR,
        chair=CHAIR,
        reserved=st.booleans(),
        therapy=st.booleans(),
    )
    def book_six(self, who: int, day: int, hour: int, chair: int, reserved: bool, therapy: bool) -> None:
        visits = six(self.clinic, day, hour, chair=self.seat(chair))
        therapist = str(self.clinic.therapist_lane.code)
        with self.act("book with therapy" if therapy else "book"):
            sessions = [
                TherapyChoice(item.ordinal, "integration_1", item.start + timedelta(days=1), therapist)
                for item in visits[:2]
            ]
            book(
                self.clinic, patient=self.somebody(who), visits=visits, therapy=sessions if therapy else (),
                hold_minutes=30 if reserved else 0,
            )  # fmt: skip

    @rule(who=ANY, day=DAY, hour=HOUR, chair=CHAIR)
    def book_one(self, who: int, day: int, hour: int, chair: int) -> None:
        with self.act("book one"):
            visit = choice(self.clinic, 1, local(self.clinic, day, hour), chair=self.seat(chair))
            book(self.clinic, patient=self.somebody(who), protocol_version=self.single, visits=[visit])

    @rule(n=ANY, keep=st.booleans())
    def answer_a_reservation(self, n: int, keep: bool) -> None:
        series = self.one(TreatmentSeries.objects.filter(appointments__status="reserved").distinct(), n)
        if series is not None:
            with self.act("confirm" if keep else "release", lambda row: row.series_id == series.pk):
                (confirm_series if keep else release_series)(series=series, by=self.clinic.coordinator)

    @rule(n=ANY, days=st.integers(2, 8), hour=HOUR, chair=CHAIR)
    def book_an_extra_one(self, n: int, days: int, hour: int, chair: int) -> None:
        series = self.series(n)
        if series is None:
            return
        last = visits_of(series)[-1].during.lower
        with self.act("extra"):
            book_extra_infusion(
                patient=series.patient, protocol_version=series.protocol_version, weight_kg=Decimal("70.0"),
                choice=choice(self.clinic, 1, last + timedelta(days=days), chair=self.seat(chair)),
                reason="early-return", by=self.clinic.clinician,
            )  # fmt: skip

    # --- Moving

    @rule(
        n=ANY,
        days=st.sampled_from([0, 0, 0, -3, -1, 1, 4]),
        hours=st.integers(-4, 4),
        chair=CHAIR,
        back=st.booleans(),
    )
    def move(self, n: int, days: int, hours: int, chair: int, back: bool) -> None:
        visit = self.ahead(n)
        if visit is None:
            return
        with self.act("move", lambda row: row.pk == visit.pk):
            start = visit.during.lower + timedelta(days=days, hours=hours)
            where = choice(self.clinic, visit.ordinal or 1, start, chair=self.seat(chair))
            move_visits(
                series=visit.series,
                choices=[where],
                by=self.clinic.coordinator,
                reason=WHY,
                displace_therapy=True,
            )
        self.undo(visit, wanted=back)

    @rule(
        n=ANY,
        days=st.sampled_from([1, 1, 2, 3, -1]),
        scope=st.sampled_from(["cycle", "following", "following"]),
        back=st.booleans(),
    )
    def move_with_those_after(self, n: int, days: int, scope: str, back: bool) -> None:
        """As proposed: this and following, or this part of the series."""
        visit = self.ahead(n)
        if visit is None:
            return
        with self.act(
            "move following",
            lambda row: row.series_id == visit.series_id and (row.ordinal or 0) >= (visit.ordinal or 0),
        ):
            plan = propose_move(visit=visit, start=visit.during.lower + timedelta(days=days), scope=scope)
            if plan.choices:
                move_visits(
                    series=visit.series, choices=plan.choices, sessions=plan.sessions, scope=scope,
                    by=self.clinic.coordinator, reason=WHY,
                )  # fmt: skip
                done["moved several"] += len(plan.choices) > 1
        self.undo(visit, wanted=back)

    @rule(n=ANY, hours=st.sampled_from([120, 144, 168]))
    def allow_a_longer_gap(self, n: int, hours: int) -> None:
        series = self.series(n)
        if series is not None:
            with self.act("long gap"):
                approve_long_gap(
                    series=series,
                    ordinal=2 + n % 5,
                    max_hours=hours,
                    reason="Travels",
                    by=self.clinic.clinician,
                )

    # --- Letting go

    @rule(
        n=ANY,
        how=st.sampled_from([cancel_visit, cancel_visit, omit_visit]),
        aside=st.booleans(),
        back=st.booleans(),
    )
    def let_go(self, n: int, how: Callable[..., Any], aside: bool, back: bool) -> None:
        visit = self.ahead(n)
        if visit is None:
            return
        if aside and visit.status == "booked":
            slot_holds.set_aside(visit, at=self.clinic.now)
        with self.act(how.__name__, lambda row: row.pk == visit.pk):
            how(appointment=visit, reason="patient-asked", by=self.clinic.coordinator)
        self.undo(visit, wanted=back)

    @rule(late=st.integers(10, 40), back=st.booleans())
    def nobody_comes(self, late: int, back: bool) -> None:
        visit = self.next_one()
        if visit is None:
            return
        self.clock.set(visit.during.lower + timedelta(minutes=late))
        assert not tick().failed
        with self.act("no-show", lambda row: row.pk == visit.pk):
            mark_no_show(appointment=visit, reason="no-contact", by=self.clinic.nurse)
        self.undo(visit, wanted=back)

    @rule(n=ANY, day=DAY, hour=HOUR, chair=CHAIR, skip=st.booleans())
    def give_a_new_date(self, n: int, day: int, hour: int, chair: int, skip: bool) -> None:
        lost = Appointment.objects.infusions().filter(
            status__in=["cancelled", "no-show"], series__status="active"
        )
        visit = self.one(lost.select_related("series"), n)
        if visit is None:
            return
        series = TreatmentSeries.objects.for_page().get(pk=visit.series_id)
        with self.act("skip" if skip else "rebook"):
            if skip:
                skip_infusion(
                    series=series, ordinal=visit.ordinal, reason="responded", by=self.clinic.coordinator
                )
            else:
                near = visit.during.lower + timedelta(hours=hour - 11)
                where = choice(self.clinic, visit.ordinal, near, chair=self.seat(chair))
                rebook_visit(series=series, choice=where, by=self.clinic.coordinator)

    @rule(
        n=ANY,
        how=st.sampled_from(["end", "pause", "pause", "resume", "resume"]),
        keep=st.sampled_from([0, 5]),
    )
    def end_or_pause(self, n: int, how: str, keep: int) -> None:
        series = self.series(n, "paused" if how == "resume" else "active")
        if series is None:
            return
        with self.act(how, lambda row: row.series_id == series.pk):
            if how == "end":
                end_series(series=series, reason="no-response", by=self.clinic.clinician)
            elif how == "resume":
                resume_series(series=series, by=self.clinic.clinician)
            else:
                day = local_date(self.clinic.now, replans.zone_of(self.clinic.site)) + timedelta(days=7)
                pause_series(
                    series=series,
                    reason="travel",
                    review_on=day,
                    keep_chairs_days=keep,
                    by=self.clinic.clinician,
                )

    # --- The waitlist

    @rule(n=ANY, urgency=st.integers(1, 3))
    def wait(self, n: int, urgency: int) -> None:
        alone = TreatmentSeries.objects.for_page().filter(
            status="active", visits=1
        )  # the easiest to offer a time to
        series = self.one(alone, n) if n % 3 else None
        series = series or self.series(n)
        if series is not None:
            with self.act("wait"):
                waitlist.add_entry(
                    series=series, ordinal=1 + n % series.visits, urgency=urgency, notice_hours=0,
                    by=self.clinic.coordinator,
                )  # fmt: skip

    @rule(n=ANY, take=st.sampled_from([True, True, False]))
    def answer_an_offer(self, n: int, take: bool) -> None:
        offer = self.one(WaitlistOffer.objects.filter(state="open").select_related("entry"), n)
        if offer is None:
            return
        about = offer.entry
        with self.act(
            "accept" if take else "decline",
            lambda row: (row.series_id, row.ordinal) == (about.series_id, about.ordinal),
        ):
            if take:
                waitlist.accept_offer(offer=offer, by=self.clinic.coordinator)
            else:
                waitlist.decline_offer(offer=offer, by=self.clinic.coordinator)

    @rule(n=ANY)
    def wait_no_longer(self, n: int) -> None:
        entry = self.one(WaitlistEntry.objects.filter(state="waiting"), n)
        if entry is not None:
            with self.act("withdraw"):
                waitlist.withdraw_entry(entry=entry, by=self.clinic.coordinator)

    # --- The clinic

    @rule(after=st.integers(0, 16), days=st.integers(1, 3), accept=st.booleans(), open_again=st.booleans())
    def close(self, after: int, days: int, accept: bool, open_again: bool) -> None:
        clinic = self.clinic
        first = local_date(clinic.now, replans.zone_of(clinic.site)) + timedelta(days=after)
        with self.act("close"):
            add_closure(
                site=clinic.site, first=first, last=first + timedelta(days=days - 1), reason="Flood",
                by=clinic.coordinator,
            )  # fmt: skip
        if accept:
            self.accept_new_times()
        if open_again:
            shut = Closure.objects.filter(site=clinic.site, reason="Flood").latest("pk").days
            with self.act("open again"):
                remove_closure(site=clinic.site, first=shut.lower, until=shut.upper, by=clinic.coordinator)

    def accept_new_times(self) -> None:
        """Every proposal that was found, as one act."""
        clinic = self.clinic
        groups = [g for g in replans.review(site=clinic.site, by=clinic.coordinator).groups if g.placed]
        proposed = {(g.series.pk, item.ordinal) for g in groups for item in g.plan.choices}
        with self.act("re-plan", lambda row: (row.series_id, row.ordinal) in proposed):
            accepted = [
                replans.AcceptedSeries(
                    g.series,
                    g.plan.choices,
                    g.plan.sessions,
                    {v.ordinal: v.version for v in visits_of(g.series)},
                )
                for g in groups
            ]
            replans.apply(site=clinic.site, by=clinic.coordinator, series=accepted)
            done["re-planned visits"] += len(proposed)

    @rule(n=ANY, longer=st.integers(161, 185), move=st.booleans())
    def write_another_text(self, n: int, longer: int, move: bool) -> None:
        with self.act("publish"):
            version = publish(self.clinic, replace(LONGER, chair_minutes=longer))
        if not move:
            return
        active = TreatmentSeries.objects.filter(status="active", protocol_version__template=version.template)
        series = self.one(active.exclude(protocol_version=version), n)
        if series is None:
            return
        with self.act("change text", lambda row: row.series_id == series.pk):
            diff = preview_version_move(series=series, to_version=version, by=self.clinic.clinician)
            if diff.refusal is None:
                move_series_to_version(
                    series=series, to_version=version, seen_sha256=diff.sha256, reason="Evidence",
                    by=self.clinic.clinician,
                )  # fmt: skip

    # --- The day

    def next_one(self) -> Appointment | None:
        rows = Appointment.objects.infusions().filter(status="booked", during__startswith__gt=self.clinic.now)
        found: Appointment | None = rows.select_related("series").order_by("during").first()
        return found

    @rule(late=st.integers(0, 90))
    def give_the_next(self, late: int) -> None:
        visit = self.next_one()
        if visit is None:
            return
        before = self.clinic.now
        try:
            with transaction.atomic():
                steps.give(self.clinic, visit, self.clock, late=late)
                done["give"] += 1
        except DomainError:
            self.clock.set(before)
        assert not tick().failed

    @rule(n=ANY)
    def book_therapy(self, n: int) -> None:
        row = self.one(FollowUp.objects.filter(therapy=True, state__in=("firm", "released")), n)
        if row is None:
            return
        with self.act("therapy"):
            slots = free_slots(row, load_course(row.patient_id), now=self.clinic.now, most=40)
            if slots:
                slot = slots[n % len(slots)]
                book_therapy(follow_up=row, start=slot.start, therapist=slot.therapist, by=slot.therapist)
                done["therapy booked"] += 1

    @rule(minutes=st.sampled_from([3, 3, 31, 31, 360, 1200, 2940]))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)
        offered = WaitlistOffer.objects.count()
        assert not tick().failed
        done["offer"] += WaitlistOffer.objects.count() - offered
        late = Appointment.objects.filter(status="reserved", held_until__lte=self.clinic.now)
        assert not late.exists(), "a reservation whose time is up was swept by the tick"

    @invariant()
    def nothing_is_so_that_must_not_be(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        found = oracle.wrong(self.clinic.now)
        assert not found, found
        listed = check_schedule(self.clinic.now)
        assert not listed, listed
        for key, text in oracle.published_texts().items():
            assert self.texts.setdefault(key, text) == text, "a published text has changed"
