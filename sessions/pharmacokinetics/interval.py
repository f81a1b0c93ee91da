"""Prediction interval: percentiles over the even set of draws. Pure module, numpy.

Each draw is one person with parameters of their own; the residual multiplies that person's whole curve by
exp(eps), which is the same as dividing the threshold. Percentiles of the crossing are over the draws that
reach the threshold; `never` is the share (0..1) of those that do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from sessions.pharmacokinetics.disposition import Array, many_ketamine_modes, person_values
from sessions.pharmacokinetics.draws import DRAWS, deviations
from sessions.pharmacokinetics.regimen import Regimen, Step
from sessions.pharmacokinetics.structure import Person, PopulationModel
from staff.errors import InvalidInput

Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]
Triple = tuple[float | None, float | None, float | None]

PERCENTILES = (0.05, 0.50, 0.95)
CROSSING_GRID = 64


@dataclass(frozen=True)
class Percentiles:
    """P5, P50 and P95; all None when no draw counts."""

    p5: float | None
    p50: float | None
    p95: float | None


@dataclass(frozen=True)
class Crossing(Percentiles):
    """Minutes of the last downward crossing, and the share of draws that never reach the threshold."""

    never: float


@dataclass(frozen=True)
class _Crowd:
    """All draws at once. Arrays are modes x draws; `factor` is exp(eps) of each draw's whole curve."""

    rates: Array
    weights: Array
    factor: Array

    def total(self, state: Array) -> Array:
        """Concentration of each draw in that state."""
        values: Array = (state * self.weights).sum(0)
        return values

    def along(self, state: Array, rate: float, grid: Array, rows: Rows | slice) -> Array:
        """Concentrations of the draws `rows` at each time of `grid` since the step: grid x rows."""
        rates, weights = self.rates[:, rows], self.weights[:, rows]
        plateau = rate / rates
        amounts = weights * (state[:, rows] - plateau)
        total = np.empty((len(grid), rates.shape[1]))
        total[:] = (weights * plateau).sum(0)
        # Row by row, so that the working set stays in the processor's cache.
        for row, since in zip(total, grid.tolist(), strict=True):
            row += (amounts * np.exp(rates * -since)).sum(0)
        return total


@lru_cache(maxsize=64)
def _population(model: PopulationModel, person: Person, residual: bool, count: int) -> _Crowd:
    if model.variability is None:
        raise InvalidInput("prints no variability, so no interval can be drawn", field="model")
    eta, eps = deviations(model.variability, residual=residual, count=count)
    values = person_values(model, person)
    for column, name in enumerate(model.variability.parameters):
        values[name] = values[name] * np.exp(eta[:, column])
    modes = many_ketamine_modes(model, values)
    return _Crowd(np.ascontiguousarray(modes.rates.T), np.ascontiguousarray(modes.weights.T), np.exp(eps))


@dataclass(frozen=True)
class Interval:
    """The population's curves for one person and regimen. Raises InvalidInput without printed variances."""

    model: PopulationModel
    person: Person
    regimen: Regimen
    residual: bool = True
    count: int = DRAWS

    @cached_property
    def _crowd(self) -> _Crowd:
        return _population(self.model, self.person, self.residual, self.count)

    @cached_property
    def _steps(self) -> tuple[Step, ...]:
        return self.regimen.timeline()

    @cached_property
    def _states(self) -> list[Array]:
        """Per step, the state of every mode of every draw just after it."""
        rates = self._crowd.rates
        state, states = np.zeros_like(rates), []
        for place, step in enumerate(self._steps):
            if place:
                before = self._steps[place - 1]
                state = _moved(state, before.rate, rates, step.at_min - before.at_min)
            state = state + step.jump_mg
            states.append(state)
        return states

    def _length(self, place: int) -> float:
        return self._steps[place + 1].at_min - self._steps[place].at_min

    def cmax(self) -> Percentiles:
        """Percentiles of the peak concentration in ng/mL, residual included if asked for.

        The highest value lies at a step (see `curve.peak`).
        """
        best = np.zeros(self.count)
        for state in self._states:
            best = np.maximum(best, self._crowd.total(state))
        return Percentiles(*_percentiles(best * self._crowd.factor))

    def below(self, level_ng_ml: float) -> Crossing:
        """Percentiles of the minute after which a curve stays below `level_ng_ml`."""
        times = self.crossings(level_ng_ml)
        reached = times[~np.isnan(times)]
        p5, p50, p95 = _percentiles(reached)
        return Crossing(p5, p50, p95, never=1.0 - len(reached) / self.count)

    def crossings(self, level_ng_ml: float) -> Array:
        """Minute of each draw's last downward crossing; NaN where it never reaches `level_ng_ml`."""
        levels = level_ng_ml / self._crowd.factor
        times = np.full(self.count, np.nan)
        for place in reversed(range(len(self._steps))):
            pending = np.isnan(times)
            if not pending.any():
                break
            if self._steps[place].rate:
                self._cross_running(place, levels, times, pending)
            else:
                self._cross_falling(place, levels, times, pending)
        return times

    def _cross_falling(self, place: int, levels: Array, times: Array, pending: Mask) -> None:
        """Fill `times` where a curve falls through its level after step `place`, with nothing running."""
        crowd, amounts = self._crowd, self._states[place] * self._crowd.weights
        above = pending & (amounts.sum(0) >= levels)
        if above.all():
            times[:] = self._steps[place].at_min + _fall(crowd.rates, amounts, levels)
        elif above.any():
            found = _fall(crowd.rates[:, above], amounts[:, above], levels[above])
            times[above] = self._steps[place].at_min + found

    def _cross_running(self, place: int, levels: Array, times: Array, pending: Mask) -> None:
        """Fill `times` where the last crossing lies inside a running segment: grid, then bisection."""
        crowd, step, state = self._crowd, self._steps[place], self._states[place]
        length = self._length(place)
        highest = crowd.total(state + _gain(step.rate, crowd.rates, length))
        able = np.flatnonzero(pending & (highest >= levels))
        if not len(able):
            return
        grid = length * np.linspace(0.0, 1.0, CROSSING_GRID)
        above = crowd.along(state, step.rate, grid, able) >= levels[able]
        hit = above.any(0)
        rows = able[hit]
        last = CROSSING_GRID - 1 - above[::-1, hit].argmax(0)
        left, right = grid[last], grid[np.minimum(last + 1, CROSSING_GRID - 1)]
        rates, weights, begin = crowd.rates[:, rows], crowd.weights[:, rows], state[:, rows]
        for _ in range(40):
            middle = 0.5 * (left + right)
            high = (weights * _moved(begin, step.rate, rates, middle)).sum(0) >= levels[rows]
            left, right = np.where(high, middle, left), np.where(high, right, middle)
        times[rows] = step.at_min + 0.5 * (left + right)

    def curves(self, times: Sequence[float]) -> Array:
        """Concentration of every draw at each of `times` (min): shape (times, draws)."""
        at = np.asarray(times, dtype=float)
        result = np.zeros((len(at), self.count))
        starts = np.array([step.at_min for step in self._steps])
        which = np.searchsorted(starts, at, side="right") - 1
        for place in np.unique(which[which >= 0]):
            chosen = which == place
            step, state = self._steps[place], self._states[place]
            result[chosen] = self._crowd.along(state, step.rate, at[chosen] - step.at_min, slice(None))
        return result * self._crowd.factor

    def band(self, times: Sequence[float]) -> Array:
        """P5, P50 and P95 of the concentration at each of `times` (min): shape (3, times)."""
        return _row_percentiles(self.curves(times))


def _gain(rate: float, rates: Array, minutes: Array | float) -> Array:
    """What a constant `rate` adds to each mode within `minutes`."""
    return -rate * np.expm1(-rates * minutes) / rates


def _moved(state: Array, rate: float, rates: Array, minutes: Array | float) -> Array:
    moved = state * np.exp(-rates * minutes)
    return moved + _gain(rate, rates, minutes) if rate else moved


def _fall(rates: Array, amounts: Array, levels: Array) -> Array:
    """Times at which positive sums of decaying exponentials reach `levels`: Newton on the convex logarithm.

    It starts left of the root, where the slowest mode alone would reach the level, and never passes it.
    """
    wanted = np.log(levels)
    since = np.maximum(0.0, (np.log(amounts[0]) - wanted) / rates[0])
    for _ in range(60):
        parts = amounts * np.exp(-rates * since)
        total = parts.sum(0)
        move = (np.log(total) - wanted) * total / (parts * rates).sum(0)
        since += move
        if np.abs(move).max() < 1e-7:
            break
    return since


def _percentiles(values: Array) -> Triple:
    """Linear-interpolation percentiles of a 1-D set; None for an empty one."""
    if not len(values):
        return (None, None, None)
    p5, p50, p95 = _row_percentiles(values[None, :])[:, 0].tolist()
    return p5, p50, p95


def _row_percentiles(values: Array) -> Array:
    """Linear-interpolation percentiles of each row (rows must not be empty): shape (3, rows)."""
    last = values.shape[1] - 1
    places = [share * last for share in PERCENTILES]
    ordered = np.sort(values, axis=1)
    found = []
    for place in places:
        low, high = ordered[:, int(place)], ordered[:, min(int(place) + 1, last)]
        found.append(low + (place - int(place)) * (high - low))
    return np.array(found)
