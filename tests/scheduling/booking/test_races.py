"""Two and thirty writers at once, on real connections with the app role: one wins, the others are told, none deadlock.

The controls take locks and constraints away one after the other and see what they were for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from scheduling import conflicts
from scheduling.models import Appointment, Resource, ResourceBooking, TreatmentSeries
from scheduling.services import scene, slot_holds
from scheduling.services import series as series_service
from scheduling.services import visits as visit_service
from scheduling.services.answers import let_visit_go
from scheduling.services.confirming import confirm_series
from scheduling.services.holds import sweep_expired
from scheduling.services.moves import undo_move
from scheduling.services.seating import VisitChoice
from staff import locks
from staff.errors import Clash, DomainError, StateConflict
from tests import factories
from tests.conftest import TUESDAY_NINE, Clock
from tests.scheduling.booking.helpers import WEIGHT, book, local, minutes, six, visits_of

pytestmark = pytest.mark.fault

WRITERS, ROUNDS = 32, 3


@pytest.fixture
def clock(basics_afterwards: None, transactional_db: None) -> Clock:
    hands = Clock()
    hands.set(TUESDAY_NINE)
    return hands


@pytest.fixture
def clinic(clock: Clock, monkeypatch) -> factories.Clinic:
    """The clinic of the other tests; a busy machine makes writers wait here, never give up (503)."""
    monkeypatch.setattr(locks, "WAIT", "120s")
    return factories.make_clinic()


@pytest.fixture
def single(clinic):
    return factories.make_version("single-infusion", author=clinic.admin)


@pytest.fixture
def collisions(monkeypatch) -> list[str]:
    """SQLSTATE of every deadlock, serialisation failure or lock time-out that a service met."""
    seen: list[str] = []
    judge = conflicts._transient

    def note(error: BaseException) -> bool:
        found = judge(error)
        if found:
            seen.append(conflicts.sqlstate(error) or "busy")
        return found

    monkeypatch.setattr(conflicts, "_transient", note)
    return seen


def at_once(works: list[Callable[[], Any]]) -> list[Any]:
    """Run all at the same moment as the app role; a refusal of the domain is a result, anything else fails."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')
            barrier.wait(30)
            return work()
        except DomainError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def overlaps() -> int:
    """Pairs of bookings that share a lane, or of visits that share a patient, at some instant. Must be 0."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM scheduling_resourcebooking a JOIN scheduling_resourcebooking b "
            "ON a.resource_id = b.resource_id AND a.lane = b.lane AND a.id < b.id AND a.during && b.during"
        )
        lanes = int(cursor.fetchone()[0])
        cursor.execute(
            "SELECT count(*) FROM scheduling_appointment a JOIN scheduling_appointment b "
            "ON a.patient_id = b.patient_id AND a.id < b.id AND a.during && b.during "
            "WHERE blocking_appointment_status(a.status) AND blocking_appointment_status(b.status)"
        )
        return lanes + int(cursor.fetchone()[0])


@contextmanager
def without_the_exclusion() -> Iterator[None]:
    """The control: in place of `one_booking_per_lane` stands a rule that nothing breaks."""
    table, name = "scheduling_resourcebooking", "one_booking_per_lane"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [name])
        definition = cursor.fetchone()[0]
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE (id) DEFERRABLE")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE scheduling_appointment CASCADE")
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


class Many:
    """As many chairs, nurses and patients as writers, so that a round can be about one thing alone."""

    def __init__(self, clinic: factories.Clinic, version: Any) -> None:
        self.clinic, self.version = clinic, version
        site = clinic.site
        self.chairs = [factories.make_resource(site, "chair") for _ in range(WRITERS)]
        people = [factories.make_user("nurse", sites=[site]) for _ in range(WRITERS)]
        self.nurses = [factories.make_resource(site, "nurse", user=person) for person in people]
        self.patients = [factories.make_patient(site) for _ in range(WRITERS)]

    def fresh_patients(self) -> None:
        """Those who got a series are replaced by others."""
        busy = set(TreatmentSeries.objects.values_list("patient_id", flat=True))
        self.patients = [
            factories.make_patient(self.clinic.site) if item.pk in busy else item for item in self.patients
        ]

    def writers(self, day: int, shared: str) -> list[Callable[[], Any]]:
        """One booking per writer; starts differ by minutes, so the stays overlap partly."""
        return [self._writer(number, day, shared) for number in range(WRITERS)]

    def _writer(self, number: int, day: int, shared: str) -> Callable[[], Any]:
        chair = self.chairs[0 if shared in ("chair", "all") else number]
        nurse = self.nurses[0 if shared in ("nurse", "all") else number]
        patient = self.patients[0 if shared == "patient" else number]
        start = local(self.clinic, day, 9) + minutes(15 * (number % 8))
        visit = VisitChoice(1, start, str(chair.code), str(nurse.code), str(self.clinic.clinician_lane.code))
        return lambda: series_service.book_series(
            patient=patient,
            protocol_version=self.version,
            weight_kg=WEIGHT,
            visits=[visit],
            by=self.clinic.coordinator,
        )


@pytest.mark.parametrize("shared", ["chair", "nurse", "patient", "all"])
def test_one_of_thirty_two_writers_wins_every_round(clinic, single, collisions, shared):
    many = Many(clinic, single)
    Resource.objects.filter(pk=clinic.clinician_lane.pk).update(capacity=12)
    for number in range(ROUNDS):
        many.fresh_patients()
        results = at_once(many.writers((5, 6, 9)[number], shared))
        won = [item for item in results if isinstance(item, TreatmentSeries)]
        lost = [item for item in results if isinstance(item, Clash | StateConflict)]
        assert (len(won), len(lost)) == (1, WRITERS - 1)
        assert all(item.status == 409 for item in lost)
    assert overlaps() == 0
    assert collisions.count("40P01") == 0


def test_the_constraint_alone_still_lets_one_through(clinic, single, monkeypatch):
    many = Many(clinic, single)
    monkeypatch.setattr(scene, "lock", lambda **_: None)
    results = at_once(many.writers(5, "chair")[:8])
    assert sum(isinstance(item, TreatmentSeries) for item in results) == 1
    assert overlaps() == 0


def test_control_without_locks_and_constraint_the_chair_is_booked_twice(clinic, single, monkeypatch):
    """If this fails, the tests above prove nothing: all writers have judged before the first one writes."""
    many = Many(clinic, single)
    writers = many.writers(5, "chair")[:8]
    judged = threading.Barrier(len(writers))
    write = series_service.write_visits

    def wait_and_write(*args: Any, **kwargs: Any) -> Any:
        judged.wait(30)
        return write(*args, **kwargs)

    monkeypatch.setattr(scene, "lock", lambda **_: None)
    monkeypatch.setattr(series_service, "write_visits", wait_and_write)
    with without_the_exclusion():
        results = at_once(writers)
        assert sum(isinstance(item, TreatmentSeries) for item in results) > 1
        assert overlaps() > 0


def test_crossing_series_never_deadlock(clinic, collisions):
    """Six visits each, in chairs named in opposite orders: the shape in which unsorted locks deadlock."""
    nurses = [
        factories.make_resource(
            clinic.site, "nurse", user=factories.make_user("nurse", sites=[clinic.site]), capacity=2
        )
        for _ in range(8)
    ]
    chairs = [str(item.code) for item in clinic.chairs]

    def writer(number: int) -> Callable[[], Any]:
        order = chairs if number % 2 else chairs[::-1]
        rows = [
            replace(item, chair=order[n % 3], nurse=str(nurses[number].code))
            for n, item in enumerate(six(clinic))
        ]
        patient = factories.make_patient(clinic.site)
        return lambda: book(clinic, patient=patient, visits=rows)

    results = at_once([writer(number) for number in range(8)])
    won = [item for item in results if isinstance(item, TreatmentSeries)]
    assert 1 <= len(won) <= 2, "opposite orders meet in the middle chair"
    assert all(isinstance(item, Clash) for item in results if item not in won)
    assert Appointment.objects.count() == 6 * len(won)
    assert overlaps() == 0
    assert collisions.count("40P01") == 0


def test_book_against_move_against_cancel(clinic, collisions):
    """One slot: a new series wants it, another visit moves into it, and its holder gives it up, all at once."""
    holder = visits_of(book(clinic))[0]
    mover = visits_of(book(clinic, patient=factories.make_patient(clinic.site), visits=six(clinic, hour=13)))[
        0
    ]
    newcomer = factories.make_patient(clinic.site)
    seats = {"chair": str(clinic.chairs[0].code), "nurse": "", "prescriber": ""}
    wanted = [replace(item, **seats) for item in six(clinic)]
    for item in visits_of(holder.series)[1:]:
        visit_service.omit_visit(appointment=item, by=clinic.clinician, reason="responded")
    works = [
        lambda: visit_service.cancel_visit(appointment=holder, by=clinic.coordinator, reason="staff"),
        lambda: visit_service.move_visit(
            appointment=mover,
            start=local(clinic, 5, 9),
            by=clinic.coordinator,
            reason="patient-asked",
            **seats,
        ),
        lambda: book(clinic, patient=newcomer, visits=wanted),
    ]
    results = at_once(works)
    assert isinstance(results[0], Appointment)
    assert overlaps() == 0
    assert collisions.count("40P01") == 0
    at_nine = ResourceBooking.objects.filter(resource=clinic.chairs[0]).touching(
        local(clinic, 5, 9), local(clinic, 5, 10)
    )
    assert at_nine.count() <= 1


@pytest.mark.parametrize("kept", [True, False])
def test_a_set_aside_visit_let_go_among_eight_who_want_its_place(clinic, collisions, monkeypatch, kept):
    """Whoever is quicker: nobody has the place before undo is over, so undo brings the visit back. The control keeps
    nothing, and the same eight take it.
    """
    visit = visits_of(book(clinic))[0]
    slot_holds.set_aside(visit, at=clinic.now)
    if not kept:
        monkeypatch.setattr(slot_holds, "_keep_for_undo", lambda *_: None)
    single = factories.make_version("single-infusion", author=clinic.admin)
    wanted = [replace(six(clinic)[0], chair=str(clinic.chairs[0].code), nurse="", prescriber="")]
    patients = [factories.make_patient(clinic.site) for _ in range(8)]
    writers = [
        partial(book, clinic, patient=item, protocol_version=single, visits=wanted) for item in patients
    ]
    gone, *results = at_once([lambda: let_visit_go(visit=visit, by=clinic.coordinator), *writers])
    assert isinstance(gone, Appointment)
    if not kept:
        results += at_once(writers)
        assert sum(isinstance(item, TreatmentSeries) for item in results) == 1
        with pytest.raises(Clash):
            undo_move(appointment=visit, by=clinic.coordinator)
        return
    assert all(isinstance(item, Clash) for item in results)
    back, *results = at_once([lambda: undo_move(appointment=visit, by=clinic.coordinator), *writers])
    assert back.status == "booked"
    assert all(isinstance(item, Clash) for item in results)
    assert overlaps() == 0
    assert collisions.count("40P01") == 0


def test_a_move_and_a_move_of_one_visit(clinic, collisions):
    visit = visits_of(book(clinic))[2]
    works = [
        lambda hour=hour: visit_service.move_visit(
            appointment=visit,
            start=local(clinic, 12, hour),
            by=clinic.coordinator,
            reason="patient-asked",
            expected_version=1,
        )
        for hour in (10, 11, 12, 13)
    ]
    results = at_once(works)
    assert sum(isinstance(item, Appointment) for item in results) == 1
    visit.refresh_from_db()
    assert visit.version == 2
    assert overlaps() == 0


def test_confirming_against_the_end_of_the_hold(clinic, clock, collisions):
    held = book(clinic, hold_minutes=10)
    clock.advance(minutes=10)
    results = at_once(
        [lambda: confirm_series(series=held, by=clinic.coordinator), sweep_expired, sweep_expired]
    )
    assert isinstance(results[0], StateConflict)
    assert {row.status for row in visits_of(held)} == {"cancelled"}
    assert not ResourceBooking.objects.exists()
    assert overlaps() == 0
