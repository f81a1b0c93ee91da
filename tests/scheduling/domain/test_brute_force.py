"""Small random clinics, every plan tried: the exact planner, the search and the bound against the true optimum.

Legality and cost are judged by the independent scorer alone; the planner's own numbers are only compared with it.
"""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.domain.bounds import Bound
from scheduling.domain.instances import check_instance, lay_out, solution
from scheduling.domain.search import Search, bound
from tests.scheduling.domain.scorer import score

DAY = 96
WEIGHTS = {
    "unplanned": 900, "missing": 150, "wait_day": 60, "gap_hour": 2, "pref": 40, "prescriber": 30,
    "therapist": 80, "late_hour": 3, "peak": 4,
}  # fmt: skip


@st.composite
def clinics(draw: Any) -> dict[str, Any]:
    """Two patients, two infusions each, four days with an hour or two open, one or two of everything."""
    days = 4
    opens = [(day * DAY + 32, day * DAY + 32 + draw(st.integers(3, 5))) for day in range(days)]
    therapy = [[day * DAY + 60, day * DAY + 60 + draw(st.integers(2, 3))] for day in range(days)]
    patients = []
    for name in ("P1", "P2"):
        patients.append(
            {
                "id": name, "priority": draw(st.integers(1, 3)), "release": draw(st.sampled_from((0, 33, 128))),
                "n_infusions": 2, "stay": draw(st.integers(2, 3)), "turnover": draw(st.integers(0, 1)),
                "gap_min": draw(st.sampled_from((90, 96, 190))), "gap_max": draw(st.sampled_from((193, 200, 300))),
                "gap_target": 144, "lead": draw(st.integers(0, 2)),
                "available": [list(span) for span in opens if draw(st.integers(0, 9))],
                "session_available": [[0, days * DAY]], "preferred": [list(opens[0]), list(opens[2])],
                "prescriber": "M1", "therapists": ["T1"],
                "sessions": [{"open": 8, "close": draw(st.sampled_from((40, 130))), "prime": 20, "slots": 2}],
            }
        )  # fmt: skip
    busy = [[opens[1][0], opens[1][0] + 2]] if draw(st.booleans()) else []
    return check_instance(
        {
            "schema": "ketamine-series/1", "name": "tiny", "slots_per_day": DAY, "horizon_days": days,
            "open": [list(span) for span in opens],
            "chairs": [{"id": "C1", "busy": busy}],
            "nurses": [{"id": "N1", "capacity": 2, "shifts": [[0, days * DAY]], "load": []}],
            "prescribers": [{"id": "M1", "capacity": 4, "shifts": [[0, days * DAY]], "load": []}],
            "therapists": [{"id": "T1", "hours": therapy, "busy": []}],
            "patients": patients, "weights": WEIGHTS,
        }
    )  # fmt: skip


def every_plan(data: dict[str, Any], patient: dict[str, Any]) -> list[dict[str, Any]]:
    """All legal plans of one patient alone, sessions tried at every quarter hour or left out."""
    lone = {**data, "patients": [patient]}
    slots = [slot for opens, closes in data["open"] for slot in range(opens, closes)]
    hours = [slot for opens, closes in data["therapists"][0]["hours"] for slot in range(opens, closes - 1)]
    found = []
    for starts in product(slots, repeat=2):
        if not patient["gap_min"] <= starts[1] - starts[0] <= patient["gap_max"]:
            continue
        infusions = [{"start": slot, "chair": "C1", "nurse": "N1", "prescriber": "M1"} for slot in starts]
        near = [
            [
                slot
                for slot in hours
                if start < slot <= start + patient["stay"] + patient["sessions"][0]["close"]
            ]
            for start in starts
        ]
        for begins in product(*([None, *able] for able in near)):
            sessions = [
                {"infusion": n, "index": 0, "start": begin, "therapist": "T1"}
                for n, begin in enumerate(begins)
                if begin is not None
            ]
            plan = {"patient": patient["id"], "infusions": infusions, "sessions": sessions}
            bad, points = score(lone, {"plans": [plan]})
            if not bad:
                found.append({"plan": plan, "cost": points.total()})
    return found


def cheap_first(plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(plans, key=lambda item: item["cost"])


def joint_optimum(data: dict[str, Any], alone: list[list[dict[str, Any]]]) -> int:
    """The cheapest legal pair of plans. A pair costs at least the sum of its parts less the peaks shared."""
    best = score(data, {"plans": []})[1].total()
    slack = data["weights"]["peak"] * len(data["open"]) * 4
    for first, second in product([None, *cheap_first(alone[0])], [None, *cheap_first(alone[1])]):
        chosen = [item for item in (first, second) if item is not None]
        left = sum(
            900 * p["priority"]
            for p, item in zip(data["patients"], (first, second), strict=True)
            if item is None
        )
        if sum(item["cost"] for item in chosen) + left - slack >= best:
            if second is not None and first is not None and first["cost"] - slack >= best:
                break
            continue
        bad, points = score(data, {"plans": [item["plan"] for item in chosen]})
        if not bad:
            best = min(best, points.total())
    return best


def rounds(count: int) -> Any:
    asked = iter(range(count))
    return lambda: next(asked, count) / count


@settings(max_examples=12, deadline=None)
@given(data=clinics())
def test_planner_search_and_bound_against_every_plan(data: dict[str, Any]) -> None:
    alone = [every_plan(data, patient) for patient in data["patients"]]
    for patient, plans in zip(data["patients"], alone, strict=True):
        laid = lay_out(data, [patient["id"]])
        placement = laid.clinic.propose(laid.cases[0])
        assert (placement is None) == (not plans)
        if placement is not None:
            lone = {**data, "patients": [patient]}
            bad, points = score(lone, solution(data, laid, [placement]))
            assert bad == []
            assert points.total() == min(item["cost"] for item in plans)
    optimum = joint_optimum(data, alone)
    laid = lay_out(data)
    relaxed, least = Bound(laid.clinic, laid.cases), bound(laid.clinic, laid.cases)
    found = Search(laid.clinic, laid.cases, seed=1).run(rounds(120))
    bad, points = score(data, solution(data, laid, list(found.placements.values())))
    assert bad == []
    assert points.total() == found.cost >= optimum
    for _ in range(40):
        relaxed.tighten(found.cost)
    assert least <= optimum
    assert relaxed.value <= optimum


def test_the_bound_rises_over_the_series_own_optima_and_stays_below_a_plan() -> None:
    here = Path(__file__).parent / "instances"
    known = json.loads((here / "best.json").read_text())
    for name in ("pub-s1", "pub-s2"):
        laid = lay_out(check_instance(json.loads((here / f"{name}.json").read_text())))
        start, relaxed = bound(laid.clinic, laid.cases), Bound(laid.clinic, laid.cases)
        values = []
        while not relaxed.done:
            relaxed.tighten(known[name]["best"])
            values.append(relaxed.value)
        assert values == sorted(values)
        assert start < values[-1] <= known[name]["best"]
        # A third of the distance between the first bound and the best known is closed, at least.
        assert values[-1] - start >= (known[name]["best"] - start) / 3
