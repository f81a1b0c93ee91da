"""Several waiting patients planned together, through the same planner as one."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduling.domain.clinic_plan import plan_clinic
from scheduling.domain.intervals import Interval, peak_load
from scheduling.domain.planner import Resource, plan_series
from staff.errors import InvalidInput
from tests.scheduling.domain.test_planner import SITE, check, request, team


def spent(count: int):
    asked = iter(range(count))
    return lambda: next(asked, count) / count


def test_one_waiting_patient_gets_the_very_plan_of_the_page():
    asked = request()
    joint = plan_clinic([asked], spent=spent(20))
    alone = plan_series(asked)
    assert joint.plans[0].complete
    assert joint.plans[0].cost == alone.cost == joint.cost
    assert joint.bound <= joint.cost


def test_three_patients_share_one_chair_without_an_overlap():
    one = request(chairs=team("C", 1, SITE))
    asked = [one, replace(one, own_prescriber="M1"), replace(one, priority=3)]
    joint = plan_clinic(asked, spent=spent(60))
    assert [plan.complete for plan in joint.plans] == [True, True, True]
    visits = [visit for plan in joint.plans for visit in plan.visits]
    assert peak_load([Interval(visit.start, visit.chair_until) for visit in visits]) == 1
    assert len({visit.start for visit in visits}) == len(visits)
    sessions = [session for visit in visits for session in visit.therapy]
    for person in ("T0", "T1"):
        booked = [Interval(item.start, item.end) for item in sessions if item.therapist == person]
        assert peak_load(booked) <= 1
    for wish, plan in zip(asked, joint.plans, strict=True):
        check(wish, plan)
    assert joint.bound <= joint.cost
    assert joint.percent_above_bound >= 0
    assert max(joint.peaks_after) >= max(joint.peaks_before)


def test_who_does_not_fit_is_left_out_with_reasons():
    few = tuple(Interval(item.start, item.start + timedelta(hours=3)) for item in SITE)
    one = request(site_open=few, chairs=team("C", 1, few), until=request().earliest + timedelta(days=20))
    joint = plan_clinic([one, one, one], spent=spent(200))
    assert sorted(plan.complete for plan in joint.plans) == [False, True, True]
    out = next(plan for plan in joint.plans if not plan.complete)
    assert any("no chair free" in item.text for item in out.refusals)
    assert joint.cost >= one.weights.unplanned * one.priority


def test_progress_is_told_with_the_bound():
    told = []
    joint = plan_clinic(
        [request(), request()], spent=spent(30), report=lambda step, least: told.append((step, least))
    )
    assert all(least == joint.bound for _, least in told)
    assert plan_clinic([], spent=spent(1)).plans == ()


def test_two_sites_are_not_one_clinic():
    with pytest.raises(InvalidInput):
        plan_clinic([request(), request(zone=ZoneInfo("Europe/London"))], spent=spent(1))


def test_a_resource_of_the_same_code_is_the_same():
    nurse = Resource("N0", "N", SITE, 1)
    joint = plan_clinic([request(nurses=(nurse,)), request(nurses=(nurse,))], spent=spent(40))
    stays = [Interval(v.start, v.end - timedelta(minutes=0)) for plan in joint.plans for v in plan.visits]
    assert peak_load(stays) == 1
