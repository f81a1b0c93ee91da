"""From arrival to signature, through the services, with the numbers of the engine."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from sessions import services
from sessions.models import ClearanceEstimate, Infusion
from staff.errors import RuleNotMet, StaleVersion, StateConflict
from tests.sessions import world

pytestmark = pytest.mark.django_db


def test_from_arrival_to_signature(clinic, clock):
    infusion, signature = world.signed(clinic, clock)
    assert infusion.status == Infusion.Status.SIGNED_OFF
    assert infusion.ordered_mg == Decimal("35.0")
    assert infusion.delivered_mg == Decimal("35.00")
    assert signature.t_sign == infusion.started_at + timedelta(minutes=125)
    found = services.therapy_time(infusion)
    minutes = (found.at - infusion.started_at) / timedelta(minutes=1)
    assert found.signed
    assert found.basis == "drug"
    assert minutes == pytest.approx(389, rel=0.03)
    assert infusion.clearance_estimates.count() == 2


def test_a_first_weight_waits_for_a_second_weighing(clinic):
    world.consented(clinic)
    infusion = world.arrived(clinic)
    fresh = services.record_weight(infusion=infusion, weight_kg=Decimal(70), by=clinic.nurse)
    assert services.needs_second_weighing(fresh)
    with pytest.raises(RuleNotMet) as refused:
        services.sign_order(infusion=fresh, bag_mg_per_ml=Decimal(1), by=clinic.clinician)
    assert refused.value.code == "weight-needed"
    again = services.confirm_weight(infusion=fresh, weight_kg=Decimal("70.3"), by=clinic.nurse)
    assert again.weight_kg == Decimal("70.0")
    assert not services.needs_second_weighing(again)


def test_the_same_version_serves_once(clinic):
    infusion = world.arrived(clinic)
    version = infusion.version
    services.record_weight(
        infusion=infusion, weight_kg=Decimal(70), by=clinic.nurse, expected_version=version
    )
    with pytest.raises(StaleVersion):
        services.record_weight(
            infusion=infusion, weight_kg=Decimal(71), by=clinic.nurse, expected_version=version
        )


def test_sign_off_twice_is_refused_and_stored_once(clinic, clock):
    infusion, _ = world.signed(clinic, clock)
    with pytest.raises(StateConflict):
        services.sign_off(infusion=infusion, by=clinic.clinician)
    assert infusion.sign_offs.count() == 1


def test_every_pump_event_makes_a_new_estimate(clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    for kind in ("pause", "resume", "stop"):
        clock.advance(minutes=10)
        services.record_pump_event(infusion=infusion, kind=kind, by=clinic.nurse)
    rows = ClearanceEstimate.objects.filter(infusion=infusion).order_by("generation")
    assert [row.generation for row in rows] == [1, 2, 3, 4]
    assert [row.superseded_at is None for row in rows] == [False, False, False, True]
    assert [row.provisional for row in rows] == [True, True, True, False]
