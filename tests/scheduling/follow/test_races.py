"""Real threads with connections of their own: two dispatchers, two therapists, a booking against a moving T0."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from scheduling import dispatch
from scheduling.models import Appointment, Message, PatientSpan
from scheduling.services import therapy, windows
from staff.errors import DomainError
from tests import factories
from tests.conftest import TUESDAY_NINE, Clock
from tests.scheduling.follow import world as w
from tests.scheduling.follow.mailbox import Mailbox

pytestmark = pytest.mark.fault


@pytest.fixture
def clock(basics_afterwards: None, transactional_db: None) -> Clock:
    hands = Clock()
    hands.set(TUESDAY_NINE)
    return hands


@pytest.fixture
def clinic(clock: Clock) -> factories.Clinic:
    return factories.make_clinic()


def at_once(works: list[Callable[[], Any]]) -> list[Any]:
    """Run all at the same moment; a refusal of the domain is a result, any other error fails the test."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            barrier.wait(10)
            return work()
        except DomainError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def overlaps() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM scheduling_patientspan a JOIN scheduling_patientspan b "
            "ON a.patient_id = b.patient_id AND a.kind = 'therapy' AND b.kind = 'no_therapy' AND a.during && b.during"
        )
        return int(cursor.fetchone()[0])


def test_four_dispatchers_at_once_send_each_message_once(clinic, clock, settings):
    box = Mailbox()
    box.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    for number in range(10):
        patient = factories.make_patient(clinic.site)
        factories.make_contact(patient)
        series = w.book_course(clinic, [w.FIRST + timedelta(days=number)], patient=patient)
        infusion = w.start_pump(clinic, series.appointments.get())
        w.stop_pump(clinic, infusion)
        windows.reanchor(infusion=infusion)
    Message.objects.filter(kind="no_driving").update(
        due_at=clock.now() - timedelta(minutes=1), expires_at=clock.now() + timedelta(hours=3)
    )
    Message.objects.exclude(kind="no_driving").update(state="cancelled", closed_reason="not in this test")
    rounds = at_once([dispatch.tick] * 4)
    box.stop()
    assert [item.failed for item in rounds] == [[]] * 4
    assert len(box.taken) == 10
    assert len(set(box.recipients)) == 10
    assert Message.objects.filter(state="sent").count() == 10
    assert {row.attempts for row in Message.objects.filter(state="sent")} == {1}


def test_of_many_who_take_a_window_one_gets_it(clinic, clock):
    visit = w.book_course(clinic, [w.FIRST]).appointments.get()
    infusion = w.given(clinic, visit)
    window = w.current_window(infusion)
    people = [clinic.therapist, clinic.other_therapist, *(factories.make_user("therapist") for _ in range(4))]
    results = at_once(
        [lambda person=person: windows.claim_window(window=window, by=person) for person in people]
    )
    won = [item for item in results if not isinstance(item, DomainError)]
    assert len(won) == 1
    assert w.current_window(infusion).claimed_by_id == won[0].claimed_by_id


def test_booking_therapy_against_a_moving_t0_never_overlaps(clinic, clock):
    """The booking wins and is displaced, or loses: therapy never stands in the no-therapy period."""
    outcomes = []
    for round_ in range(5):
        start = w.FIRST + timedelta(days=7 * round_)
        clock.set(start - timedelta(hours=1))
        patient = factories.make_patient(clinic.site, therapist=clinic.therapist)
        visit = w.book_course(clinic, [start], patient=patient).appointments.get()
        infusion = w.given(clinic, visit)
        window = w.current_window(infusion)
        row = w.follow_up(visit, "integration_1")
        w.estimate(infusion, window.t0 + timedelta(minutes=30))
        results = at_once(
            [
                lambda row=row, window=window: therapy.book_therapy(
                    follow_up=row,
                    start=window.t0,
                    therapist=clinic.therapist,
                    by=clinic.therapist,
                    override_reason="clinical",
                ),
                lambda infusion=infusion: windows.reanchor(infusion=infusion),
            ]
        )
        assert not isinstance(results[1], DomainError)
        assert overlaps() == 0
        assert w.current_window(infusion).t0 == window.t0 + timedelta(minutes=30)
        booked = Appointment.objects.filter(kind="therapy", patient=patient).first()
        assert booked is None or booked.status == "displaced"
        outcomes.append(isinstance(results[0], DomainError))
    assert len(outcomes) == 5
    assert PatientSpan.objects.filter(kind="no_therapy").count() == 5


def test_two_therapists_book_the_last_free_hour(clinic, clock):
    """One therapist, two patients, the same half hour: one booking."""
    visits = []
    for hours in (0, 3):
        patient = factories.make_patient(clinic.site, therapist=clinic.therapist)
        visits.append(
            w.book_course(clinic, [w.FIRST + timedelta(hours=hours)], patient=patient).appointments.get()
        )
    start = w.FIRST + timedelta(hours=26)
    results = at_once(
        [
            lambda visit=visit: therapy.book_therapy(
                follow_up=w.follow_up(visit, "integration_1"),
                start=start,
                therapist=clinic.therapist,
                by=clinic.coordinator,
            )
            for visit in visits
        ]
    )
    assert sorted(type(item).__name__ for item in results) == ["Appointment", "Clash"]
