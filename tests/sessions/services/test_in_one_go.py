"""Several checks or criteria at once: all or none, and each as strict as alone."""

from __future__ import annotations

import pytest

from sessions import services
from staff.errors import InvalidInput
from tests.sessions import world

pytestmark = pytest.mark.django_db


def test_all_checks_in_one_act_make_it_ready(clinic):
    world.consented(clinic)
    infusion = world.weighed(clinic, world.arrived(clinic))
    kinds = services.recordable_checks(infusion.protocol_version)
    services.record_checks(
        infusion=infusion, answers=[services.CheckAnswer(kind, "passed") for kind in kinds], by=clinic.nurse
    )
    assert set(infusion.checks.current().values_list("kind", flat=True)) == set(kinds)


def test_one_bad_answer_writes_none(clinic):
    world.consented(clinic)
    infusion = world.weighed(clinic, world.arrived(clinic))
    good = services.recordable_checks(infusion.protocol_version)[0]
    with pytest.raises(InvalidInput):
        services.record_checks(
            infusion=infusion,
            answers=[services.CheckAnswer(good, "passed"), services.CheckAnswer(good, "perhaps")],
            by=clinic.nurse,
        )
    assert not infusion.checks.exists()


def test_all_criteria_in_one_act(clinic, clock):
    infusion = world.given(clinic, clock)
    clock.advance(minutes=90)
    codes = services.recordable_criteria(infusion)
    services.record_criteria(infusion=infusion, outcomes=dict.fromkeys(codes, "met"), by=clinic.nurse)
    assert set(infusion.criteria.current().values_list("criterion", flat=True)) == set(codes)
    with pytest.raises(InvalidInput):
        services.record_criteria(infusion=infusion, outcomes={"flying": "met"}, by=clinic.nurse)
