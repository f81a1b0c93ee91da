"""Any acts in any order, and after each of them nothing of what must never happen is so.

A hypothesis state machine over the services, on the real tables (walk.py). After every step the deferred rules are asked
at once, an oracle works everything out from the rows by itself (oracle.py), and `check_schedule` finds nothing either.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from scheduling.schedule_checks import check_schedule
from scheduling.services.moves import undo_move
from scheduling.services.moving import move_visits
from staff.errors import RuleNotMet
from tests.scheduling.booking.helpers import book, choice, visits_of
from tests.scheduling.booking.walk import Walk, done

pytestmark = pytest.mark.django_db


def test_no_order_of_acts_brings_about_what_must_never_happen(clinic, clock, request):
    """The same few walks every time; with `--faults` many, and others each time."""
    full = request.config.getoption("--faults")
    Walk.world = staticmethod(lambda: (clinic, clock))  # type: ignore[method-assign]
    done.clear()
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=60 if full else 6,
            derandomize=not full,
            database=None,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[
                Phase.generate
            ],  # a walk takes a second: to shrink one takes minutes, the list of acts says enough
        ),
    )
    assert len(done) >= 20, done
    assert sum(done.values()) >= 40, done


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
