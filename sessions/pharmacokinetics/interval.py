"""Prediction interval: percentiles over the even set of draws. Pure module, numpy.

Each draw is one person with parameters of their own; the residual multiplies that person's whole curve by exp(eps),
which is the same as dividing the threshold. Percentiles of the crossing are over the draws that reach the
threshold; `never` is the share (0..1) of those that do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from sessions.pharmacokinetics.disposition import Array, Modes, many_ketamine_modes, person_values
from sessions.pharmacokinetics.draws import DRAWS, deviations
from sessions.pharmacokinetics.regimen import Regimen, Step
from sessions.pharmacokinetics.structure import Person, PopulationModel
from staff.errors import InvalidInput

PERCENTILES = (0.05, 0.50, 0.95)
PEAK_GRID, CROSSING_GRID = 24, 64


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


@lru_cache(maxsize=64)
def _population(model: PopulationModel, person: Person, residual: bool, count: int) -> tuple[Modes, Array]:
    if model.variability is None:
        raise InvalidInput("prints no variability, so no interval can be drawn", field="model")
    eta, eps = deviations(model.variability, residual=residual, count=count)
    values = person_values(model, person)
    for column, name in enumerate(model.variability.parameters):
        values[name] = values[name] * np.exp(eta[:, column])
    return many_ketamine_modes(model, values), np.exp(eps)


@dataclass(frozen=True)
class Interval:
    """The population's curves for one person and regimen. Raises InvalidInput without printed variances."""

    model: PopulationModel
    person: Person
    regimen: Regimen
    residual: bool = True
    count: int = DRAWS

    @cached_property
    def _drawn(self) -> tuple[Modes, Array]:
        return _population(self.model, self.person, self.residual, self.count)

    @cached_property
    def _steps(self) -> tuple[Step, ...]:
        return self.regimen.timeline()

    @cached_property
    def _states(self) -> list[Array]:
        """Per step, the state of every mode of every draw just after it."""
        rates = self._drawn[0].rates
        state, states = np.zeros_like(rates), []
        for place, step in enumerate(self._steps):
            if place:
                before = self._steps[place - 1]
                state = _moved(state, before.rate, rates, step.at_min - before.at_min)
            state = state + step.jump_mg
            states.append(state)
        return states

    def cmax(self) -> Percentiles:
        """Percentiles of the peak concentration in ng/mL, residual included if asked for."""
        modes, factor = self._drawn
        best = np.zeros(len(factor))
        for place, (step, state) in enumerate(zip(self._steps, self._states, strict=True)):
            best = np.maximum(best, (state * modes.weights).sum(-1))
            if step.rate and place:
                best = np.maximum(best, self._inner_peak(place))
        return Percentiles(*_percentiles(best * factor))

    def _inner_peak(self, place: int) -> Array | float:
        """Highest value inside a running segment: only where a curve starts rising and ends falling."""
        modes, rate, state = self._drawn[0], self._steps[place].rate, self._states[place]
        length = self._steps[place + 1].at_min - self._steps[place].at_min
        slopes = modes.weights * (rate - modes.rates * state)
        turning = (slopes.sum(-1) > 0) & ((slopes * np.exp(-modes.rates * length)).sum(-1) < 0)
        if not turning.any():
            return 0.0
        peaks = np.zeros(len(turning))
        grid = length * np.linspace(0.0, 1.0, PEAK_GRID)
        peaks[turning] = _values(modes, state, rate, grid, turning).max(-1)
        return peaks

    def below(self, level_ng_ml: float) -> Crossing:
        """Percentiles of the minute after which a curve stays below `level_ng_ml`."""
        modes, factor = self._drawn
        levels = level_ng_ml / factor
        times = np.full(len(factor), np.nan)
        for place in reversed(range(len(self._steps))):
            pending = np.isnan(times)
            if not pending.any():
                break
            self._cross(place, levels, times, pending)
        reached = times[~np.isnan(times)]
        return Crossing(*_percentiles(reached), never=1.0 - len(reached) / len(times))

    def _cross(self, place: int, levels: Array, times: Array, pending: Array) -> None:
        """Fill `times` for the pending draws whose last crossing lies after step `place` and before the next."""
        modes, step, state = self._drawn[0], self._steps[place], self._states[place]
        if not step.rate:
            above = pending & ((state * modes.weights).sum(-1) >= levels)
            if above.any():
                times[above] = step.at_min + _fall(
                    modes.rates[above], (state * modes.weights)[above], levels[above]
                )
            return
        length = self._steps[place + 1].at_min - step.at_min
        highest = (modes.weights * (state + rate_gain(step.rate, modes.rates, length))).sum(-1)
        able = np.flatnonzero(pending & (highest >= levels))
        if not len(able):
            return
        grid = length * np.linspace(0.0, 1.0, CROSSING_GRID)
        above_grid = _values(modes, state, step.rate, grid, able) >= levels[able, None]
        hit = above_grid.any(-1)
        rows = able[hit]
        last = CROSSING_GRID - 1 - above_grid[hit][:, ::-1].argmax(-1)
        left, right = grid[last], grid[np.minimum(last + 1, CROSSING_GRID - 1)]
        for _ in range(40):
            middle = 0.5 * (left + right)
            high = _at(modes, state, step.rate, middle, rows) >= levels[rows]
            left, right = np.where(high, middle, left), np.where(high, right, middle)
        times[rows] = step.at_min + 0.5 * (left + right)

    def band(self, times: Sequence[float]) -> Array:
        """P5, P50 and P95 of the concentration at each of the ascending `times` (min): shape (3, len(times))."""
        modes, factor = self._drawn
        at = np.asarray(times, dtype=float)
        result = np.zeros((3, len(at)))
        starts = np.array([step.at_min for step in self._steps])
        which = np.searchsorted(starts, at, side="right") - 1
        for place in np.unique(which[which >= 0]):
            chosen = which == place
            step = self._steps[place]
            everyone = np.arange(len(factor))
            values = _values(modes, self._states[place], step.rate, at[chosen] - step.at_min, everyone)
            result[:, chosen] = _row_percentiles((values * factor[:, None]).T)
        return result


def rate_gain(rate: float, rates: Array, minutes: Array | float) -> Array:
    """What a constant `rate` adds to each mode within `minutes`."""
    return -rate * np.expm1(-rates * minutes) / rates


def _moved(state: Array, rate: float, rates: Array, minutes: float) -> Array:
    moved = state * np.exp(-rates * minutes)
    return moved + rate_gain(rate, rates, minutes) if rate else moved


def _values(modes: Modes, state: Array, rate: float, grid: Array, rows: Array) -> Array:
    """Concentrations of the draws `rows` at each time of `grid` since the step: shape (rows, grid)."""
    rates, weights = modes.rates[rows], modes.weights[rows]
    plateau = rate / rates
    amounts = weights * (state[rows] - plateau)
    total = np.broadcast_to((weights * plateau).sum(-1)[:, None], (len(rates), len(grid))).copy()
    for mode in range(rates.shape[-1]):
        total += amounts[:, mode, None] * np.exp(-rates[:, mode, None] * grid)
    return total


def _at(modes: Modes, state: Array, rate: float, since: Array, rows: Array) -> Array:
    """Concentration of each draw of `rows` at its own time."""
    rates = modes.rates[rows]
    values: Array = (modes.weights[rows] * _moved_rows(state[rows], rate, rates, since)).sum(-1)
    return values


def _moved_rows(state: Array, rate: float, rates: Array, since: Array) -> Array:
    minutes = since[:, None]
    moved: Array = state * np.exp(-rates * minutes) + rate_gain(rate, rates, minutes)
    return moved


def _fall(rates: Array, amounts: Array, levels: Array) -> Array:
    """Times at which positive sums of decaying exponentials reach `levels`: Newton on the convex logarithm."""
    since = np.zeros(len(levels))
    wanted = np.log(levels)
    for _ in range(60):
        parts = amounts * np.exp(-rates * since[:, None])
        total = parts.sum(-1)
        move = (np.log(total) - wanted) * total / (parts * rates).sum(-1)
        since += move
        if np.max(np.abs(move)) < 1e-7:
            break
    return since


def _percentiles(values: Array) -> tuple[float | None, ...]:
    """Linear-interpolation percentiles of a 1-D set; None for an empty one."""
    if not len(values):
        return (None, None, None)
    return tuple(_row_percentiles(values[None, :])[:, 0].tolist())


def _row_percentiles(values: Array) -> Array:
    """Linear-interpolation percentiles of each row (rows must not be empty): shape (3, rows)."""
    last = values.shape[1] - 1
    places = [share * last for share in PERCENTILES]
    needed = sorted({min(int(place) + step, last) for place in places for step in (0, 1)})
    ordered = np.partition(values, needed, axis=1)
    found = []
    for place in places:
        low, high = ordered[:, int(place)], ordered[:, min(int(place) + 1, last)]
        found.append(low + (place - int(place)) * (high - low))
    return np.array(found)
