"""Who comes second is told at once, and what somebody named is never replaced by something else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduling.services.visits import move_visit
from staff.errors import Clash
from tests import factories
from tests.scheduling.booking.helpers import book, local, minutes, six, visits_of

pytestmark = pytest.mark.django_db


def test_the_second_is_refused_before_anything_is_locked_or_planned(clinic):
    book(clinic, patient=factories.make_patient(clinic.site))
    with CaptureQueriesContext(connection) as found, pytest.raises(Clash):
        book(clinic)
    assert not any("advisory" in item["sql"] for item in found)
    assert len(found) <= 10, (
        "the clock, the bookings in the way, whose they are, roles and sites, the savepoint"
    )


def test_a_reserved_slot_whose_time_is_up_stands_in_nobodys_way(clinic, clock):
    held = book(clinic, patient=factories.make_patient(clinic.site), hold_minutes=5)
    clock.advance(minutes=5)
    book(clinic)
    assert {row.status for row in visits_of(held)} == {"cancelled"}


def test_a_named_chair_is_taken_or_refused_never_replaced(clinic):
    book(clinic, patient=factories.make_patient(clinic.site))
    open_people = [replace(item, nurse="", prescriber="") for item in six(clinic)]
    with pytest.raises(Clash) as caught:
        book(clinic, visits=open_people)
    assert caught.value.code == "chair-taken"
    mine = book(clinic, visits=[replace(item, start=item.start + minutes(175)) for item in open_people])
    with pytest.raises(Clash) as caught:
        move_visit(
            appointment=visits_of(mine)[0],
            start=local(clinic, 5, 10),
            chair=str(clinic.chairs[0].code),
            reason="patient-asked",
            by=clinic.coordinator,
        )
    assert caught.value.code == "chair-taken"
    assert caught.value.message.startswith("1 of 6: Chair 1 is taken")


def test_a_visit_that_moves_does_not_stand_in_its_own_way(clinic):
    visit = visits_of(book(clinic))[0]
    moved = move_visit(
        appointment=visit,
        start=visit.during.lower + minutes(30),
        chair=str(clinic.chairs[0].code),
        reason="patient-asked",
        by=clinic.coordinator,
    )
    assert moved.during.lower == visit.during.lower + minutes(30)
