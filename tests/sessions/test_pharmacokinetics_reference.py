"""The engine against reference values made elsewhere, and against an independent solver in the same run."""

from __future__ import annotations

import csv
import json
import random
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
from tests.sessions.oracle import MODELS, Oracle

DATA = Path(__file__).parent / "data"
POINT_CASES = json.loads((DATA / "point_cases.json").read_text(encoding="utf-8"))
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


def _hard_regimen(source: random.Random) -> dict[str, Any]:
    """Pauses, loading doses followed by low rates, infusions days apart, overlaps, repeated boluses."""
    boluses: list[list[float]] = []
    infusions: list[list[float]] = []
    shape = source.choice(["pauses", "days", "low", "boluses", "overlap"])
    if shape == "pauses":
        at = source.uniform(0, 5)
        for _ in range(4):
            length = source.uniform(0.5, 20)
            infusions.append([at, at + length, source.choice([0.3, 0.875, 2.0])])
            at += length + source.uniform(0, 25)
    elif shape == "days":
        infusions = [[day * 1440.0, day * 1440.0 + 40, source.uniform(0.5, 1.2)] for day in (0, 2, 4, 7)]
        boluses = [[1440.0 * 3.1, 5.0]]
    elif shape == "low":
        boluses = [[0.0, source.uniform(20, 60)]]
        at = source.uniform(30, 240)
        infusions = [[at, at + source.uniform(60, 400), source.uniform(0.02, 0.4)], [at + 500, at + 700, 0.1]]
    elif shape == "boluses":
        boluses = [[source.uniform(0, 100), source.uniform(1, 30)] for _ in range(3)] * 2
        infusions = [[50.0, 50.0, 3.0]]
    else:
        starts = [source.uniform(0, 60) for _ in range(4)]
        infusions = [[at, at + source.uniform(1, 90), source.uniform(0.05, 1)] for at in starts]
        boluses = [[infusions[0][1], 7.0]]
    source.shuffle(infusions)
    return {"bolus": boluses, "inf": infusions}


@pytest.mark.parametrize("seed", range(16))
def test_hard_regimens_against_an_independent_solver(seed: int) -> None:
    source = random.Random(seed)
    model = list(MODELS)[seed % len(MODELS)]
    weight, age, asian = (
        source.choice([42.5, 70.0, 160.0]),
        source.choice([25.0, 64.0, 82.0]),
        model == "perez2021",
    )
    regimen = _hard_regimen(source)
    oracle = Oracle(model, weight, age, asian, regimen)
    times = [*oracle.events, *(at + source.uniform(0, 300) for at in oracle.events), oracle.events[-1] + 2000]
    found = answer(
        {
            "model": model,
            "weight_kg": weight,
            "age_y": age,
            "covariates": {"asian": True} if asian else {},
            "regimen": regimen,
            "times_min": times,
            "thresholds_ng_ml": [50, 20, 3],
        }
    )
    for at, ketamine in zip(times, found["ketamine_ng_ml"], strict=True):
        assert ketamine == pytest.approx(oracle.ketamine(at), rel=1e-9, abs=1e-9)
    for at, norketamine in zip(times, found["norketamine_ng_ml"] or [], strict=False):
        assert norketamine == pytest.approx(oracle.norketamine(at), rel=1e-9, abs=1e-9)
    for level, crossing in found["below_min"].items():
        assert crossing == pytest.approx(oracle.below(float(level)), abs=1e-6)
    assert (found["cmax_ng_ml"], found["tmax_min"]) == pytest.approx(oracle.peak(oracle.ketamine), abs=1e-3)


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
