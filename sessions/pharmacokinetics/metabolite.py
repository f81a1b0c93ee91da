"""Norketamine of one person: exact values and the peak. Pure module, numpy.

Where all eigenvalues are well apart (otto2021, perez2021) the response is again a sum of exponentials, five
or six of them. Where they coincide (the transit steps of simons2022) it is not, and the whole system is
propagated by the matrix exponential instead, which has no such trouble.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from sessions.pharmacokinetics.curve import ModalCurve
from sessions.pharmacokinetics.disposition import (
    Array,
    Modes,
    Star,
    Values,
    ketamine_star,
    norketamine_star,
)
from sessions.pharmacokinetics.matrix_exponential import exponentials
from sessions.pharmacokinetics.regimen import Step
from sessions.pharmacokinetics.structure import NG_PER_ML_PER_MG_PER_L, Metabolite, PopulationModel

GRID_PER_STEP = 120
SMALLEST_RELATIVE_GAP = 1e-4  # below it partial fractions would lose more than four digits


class Curve(Protocol):
    """Anything that knows its steps and gives concentrations (ng/mL) at times (min)."""

    @property
    def steps(self) -> tuple[Step, ...]: ...

    def concentrations(self, times: ArrayLike) -> Array: ...


def norketamine_curve(model: PopulationModel, values: Values, steps: tuple[Step, ...]) -> Curve | None:
    """The metabolite's curve, or None where the model has no metabolite."""
    if model.metabolite is None:
        return None
    modes = None if model.metabolite.transit_steps else _modes(model, model.metabolite, values)
    if modes is not None:
        return ModalCurve(modes, steps)
    return PropagatedCurve(_matrix(model, model.metabolite, values), _scale(model.metabolite, values), steps)


def _scale(metabolite: Metabolite, values: Values) -> float:
    """ng/mL per mg in the norketamine centre."""
    return float(NG_PER_ML_PER_MG_PER_L * metabolite.mass_ratio / values["nk_v1"])


def _feed(model: PopulationModel, metabolite: Metabolite, values: Values) -> tuple[int, float]:
    """Index of the compartment that forms norketamine (0 centre, last = liver) and the rate (1/min)."""
    if metabolite.fed_from == "liver":
        return len(model.peripherals) + 1, metabolite.fraction * values["kmet"]
    return 0, metabolite.fraction * values["cl"] / values["v1"]


def _modes(model: PopulationModel, metabolite: Metabolite, values: Values) -> Modes | None:
    """Partial fractions of parent and metabolite; None when two eigenvalues are too close for them."""
    parent, child = ketamine_star(model, values), norketamine_star(values)
    rates, vectors = np.linalg.eigh(parent.symmetric())
    child_rates, child_vectors = np.linalg.eigh(child.symmetric())
    gaps = child_rates[None, :] - rates[:, None]
    if np.min(np.abs(gaps) / child_rates[None, :]) < SMALLEST_RELATIVE_GAP:
        return None
    source, rate = _feed(model, metabolite, values)
    source_volume = parent.volume if source == 0 else parent.satellites[source - 1][0]
    inflow = rate * np.sqrt(source_volume / parent.volume) * vectors[source] * vectors[0]
    outflow = child_vectors[0] ** 2 * _scale(metabolite, values)
    joint = inflow[:, None] * outflow[None, :] / gaps
    return Modes(np.concatenate([rates, child_rates]), np.concatenate([joint.sum(1), -joint.sum(0)]))


def _star_block(matrix: Array, star: Star, offset: int) -> None:
    """Write the rates of a star, in amounts, into `matrix` from `offset` on."""
    matrix[offset, offset] -= star.loss
    for place, (volume, flow, loss) in enumerate(star.satellites, start=offset + 1):
        matrix[offset, offset] -= flow / star.volume
        matrix[place, offset] += flow / star.volume
        matrix[offset, place] += flow / volume
        matrix[place, place] -= flow / volume + loss


def _matrix(model: PopulationModel, metabolite: Metabolite, values: Values) -> Array:
    """Rate matrix in amounts: parent star, transit steps, norketamine star."""
    parent, child = ketamine_star(model, values), norketamine_star(values)
    first_transit = len(parent.satellites) + 1
    centre = first_transit + metabolite.transit_steps
    matrix = np.zeros((centre + 2, centre + 2))
    _star_block(matrix, parent, 0)
    _star_block(matrix, child, centre)
    source, rate = _feed(model, metabolite, values)
    if metabolite.transit_steps:
        matrix[first_transit, source] += rate / metabolite.fraction
        for place in range(first_transit, centre):
            matrix[place, place] -= metabolite.transit_rate
            share = metabolite.fraction if place + 1 == centre else 1.0
            matrix[place + 1, place] += share * metabolite.transit_rate
    else:
        matrix[centre, source] += rate
    return matrix


@dataclass(frozen=True)
class PropagatedCurve:
    """Norketamine by propagating the whole system: the last but one compartment is its centre."""

    matrix: Array
    scale: float
    steps: tuple[Step, ...]

    @cached_property
    def _augmented(self) -> Array:
        """One more state that stays 1 times the rate and flows into the parent's centre: a constant input."""
        size = self.matrix.shape[0]
        result = np.zeros((size + 1, size + 1))
        result[:size, :size] = self.matrix
        result[0, size] = 1.0
        return result

    @cached_property
    def _states(self) -> Array:
        """State just after each step, the running rate in the last place: one row per step."""
        size = self.matrix.shape[0]
        states = np.zeros((len(self.steps), size + 1))
        lengths = np.diff([step.at_min for step in self.steps])
        moves = exponentials(self._augmented, lengths) if len(lengths) else np.zeros((0, size + 1, size + 1))
        for place, step in enumerate(self.steps):
            if place:
                states[place] = moves[place - 1] @ states[place - 1]
            states[place, 0] += step.jump_mg
            states[place, size] = step.rate
        return states

    def concentrations(self, times: ArrayLike) -> Array:
        """Values at `times` (any order), 0 before the first step."""
        at = np.atleast_1d(np.asarray(times, dtype=float))
        if not self.steps:
            return np.zeros_like(at)
        starts = np.array([step.at_min for step in self.steps])
        place = np.searchsorted(starts, at, side="right") - 1
        known = np.maximum(place, 0)
        since = np.where(place >= 0, at - starts[known], 0.0)
        moved = exponentials(self._augmented, since) @ self._states[known][..., None]
        return np.where(place >= 0, moved[:, -3, 0] * self.scale, 0.0)


def metabolite_peak(curve: Curve, tail_minutes: float) -> tuple[float, float | None]:
    """(Cmax, its time) of a smooth curve that is past its peak `tail_minutes` after the last step.

    Every local maximum of a grid fine against the curve's own time scales is narrowed down by repeated
    division.
    """
    if not curve.steps:
        return 0.0, None
    grid = _peak_grid(curve.steps, tail_minutes)
    values = curve.concentrations(grid)
    highest = float(values.max())
    if highest <= 0.0:
        return 0.0, None
    inner = np.flatnonzero((values[1:-1] >= values[:-2]) & (values[1:-1] >= values[2:])) + 1
    worth = [place for place in inner if values[place] >= 0.9 * highest]
    peaks = [_narrowed(curve, grid[place - 1], grid[place + 1]) for place in worth]
    return max(peaks, key=lambda item: (item[0], -item[1]), default=(highest, float(grid[values.argmax()])))


def _peak_grid(steps: tuple[Step, ...], tail_minutes: float) -> Array:
    """Fine just after each step, where a curve can turn fast, and ever coarser until the next one."""
    starts = np.array([step.at_min for step in steps])
    lengths = np.append(np.diff(starts), tail_minutes)
    shape = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, GRID_PER_STEP)])
    return np.unique((starts[:, None] + lengths[:, None] * shape).ravel())


def _narrowed(curve: Curve, left: float, right: float) -> tuple[float, float]:
    while True:
        grid = np.linspace(left, right, 33)
        values = curve.concentrations(grid)
        best = int(values.argmax())
        if right - left < 1e-4:
            return float(values[best]), float(grid[best])
        left, right = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 32)])
