"""The pump log corrected: mis-taps struck, times amended, a whole log moved."""

from __future__ import annotations

import pytest

from sessions import services
from sessions.models import Infusion
from sessions.services import PumpAct
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from tests.sessions import world
from tests.sessions.services.test_pump import MINUTE, current

pytestmark = pytest.mark.django_db


def test_a_mis_tap_is_struck_by_its_nurse_within_two_minutes_and_stays_visible(clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=10)
    before = current(infusion)
    stop = services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    clock.advance(seconds=119)
    services.strike_pump_event(event=stop, by=clinic.nurse)
    fresh = Infusion.objects.get(pk=infusion.pk)
    assert (fresh.status, fresh.stopped_at) == (Infusion.Status.INFUSING, None)
    assert current(infusion).t_pk == before.t_pk
    stop.refresh_from_db()
    assert stop.withdrawn_reason == "Mis-tap"
    assert infusion.pump_events.count() == 2


def test_after_two_minutes_or_by_somebody_else_striking_needs_a_reason(clinic, clock):
    infusion = world.ready(clinic)
    start = services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    with pytest.raises(InvalidInput):
        services.strike_pump_event(event=start, by=clinic.clinician)
    clock.advance(minutes=3)
    with pytest.raises(InvalidInput) as refused:
        services.strike_pump_event(event=start, by=clinic.nurse)
    assert refused.value.field == "reason"
    services.strike_pump_event(event=start, reason="Wrong patient's page", by=clinic.nurse)
    fresh = Infusion.objects.get(pk=infusion.pk)
    assert (fresh.status, fresh.started_at, fresh.delivered_mg) == (Infusion.Status.READY, None, None)
    assert current(infusion) is None
    with pytest.raises(StateConflict):
        services.strike_pump_event(event=start, reason="again", by=clinic.nurse)


def test_striking_what_the_rest_needs_is_refused(clinic, clock):
    infusion = world.given(clinic, clock)
    start = infusion.pump_events.get(kind="start")
    with pytest.raises(RuleNotMet):
        services.strike_pump_event(event=start, reason="No", by=clinic.nurse)
    start.refresh_from_db()
    assert start.withdrawn_at is None


def test_amending_a_start_by_seven_minutes_moves_clearance_by_exactly_seven_minutes(clinic, clock):
    """The stop lies long after the bag was empty, so the whole flow moves with its start."""
    infusion = world.given(clinic, clock, minutes=60)
    before = current(infusion)
    start = infusion.pump_events.get(kind="start")
    services.amend_pump_event(
        event=start, observed_at=start.observed_at + 7 * MINUTE, reason="Wall clock", by=clinic.nurse
    )
    after = current(infusion)
    assert after.t_pk - before.t_pk == 7 * MINUTE
    assert after.p95_at - before.p95_at == 7 * MINUTE
    assert after.generation == before.generation + 1
    start.refresh_from_db()
    assert start.withdrawn_at is not None
    assert start.replaced_by.reason == "Wall clock"


def test_moving_the_whole_log_moves_everything_by_exactly_that(clinic, clock):
    infusion = world.ready(clinic)
    clock.advance(minutes=20)
    t = app_now()
    events = [("start", 0), ("pause", 10), ("resume", 18), ("stop", 41)]
    clock.advance(minutes=41)
    services.record_vitals(infusion=infusion, by=clinic.nurse, **world.NORMAL)
    acts = [PumpAct(kind, t + offset * MINUTE) for kind, offset in events]
    services.record_pump_events(infusion=infusion, events=acts, by=clinic.nurse)
    before = current(infusion)
    services.move_pump_log(infusion=infusion, minutes=-7, reason="Clock 7 minutes fast", by=clinic.nurse)
    after = current(infusion)
    assert after.t_pk - before.t_pk == after.p50_at - before.p50_at == -7 * MINUTE
    assert after.delivered_mg == before.delivered_mg
    assert infusion.pump_events.live().count() == 4
    assert infusion.pump_events.count() == 8


def test_amending_to_an_impossible_log_is_refused(clinic, clock):
    infusion = world.given(clinic, clock)
    stop = infusion.pump_events.get(kind="stop")
    with pytest.raises(RuleNotMet):
        services.amend_pump_event(
            event=stop, observed_at=infusion.started_at - MINUTE, reason="x", by=clinic.nurse
        )
    with pytest.raises(InvalidInput):
        services.amend_pump_event(event=stop, observed_at=stop.observed_at, reason="x", by=clinic.nurse)
    with pytest.raises(InvalidInput):
        services.amend_pump_event(
            event=stop, observed_at=stop.observed_at - MINUTE, reason=" ", by=clinic.nurse
        )
    assert infusion.clearance_estimates.count() == 2


def test_a_whole_log_is_moved_exactly(clinic, clock):
    infusion = world.ready(clinic)
    for kind, seconds in (("start", 450), ("pause", 440), ("resume", 900), ("stop", 0)):
        services.record_pump_event(infusion=infusion, kind=kind, reason="Line", by=clinic.nurse)
        clock.advance(seconds=seconds)
    before = [line.observed_at for line in infusion.pump_events.live()]
    clock.advance(minutes=10)
    services.move_pump_log(infusion=infusion, minutes=7, reason="The clock was wrong", by=clinic.nurse)
    assert [line.observed_at - 7 * MINUTE for line in infusion.pump_events.live()] == before
