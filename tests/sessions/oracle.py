"""An independent second opinion on the engine, for comparison runs only.

Written from the published equations in plain amounts, without anything of the engine: own parameter tables, own
right-hand side, matrix exponential of SciPy restarted at every event, crossings by a dense scan and Brent's method.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import expm
from scipy.optimize import brentq, minimize_scalar

Peak = tuple[float, float]
Matrix = np.ndarray[Any, np.dtype[np.float64]]


def _star(centre: float, loss: float, arms: list[tuple[float, float]]) -> Matrix:
    size = len(arms) + 1
    rates = np.zeros((size, size))
    rates[0, 0] = -(loss + sum(flow for _, flow in arms)) / centre
    for place, (volume, flow) in enumerate(arms, start=1):
        rates[0, place], rates[place, 0], rates[place, place] = flow / volume, flow / centre, -flow / volume
    return rates


def _block(*blocks: Matrix) -> Matrix:
    size = sum(len(block) for block in blocks)
    whole = np.zeros((size, size))
    at = 0
    for block in blocks:
        whole[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return whole


def _otto(weight: float, age: float, asian: bool) -> tuple[Matrix, float, int, float]:
    w = weight / 70
    v1, cl, vn, cln = 133 * w, 95.2 / 60 * w**0.75, 98.638 * w, 57.72 / 60 * w**0.75
    rates = _block(
        _star(v1, cl, [(187, 23.2 / 60), (98.8, 157 / 60)]), _star(vn, cln, [(160.04, 42.778 / 60)])
    )
    rates[3, 0] += cl / v1
    return rates, 1000 / v1, 3, 1000 / vn


def _perez(weight: float, age: float, asian: bool) -> tuple[Matrix, float, int, float]:
    qh = (151 - 2.19 * max(0.0, age - 60)) / 60
    kel, kmet = 1.11 / 60 * (0.36 if asian else 1), 2.77 / 60
    cln = 38 / 60 * (0.81 if asian else 1)
    parent = _star(192, 0.0, [(143, 84.3 / 60), (417, 37.6 / 60), (101, qh)])
    parent[3, 3] -= kel + kmet
    rates = _block(parent, _star(70, cln, [(115, 26.1 / 60)]))
    rates[4, 3] += kmet
    return rates, 1000 / 192, 4, 1000 / 70


def _simons(weight: float, age: float, asian: bool) -> tuple[Matrix, float, int, float]:
    w = weight / 70
    f, v1 = w**0.75, 11.6 * w
    k = 2 / 20.1
    chain = np.array([[-k, 0.0], [k, -k]])
    parent = _star(v1, 1.48 * f, [(39 * w, 2.43 * f), (174 * w, 1.21 * f)])
    rates = _block(parent, chain, _star(v1, 1.0 * f, [(221 * w, 2.63 * f)]))
    rates[3, 0] += 1.48 * f / v1
    rates[5, 4] += 0.8 * k
    return rates, 1000 / v1, 5, 1000 / v1 * 223.70 / 237.73


def _kamp(exponent: float) -> Callable[[float, float, bool], tuple[Matrix, float, int, float]]:
    def build(weight: float, age: float, asian: bool) -> tuple[Matrix, float, int, float]:
        w = weight / 70
        f = w**exponent / 60
        return _star(25 * w, 84 * f, [(56 * w, 161 * f), (157 * w, 79 * f)]), 1000 / (25 * w), -1, 0.0

    return build


def _micro(volume: float, k10: float, pairs: list[tuple[float, float]]) -> Any:
    def build(weight: float, age: float, asian: bool) -> tuple[Matrix, float, int, float]:
        v1 = volume * weight
        return _star(v1, k10 * v1, [(out / back * v1, out * v1) for out, back in pairs]), 1000 / v1, -1, 0.0

    return build


MODELS: dict[str, Callable[[float, float, bool], tuple[Matrix, float, int, float]]] = {
    "otto2021": _otto,
    "perez2021": _perez,
    "simons2022": _simons,
    "kamp2020": _kamp(0.75),
    "kamp2020_lin": _kamp(1.0),
    "domino1984": _micro(0.063, 0.4381, [(0.5921, 0.2470), (0.5900, 0.0146)]),
    "clements1981": _micro(1.7522, 0.0109, [(0.0186, 0.0137)]),
    "hijazi2003": _micro(1.08, 0.0333, [(0.0088, 0.0030)]),
}


class Oracle:
    """Concentrations, crossings and peaks of one case."""

    def __init__(self, model: str, weight: float, age: float, asian: bool, regimen: dict[str, Any]) -> None:
        self.rates, self.scale, self.nk_place, self.nk_scale = MODELS[model](weight, age, asian)
        self.boluses = [tuple(item) for item in regimen["bolus"] if item[1] > 0]
        self.segments = [tuple(item) for item in regimen["inf"] if item[1] > item[0] and item[2] > 0]
        events = {at for at, _ in self.boluses} | {t for a, b, _ in self.segments for t in (a, b)}
        self.events = sorted(events)
        self.states = self._states()

    def _rate(self, at: float) -> float:
        return float(sum(rate for start, end, rate in self.segments if start <= at < end))

    def _step(self, state: Matrix, rate: float, minutes: float) -> Matrix:
        size = len(state)
        whole = np.zeros((size + 1, size + 1))
        whole[:size, :size] = self.rates
        whole[0, size] = rate
        return (expm(whole * minutes) @ np.append(state, 1.0))[:size]

    def _states(self) -> list[Matrix]:
        state, states, before = np.zeros(len(self.rates)), [], None
        for at in self.events:
            if before is not None:
                state = self._step(state, self._rate(before), at - before)
            state = state.copy()
            state[0] += sum(mg for when, mg in self.boluses if when == at)
            states.append(state)
            before = at
        return states

    def state(self, at: float) -> Matrix:
        """Amounts at `at`, right-continuous."""
        place = int(np.searchsorted(self.events, at, side="right")) - 1
        if place < 0:
            return np.zeros(len(self.rates))
        begin = self.events[place]
        return self._step(self.states[place], self._rate(begin), at - begin)

    def ketamine(self, at: float) -> float:
        """ng/mL."""
        return float(self.state(at)[0] * self.scale)

    def norketamine(self, at: float) -> float | None:
        """ng/mL, None where the model has none."""
        return None if self.nk_place < 0 else float(self.state(at)[self.nk_place] * self.nk_scale)

    def grid(self, points: int, tail: float) -> list[float]:
        """Dense times: between events, and after the last one."""
        parts = [
            a + (b - a) * np.linspace(0, 1, points, endpoint=False)
            for a, b in zip(self.events[:-1], self.events[1:], strict=True)
        ]
        after = self.events[-1] + np.concatenate([[0.0], np.geomspace(0.01, tail, points)])
        return [float(t) for t in np.concatenate([*parts, after])]

    def below(self, level: float, points: int = 300, tail: float = 6000.0) -> float | None:
        """Last downward crossing by a dense scan."""
        times = self.grid(points, tail)
        above = [self.ketamine(t) >= level for t in times]
        if not any(above):
            return None
        last = max(place for place, high in enumerate(above) if high)
        return float(brentq(lambda t: self.ketamine(t) - level, times[last], times[last + 1], xtol=1e-10))

    def peak(self, function: Callable[[float], float], points: int = 300, tail: float = 6000.0) -> Peak:
        """(value, time) of the highest point: every local maximum of the dense scan is refined."""
        times = self.grid(points, tail)
        values = [function(at) for at in times]
        best: Peak = (values[0], -times[0])
        for place in range(1, len(times) - 1):
            if values[place] < 0.9 * max(values) or values[place] < max(values[place - 1], values[place + 1]):
                continue
            found = minimize_scalar(
                lambda at: -function(at),
                bounds=(times[place - 1], times[place + 1]),
                method="bounded",
                options={"xatol": 1e-9},
            )
            best = max(best, (values[place], -times[place]), (float(-found.fun), -float(found.x)))
        return best[0], -best[1]

    def norketamine_peak(self) -> Peak:
        """(value, time) of norketamine's highest point."""
        return self.peak(lambda at: self.norketamine(at) or 0.0)
