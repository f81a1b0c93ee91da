"""Side by side in one run: the engine, SciPy's LSODA, and opentiva where it is installed."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sessions.pharmacokinetics import interval as interval_module
from sessions.pharmacokinetics.interval import Interval
from sessions.pharmacokinetics.library import get_model
from sessions.pharmacokinetics.prediction import Prediction
from sessions.pharmacokinetics.regimen import make_regimen
from sessions.pharmacokinetics.structure import Person
from tests.sessions.oracle import Oracle

MINUTES, MG_PER_MIN, LEVEL, HOURS = 40.0, 0.875, 20.0, 10
TIMES = np.linspace(0.0, 60.0 * HOURS, 100)
REGIMEN = make_regimen([], [(0.0, MINUTES, MG_PER_MIN)])


def timed(function: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Median seconds of `repeats` runs, after one that does not count, and the last result."""
    result = function()
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = function()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken), result


def bulk() -> Interval:
    """Curves and crossings of all draws."""
    population = Interval(get_model("otto2021"), Person(70.0), REGIMEN)
    population.curves(TIMES.tolist())
    population.crossings(LEVEL)
    return population


def one(model: str = "otto2021") -> tuple[Any, float | None]:
    """One curve and its crossing."""
    prediction = Prediction(get_model(model), Person(70.0), REGIMEN)
    return prediction.concentrations(TIMES), prediction.below(LEVEL)


def one_with_interval() -> None:
    """One curve, its crossing and the interval, with the draws made anew."""
    interval_module._population.cache_clear()
    one()
    population = Interval(get_model("otto2021"), Person(70.0), REGIMEN)
    population.below(LEVEL)
    population.cmax()


def lsoda() -> tuple[Any, float]:
    """The textbook way: step through the equations and look for the crossing."""
    oracle = Oracle("otto2021", 70.0, 40.0, False, {"bolus": [], "inf": [[0.0, MINUTES, MG_PER_MIN]]})
    rates, size = oracle.rates[:3, :3], 3  # ketamine alone, like the engine's line
    tight: dict[str, Any] = {"method": "LSODA", "rtol": 1e-9, "atol": 1e-9}

    def slope(at: float, state: Any, rate: float) -> Any:
        change = rates @ state
        change[0] += rate
        return change

    during, after = TIMES[TIMES < MINUTES], TIMES[TIMES >= MINUTES]
    first = solve_ivp(
        slope, (0, MINUTES), np.zeros(size), args=(MG_PER_MIN,), t_eval=np.append(during, MINUTES), **tight
    )
    rest = solve_ivp(
        slope,
        (MINUTES, TIMES[-1]),
        first.y[:, -1],
        args=(0.0,),
        t_eval=after,
        dense_output=True,
        **tight,
    )
    curve = np.concatenate([first.y[0][:-1], rest.y[0]]) * oracle.scale
    crossing = brentq(lambda at: rest.sol(at)[0] * oracle.scale - LEVEL, MINUTES, TIMES[-1], xtol=1e-6)
    return curve, float(crossing)


def opentiva() -> Callable[[], Any] | None:
    """opentiva's pump with the same infusion, or None where it is not installed."""
    try:
        from opentiva import ketamine, pump
    except ImportError:
        return None

    def run() -> Any:
        model = ketamine.Domino(sex=0, age=40, weight=70, height=170)
        device = pump.Pump(model=model, drug_concentration=1, end_time=HOURS * 3600)
        device.add_infusion(start=0, dose=MG_PER_MIN / 60, duration=int(MINUTES * 60))
        return device.run()

    return run


def line(name: str, seconds: float, per_curve: float, agreement: str = "") -> None:
    """One row of the table."""
    ratio = seconds / per_curve
    print(f"| {name} | {seconds * 1e6:,.1f} us | {ratio:,.0f}x | {agreement} |")


def main() -> None:
    """Print the table."""
    draws = Interval(get_model("otto2021"), Person(70.0), REGIMEN).count
    bulk_seconds, _ = timed(bulk, 10)
    per_curve = bulk_seconds / draws
    one_seconds, (curve, crossing) = timed(one, 200)
    interval_seconds, _ = timed(one_with_interval, 50)
    lsoda_seconds, (other, other_crossing) = timed(lsoda, 20)
    assert crossing is not None
    print("| method | per curve | times the bulk engine | agreement |")
    print("| --- | --- | --- | --- |")
    line(f"engine, bulk ({draws} people)", per_curve, per_curve)
    line("engine, one curve + crossing", one_seconds, per_curve)
    line(f"engine, one with {draws} draws", interval_seconds, per_curve)
    seen = other > 0.01
    apart = f"{np.max(np.abs(curve[seen] / other[seen] - 1)):.0e}, crossing {abs(crossing - other_crossing):.0e} min"
    line("SciPy LSODA 1e-9, curve + crossing", lsoda_seconds, per_curve, apart)
    peer = opentiva()
    if peer is None:
        print("| opentiva | not installed | | |")
        return
    peer_seconds, run = timed(peer, 5)
    ours = Prediction(get_model("domino1984"), Person(70.0), REGIMEN).concentrations(run[:, 0] / 60.0)
    seen = ours > 0.01
    # opentiva reports micrograms per mL.
    apart = f"{np.max(np.abs(1000 * run[seen, 1] / ours[seen] - 1)):.0e}"
    line("opentiva, 10 h at 1 s, curve only", peer_seconds, per_curve, apart)


if __name__ == "__main__":
    main()
