"""Benchmark instances: the exact optimum of every series alone, legal joint plans, and refusals of bad files."""

import copy
import json
from pathlib import Path

import pytest

from scheduling.domain.instances import check_instance, lay_out, solution
from scheduling.domain.search import Search, bound
from scheduling.domain.workers import search_together
from staff.errors import InvalidInput
from tests.scheduling.domain.scorer import score

HERE = Path(__file__).parent / "instances"
NAMES = ("pub-s1", "pub-s2")
BEST = json.loads((HERE / "best.json").read_text())


def instance(name: str):
    return check_instance(json.loads((HERE / f"{name}.json").read_text()))


def alone(data, key: str):
    return {**data, "patients": [item for item in data["patients"] if item["id"] == key]}


def rounds(count: int):
    """A clock that is a count: the search asks it once per round."""
    asked = iter(range(count))
    return lambda: next(asked, count) / count


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in NAMES for key in BEST[name]["single"]])
def test_one_series_alone_is_the_known_optimum(name, key):
    data = instance(name)
    laid = lay_out(data, [key])
    placement = laid.clinic.propose(laid.cases[0])
    bad, points = score(alone(data, key), solution(data, laid, [placement]))
    assert bad == []
    assert points.total() == BEST[name]["single"][key]


@pytest.mark.parametrize("name", NAMES)
def test_a_joint_plan_is_legal_and_costs_what_the_search_says(name):
    data = instance(name)
    laid = lay_out(data)
    least = bound(laid.clinic, laid.cases)
    told = []
    plan = Search(laid.clinic, laid.cases, seed=1).run(rounds(250), told.append)
    bad, points = score(data, solution(data, laid, list(plan.placements.values())))
    assert bad == []
    assert points.total() == plan.cost
    assert [item.cost for item in told] == sorted({item.cost for item in told}, reverse=True)
    assert told[-1].cost == plan.cost
    assert least <= BEST[name]["lower_bound"] <= plan.cost
    assert plan.left_out == ()
    assert plan.cost <= 1.3 * BEST[name]["best"]


def test_searching_never_makes_the_first_pass_worse_and_time_helps():
    data = instance("pub-s1")
    costs = []
    for count in (1, 60, 400):
        laid = lay_out(data)
        search = Search(laid.clinic, laid.cases, seed=2)
        search.opening()
        first = search.best.cost
        costs.append(search.run(rounds(count)).cost)
        assert costs[-1] <= first
    assert costs[2] < costs[0]


def test_a_search_leaves_out_what_cannot_be_placed_and_says_so():
    data = copy.deepcopy(instance("pub-s1"))
    data["patients"][3]["available"] = []
    laid = lay_out(data)
    key = data["patients"][3]["id"]
    lonely = lay_out(data, [key])
    assert lonely.clinic.propose(lonely.cases[0]) is None
    plan = Search(laid.clinic, laid.cases).run(rounds(80))
    assert plan.left_out == (key,)
    bad, points = score(data, solution(data, laid, list(plan.placements.values())))
    assert bad == []
    assert points.total() == plan.cost


def test_a_clinic_without_chairs_has_an_empty_plan():
    data = copy.deepcopy(instance("pub-s1"))
    data["chairs"] = []
    laid = lay_out(data)
    plan = Search(laid.clinic, laid.cases).run(rounds(20))
    assert solution(data, laid, list(plan.placements.values()))["plans"] == []
    assert len(plan.left_out) == len(data["patients"])


def test_workers_bring_back_the_best_and_stop_when_told():
    data = instance("pub-s1")
    laid = lay_out(data)
    search = Search(laid.clinic, laid.cases)
    search.opening()
    first = search.best.cost
    told = []
    stops = iter([False, False, True])
    plan = search_together(
        search, seconds=60, workers=2, stopped=lambda: next(stops, True) and bool(told), report=told.append
    )
    assert plan.cost <= first
    bad, points = score(data, solution(data, laid, list(plan.placements.values())))
    assert bad == []
    assert points.total() == plan.cost


def test_sessions_keep_their_own_number_when_windows_are_listed_late_first():
    data = copy.deepcopy(instance("pub-s1"))
    patient = next(item for item in data["patients"] if len(item["sessions"]) == 2)
    straight = lay_out(data, [patient["id"]])
    wanted = score(
        alone(data, patient["id"]), solution(data, straight, [straight.clinic.propose(straight.cases[0])])
    )
    patient["sessions"].reverse()
    turned = lay_out(data, [patient["id"]])
    found = score(
        alone(data, patient["id"]), solution(data, turned, [turned.clinic.propose(turned.cases[0])])
    )
    assert found[0] == []
    assert found[1].total() == wanted[1].total()


def broken(change):
    data = copy.deepcopy(instance("pub-s1"))
    change(data)
    return data


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda d: d.update(schema="other/2"), "schema"),
        (lambda d: d.update(horizon_days=0), "horizon_days"),
        (lambda d: d.update(horizon_days=True), "horizon_days"),
        (lambda d: d.update(horizon_days=10**9), "horizon_days"),
        (lambda d: d.pop("weights"), "weights"),
        (lambda d: d["weights"].update(peak=1.5), "weights.peak"),
        (lambda d: d.update(open="always"), "open"),
        (lambda d: d["open"].append([5, 1]), "open"),
        (lambda d: d["chairs"][0].pop("busy"), "chairs.0.busy"),
        (lambda d: d["chairs"].append(d["chairs"][0]), f"chairs.{4}.id"),
        (lambda d: d["nurses"][0].update(capacity=0), "nurses.0.capacity"),
        (lambda d: d["patients"][0].update(stay=0), "patients.0.stay"),
        (lambda d: d["patients"][0].update(gap_min=500), "patients.0.gap_min"),
        (lambda d: d["patients"][0].update(therapists=["nobody"]), "patients.0.therapists"),
        (lambda d: d["patients"][0]["sessions"].append({"open": -1}), "patients.0.sessions.1"),
        (lambda d: d["patients"][0].update(id=7), "patients.0"),
    ],
)
def test_a_file_that_cannot_be_planned_is_refused_by_name(change, field):
    with pytest.raises(InvalidInput) as refused:
        check_instance(broken(change))
    assert refused.value.field == field


def test_an_unknown_patient_and_no_object_are_refused():
    with pytest.raises(InvalidInput):
        lay_out(instance("pub-s1"), ["nobody"])
    with pytest.raises(InvalidInput):
        check_instance([])
