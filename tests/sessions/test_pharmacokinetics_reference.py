"""The engine against reference values made elsewhere, and against an independent solver in the same run."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sessions.pharmacokinetics.contract import answer
from sessions.pharmacokinetics.interval import Interval
from sessions.pharmacokinetics.library import get_model
from sessions.pharmacokinetics.prediction import Prediction
from sessions.pharmacokinetics.regimen import Regimen, make_regimen
from sessions.pharmacokinetics.structure import Person
from tests.sessions.oracle import Oracle

DATA = Path(__file__).parent / "data"
POINT_CASES = json.loads((DATA / "point_cases.json").read_text(encoding="utf-8"))
HARD_CASES = json.loads((DATA / "hard_cases.json").read_text(encoding="utf-8"))
POPULATION = list(csv.DictReader((DATA / "population_cases.csv").read_text(encoding="utf-8").splitlines()))
POPULATION_REGIMENS: dict[str, tuple[float, list[tuple[float, float, float]]]] = {
    "std70": (70, [(0, 40, 35 / 40)]),
    "std45": (45, [(0, 40, 22.5 / 40)]),
    "std100": (100, [(0, 40, 50 / 40)]),
    "d1.0_70_40": (70, [(0, 40, 70 / 40)]),
    "stop20_70": (70, [(0, 20, 35 / 40)]),
}


def _predict(case: dict[str, Any]) -> Prediction:
    regimen = make_regimen(case["regimen"]["bolus"], case["regimen"]["inf"])
    return Prediction(get_model(case["model"]), Person(case["weight_kg"], case["age_y"]), regimen)


@pytest.mark.parametrize("case", POINT_CASES, ids=lambda case: case["id"])
def test_every_reference_row_within_a_millionth(case: dict[str, Any]) -> None:
    prediction = _predict(case)
    times = [row[0] for row in case["rows"]]
    curves = [(prediction.ketamine, 1), (prediction.norketamine, 2)]
    for curve, column in curves:
        if curve is None:
            assert all(row[column] is None for row in case["rows"])
            continue
        for value, row in zip(curve.concentrations(times), case["rows"], strict=True):
            if row[column] > 0.01:
                assert value == pytest.approx(row[column], rel=1e-6)


@pytest.mark.parametrize("case", POINT_CASES, ids=lambda case: case["id"])
def test_peaks_and_crossings_of_the_reference_cases(case: dict[str, Any]) -> None:
    prediction = _predict(case)
    cmax, tmax = prediction.peak
    assert cmax == pytest.approx(case["cmax"], rel=1e-6)
    assert tmax == pytest.approx(case["tmax"], abs=0.01)
    for level, expected in case["below"].items():
        assert prediction.below(float(level)) == pytest.approx(expected, abs=0.01)
    assert prediction.below_tenth_of_peak() == pytest.approx(case["below_tenth"], abs=0.01)
    if case["nk_cmax"] is not None:
        assert prediction.norketamine_peak == pytest.approx(
            (case["nk_cmax"], case["nk_tmax"]), rel=1e-6, abs=0.01
        )


@pytest.mark.parametrize(
    "row", POPULATION, ids=lambda row: f"{row['case']}-{row['variability']}-{row['quantity']}"
)
def test_population_percentiles_within_three_percent(row: dict[str, str]) -> None:
    weight, infusions = POPULATION_REGIMENS[row["case"]]
    interval = Interval(
        get_model("otto2021"),
        Person(weight),
        make_regimen([], infusions),
        residual=row["variability"] == "BSV+residual",
    )
    if row["quantity"] == "cmax":
        found: Any = interval.cmax()
    else:
        found = interval.below(float(row["quantity"][1:]))
        assert found.never == pytest.approx(float(row["fraction_never_above"]), abs=0.002)
    for name in ("p5", "p50", "p95"):
        assert getattr(found, name) == pytest.approx(float(row[name]), rel=0.03)


@pytest.mark.parametrize("case", HARD_CASES, ids=lambda case: case["request"]["id"])
def test_hard_regimens_against_an_independent_solver(case: dict[str, Any]) -> None:
    """Pauses, low rates after a loading dose, a series of days, overlaps (made by `make_hard_cases.py`)."""
    found = answer(case["request"])
    assert found["ketamine_ng_ml"] == pytest.approx(case["ketamine"], rel=1e-9, abs=1e-9)
    if case["norketamine"] is None:
        assert found["norketamine_ng_ml"] is None
    else:
        assert found["norketamine_ng_ml"] == pytest.approx(case["norketamine"], rel=1e-9, abs=1e-9)
        peak = found["nk_cmax_ng_ml"], found["nk_tmax_min"]
        assert peak == pytest.approx(case["norketamine_peak"], rel=1e-9, abs=1e-3)
    assert found["below_min"] == pytest.approx(case["below"], abs=1e-6)
    assert (found["cmax_ng_ml"], found["tmax_min"]) == pytest.approx(case["peak"], rel=1e-9, abs=1e-3)


def test_against_a_stepping_integrator() -> None:
    """The whole norketamine chain of the default model, by LSODA at its tightest."""
    oracle = Oracle("otto2021", 70.0, 40.0, False, {"bolus": [], "inf": [[0.0, 40.0, 0.875]]})
    rates = oracle.rates

    def slope(time: float, state: Any, rate: float) -> Any:
        return rates @ state + np.array([rate, 0, 0, 0, 0])

    tight: dict[str, Any] = {"method": "LSODA", "rtol": 1e-11, "atol": 1e-12}
    during = solve_ivp(slope, (0, 40), np.zeros(5), args=(0.875,), t_eval=[20.0, 40.0], **tight)
    after = solve_ivp(slope, (40, 400), during.y[:, -1], args=(0.0,), t_eval=[100.0, 400.0], **tight)
    expected = np.concatenate([during.y, after.y], axis=1)
    prediction = Prediction(get_model("otto2021"), Person(70.0), make_regimen([], [(0, 40, 0.875)]))
    times = [20.0, 40.0, 100.0, 400.0]
    assert prediction.concentrations(times) == pytest.approx(expected[0] * oracle.scale, rel=1e-7)
    assert prediction.norketamine is not None
    assert prediction.norketamine.concentrations(times) == pytest.approx(
        expected[3] * oracle.nk_scale, rel=1e-7
    )


def test_metabolite_is_exact_where_two_eigenvalues_nearly_meet() -> None:
    """Scaling norketamine's clearance moves its eigenvalue across ketamine's: the answer must not notice."""
    model, regimen = get_model("otto2021"), make_regimen([], [(0, 40, 0.875)])
    slow = Prediction(model, Person(70.0), regimen).ketamine.modes.rates[0]
    low, high = 0.01, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _slowest_norketamine(middle) < slow else (low, middle)
    at_meeting = _norketamine_at(low, regimen)
    beside = 0.5 * (_norketamine_at(low * 0.999, regimen) + _norketamine_at(low * 1.001, regimen))
    assert at_meeting == pytest.approx(beside, rel=1e-5)


def _slowest_norketamine(factor: float) -> float:
    from sessions.pharmacokinetics.disposition import norketamine_star, person_values

    person = Person(70.0, scale=(("nk_cl", factor),))
    values = person_values(get_model("otto2021"), person)
    return float(np.linalg.eigvalsh(norketamine_star(values).symmetric())[0])


def _norketamine_at(factor: float, regimen: Regimen) -> float:
    prediction = Prediction(get_model("otto2021"), Person(70.0, scale=(("nk_cl", factor),)), regimen)
    assert prediction.norketamine is not None
    return float(prediction.norketamine.concentrations([300.0])[0])
