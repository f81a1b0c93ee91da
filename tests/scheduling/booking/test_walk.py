"""Any acts in any order: booked, reserved, confirmed, moved, cancelled, undone, closed, moved to another text, given,
and after each of them nothing of what must never happen is so.

A hypothesis state machine over the services, on the real tables: an act is refused in words or done whole. After every
step the deferred rules are asked at once, and `check_schedule` derives the rest from the rows afresh.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from protocols.definition_codec import canonical_text
from protocols.models import ProtocolVersion
from scheduling.dispatch import tick
from scheduling.domain.localtime import local_date
from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, FollowUp, Message, TreatmentSeries
from scheduling.schedule_checks import check_schedule
from scheduling.services import replans
from scheduling.services.confirming import confirm_series
from scheduling.services.holds import release_series
from scheduling.services.moves import undo_move
from scheduling.services.moving import move_visits
from scheduling.services.resources import add_closure
from scheduling.services.therapy import book_therapy
from scheduling.services.therapy_rules import free_slots
from scheduling.services.version_moves import move_series_to_version, preview_version_move
from scheduling.services.visits import cancel_visit, mark_no_show, omit_visit
from staff.errors import DomainError, RuleNotMet
from tests import factories
from tests.conftest import TUESDAY_NINE
from tests.scheduling.booking import steps
from tests.scheduling.booking.helpers import book, choice, local, six, visits_of
from tests.scheduling.booking.test_version_moves import LONGER, publish

pytestmark = pytest.mark.django_db
DAY, HOUR, ANY = st.integers(4, 30), st.integers(8, 15), st.integers(0, 50)
PEOPLE = 3
done: Counter[str] = Counter()
"""Acts that were not refused, over all walks: a walk in which nothing happens proves nothing."""


class Walk(RuleBasedStateMachine):
    """One clinic with three patients; everything is rolled back at the end."""

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
    def act(self, name: str) -> Iterator[None]:
        """An act: done whole, or refused with nothing written."""
        with suppress(DomainError), transaction.atomic():
            yield
            done[name] += 1

    def one(self, rows: Any, n: int) -> Any:
        """The n-th of them, round and round; None when there is none."""
        found = list(rows.order_by("pk"))
        return found[n % len(found)] if found else None

    def somebody(self, n: int) -> Any:
        """A patient without a series, while there is one."""
        busy = set(TreatmentSeries.objects.filter(status="active").values_list("patient", flat=True))
        free = [patient for patient in self.people if patient.pk not in busy]
        return (free or self.people)[n % len(free or self.people)]

    def ahead(self, n: int) -> Appointment | None:
        """A visit that is booked or reserved."""
        rows = Appointment.objects.infusions().filter(status__in=Appointment.UPCOMING)
        found: Appointment | None = self.one(rows.select_related("series"), n)
        return found

    @rule(
        who=ANY,
        day=st.sampled_from([5, 6, 9, 12]),
        hour=HOUR,
        chair=st.integers(0, 2),
        reserved=st.booleans(),
    )
    def book_six(self, who: int, day: int, hour: int, chair: int, reserved: bool) -> None:
        with self.act("book"):
            place = str(self.clinic.chairs[chair].code)
            book(
                self.clinic, patient=self.somebody(who), visits=six(self.clinic, day, hour, chair=place),
                hold_minutes=30 if reserved else 0,
            )  # fmt: skip

    @rule(who=ANY, day=DAY, hour=HOUR, chair=st.integers(0, 2))
    def book_one(self, who: int, day: int, hour: int, chair: int) -> None:
        with self.act("book one"):
            visit = choice(
                self.clinic, 1, local(self.clinic, day, hour), chair=str(self.clinic.chairs[chair].code)
            )
            book(self.clinic, patient=self.somebody(who), protocol_version=self.single, visits=[visit])

    @rule(n=ANY, keep=st.booleans())
    def answer_a_reservation(self, n: int, keep: bool) -> None:
        series = self.one(TreatmentSeries.objects.filter(appointments__status="held").distinct(), n)
        if series is not None:
            with self.act("confirm" if keep else "release"):
                (confirm_series if keep else release_series)(series=series, by=self.clinic.coordinator)

    @rule(
        n=ANY,
        days=st.sampled_from([0, 0, 0, -3, -1, 1, 4]),
        hours=st.integers(-4, 4),
        chair=st.integers(0, 2),
        back=st.booleans(),
    )
    def move(self, n: int, days: int, hours: int, chair: int, back: bool) -> None:
        visit = self.ahead(n)
        if visit is None:
            return
        with self.act("move"):
            start = visit.during.lower + timedelta(days=days, hours=hours)
            where = choice(self.clinic, visit.ordinal or 1, start, chair=str(self.clinic.chairs[chair].code))
            move_visits(
                series=visit.series, choices=[where], by=self.clinic.coordinator, reason="Patient asked (patient)",
                displace_therapy=True,
            )  # fmt: skip
        if back:
            with self.act("undo"):
                undo_move(appointment=visit, by=self.clinic.coordinator)

    @rule(n=ANY, how=st.sampled_from([cancel_visit, omit_visit, mark_no_show]), back=st.booleans())
    def let_go(self, n: int, how: Callable[..., Any], back: bool) -> None:
        visit = self.ahead(n)
        if visit is None:
            return
        with self.act(how.__name__):
            how(appointment=visit, reason="patient-asked", by=self.clinic.coordinator)
        if back:
            with self.act("undo"):
                undo_move(appointment=visit, by=self.clinic.coordinator)

    @rule(after=st.integers(14, 30), days=st.integers(1, 3), accept=st.booleans())
    def close(self, after: int, days: int, accept: bool) -> None:
        clinic = self.clinic
        first = local_date(clinic.now, replans.zone_of(clinic.site)) + timedelta(days=after)
        with self.act("close"):
            add_closure(
                site=clinic.site, first=first, last=first + timedelta(days=days - 1), reason="Flood",
                by=clinic.coordinator,
            )  # fmt: skip
        if accept:
            with self.act("re-plan"):
                groups = [
                    g for g in replans.review(site=clinic.site, by=clinic.coordinator).groups if g.placed
                ]
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
        with self.act("change text"):
            diff = preview_version_move(series=series, to_version=version, by=self.clinic.clinician)
            if diff.refusal is None:
                move_series_to_version(
                    series=series, to_version=version, seen_sha256=diff.sha256, reason="Evidence",
                    by=self.clinic.clinician,
                )  # fmt: skip

    @rule(late=st.integers(0, 90))
    def give_the_next(self, late: int) -> None:
        rows = Appointment.objects.infusions().filter(status="booked", during__startswith__gt=self.clinic.now)
        visit = rows.order_by("during").first()
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

    @rule(hours=st.sampled_from([1, 6, 20, 49]))
    def time_passes(self, hours: int) -> None:
        self.clock.advance(hours=hours)
        assert not tick().failed

    @invariant()
    def nothing_is_so_that_must_not_be(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        assert check_schedule(self.clinic.now) == []
        for version in ProtocolVersion.objects.filter(status__in=ProtocolVersion.PUBLISHED):
            text = canonical_text(version.read())
            assert self.texts.setdefault(version.pk, text) == text, "a published text has changed"
        live = Message.objects.filter(state__in=Message.PENDING)
        keys = list(live.values_list("follow_up", "kind", "ordinal", "contact_point", "channel"))
        assert len(keys) == len({key for key in keys if key[0]}) + sum(1 for key in keys if not key[0])
        early = Message.objects.filter(state="sent", sent_at__lt=F("due_at"))
        assert not early.exists()


def test_no_order_of_acts_brings_about_what_must_never_happen(clinic, clock, request):
    """The same few walks every time; with `--faults` many, and others each time."""
    full = request.config.getoption("--faults")
    Walk.world = staticmethod(lambda: (clinic, clock))  # type: ignore[method-assign]
    done.clear()
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=80 if full else 8,
            derandomize=not full,
            database=None,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[
                Phase.generate
            ],  # a walk takes a second: to shrink one takes minutes, the list of acts says enough
        ),
    )
    assert len(done) >= 6, done
    assert sum(done.values()) >= 20, done


def test_an_undo_does_not_bring_back_a_gap_that_another_move_has_made(clinic):
    """Found by the walk: the third visit goes back to where the fourth, moved since, is 100 hours away."""
    series = book(clinic)
    third, fourth = visits_of(series)[2:4]
    for visit in (third, fourth):
        where = choice(clinic, visit.ordinal or 0, visit.during.lower + timedelta(hours=4))
        move_visits(series=series, choices=[where], by=clinic.coordinator, reason="Patient asked (patient)")
    with pytest.raises(RuleNotMet, match=r"100 h after .*at most 96 h"):
        undo_move(appointment=third, by=clinic.coordinator)
    third.refresh_from_db()
    assert third.moved_from is not None, "nothing was written"
    assert check_schedule(clinic.now) == []
    undo_move(appointment=fourth, by=clinic.coordinator)
    undo_move(appointment=third, by=clinic.coordinator)
    assert check_schedule(clinic.now) == []
