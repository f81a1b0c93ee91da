"""The predicted ketamine curve of one person: exact values, peak, last crossing. Pure module, numpy.

Between two steps of the regimen the concentration is a constant plus a sum of exponentials, so nothing here
has a step-size error. Times in minutes, concentrations in ng/mL.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from sessions.pharmacokinetics.disposition import Array, Modes
from sessions.pharmacokinetics.exponential_sums import Term, evaluate, zeros
from sessions.pharmacokinetics.regimen import Step

SMALLEST = 1e-300  # ng/mL; below it logarithms run into the end of the number range


@dataclass(frozen=True)
class ModalCurve:
    """Concentration driven by `steps` through `modes`. Weights may have either sign (norketamine)."""

    modes: Modes
    steps: tuple[Step, ...]

    @cached_property
    def _starts(self) -> Array:
        return np.array([step.at_min for step in self.steps])

    @cached_property
    def _states(self) -> Array:
        """State of every mode just after each step: one row per step."""
        rates = self.modes.rates
        states = np.zeros((len(self.steps), len(rates)))
        state = np.zeros(len(rates))
        for place, step in enumerate(self.steps):
            if place:
                before = self.steps[place - 1]
                state = _advance(state, before.rate, rates, step.at_min - before.at_min)
            state = state + step.jump_mg
            states[place] = state
        return states

    def concentrations(self, times: ArrayLike) -> Array:
        """Values at `times` (any order); 0 before the first step; right-continuous at a bolus."""
        at = np.asarray(times, dtype=float)
        if not self.steps:
            return np.zeros_like(at)
        place = np.searchsorted(self._starts, at, side="right") - 1
        known = np.maximum(place, 0)
        since = np.where(place >= 0, at - self._starts[known], 0.0)[..., None]
        rate = np.array([step.rate for step in self.steps])[known][..., None]
        decayed = self._states[known] * np.exp(-self.modes.rates * since)
        state = decayed - rate * np.expm1(-self.modes.rates * since) / self.modes.rates
        return np.where(place >= 0, np.maximum(state @ self.modes.weights, 0.0), 0.0)

    def terms(self, place: int) -> tuple[float, list[Term]]:
        """Plateau and exponential terms of the concentration after step `place`, in time since that step."""
        rates, weights, rate = self.modes.rates.tolist(), self.modes.weights.tolist(), self.steps[place].rate
        state = self._states[place].tolist()
        plateau = rate * math.fsum(w / r for w, r in zip(weights, rates, strict=True))
        return plateau, [(w * (z - rate / r), r) for w, z, r in zip(weights, state, rates, strict=True)]

    def length(self, place: int) -> float:
        """Minutes from step `place` to the next one; infinite after the last."""
        if place + 1 < len(self.steps):
            return self.steps[place + 1].at_min - self.steps[place].at_min
        return math.inf


def _advance(state: Array, rate: float, rates: Array, minutes: float) -> Array:
    decay = np.exp(-rates * minutes)
    if rate:
        return state * decay - rate * np.expm1(-rates * minutes) / rates
    return state * decay


def peak(curve: ModalCurve) -> tuple[float, float | None]:
    """(Cmax, its earliest time) of a ketamine curve; (0, None) when nothing was given.

    Only the steps need looking at. Where the centre reaches a new highest value between two steps, every other
    compartment is still at or below it and filling, so the centre's slope can only grow: a new maximum ends with
    the segment, never inside it. (Later, lower maxima inside a segment exist; `last_below` sees them.)
    """
    best, at = 0.0, None
    for place, step in enumerate(curve.steps):
        plateau, terms = curve.terms(place)
        value = plateau + evaluate(terms, 0.0)
        if value > best * (1.0 + 1e-12):
            best, at = value, step.at_min
    return best, at


def last_below(curve: ModalCurve, level: float) -> float | None:
    """Earliest T with C < `level` at every t >= T (the last downward crossing); None when never reached."""
    if level <= 0.0:
        return None
    for place in reversed(range(len(curve.steps))):
        plateau, terms = curve.terms(place)
        length = curve.length(place)
        since = (
            _falls_below(terms, level)
            if math.isinf(length)
            else _last_in_segment(plateau, terms, level, length)
        )
        if since is not None:
            return curve.steps[place].at_min + since
    return None


def _falls_below(terms: Sequence[Term], level: float) -> float | None:
    """Crossing of a positive, falling sum of exponentials: Newton on its convex logarithm, from the left."""
    if evaluate(terms, 0.0) < level:
        return None
    since = 0.0
    for _ in range(200):
        parts = [c * math.exp(-r * since) for c, r in terms]
        total = math.fsum(parts)
        if total <= SMALLEST:
            break
        slope = math.fsum(part * rate for part, (_, rate) in zip(parts, terms, strict=True)) / total
        move = math.log(total / level) / slope
        since += move
        if abs(move) <= 1e-11 * (1.0 + since):
            break
    return max(since, 0.0)


def _last_in_segment(plateau: float, terms: Sequence[Term], level: float, length: float) -> float | None:
    """Last time in [0, length] at or above `level`, given that it is below from `length` on."""
    above = [(plateau - level, 0.0), *terms]
    if evaluate(above, length) >= 0.0:
        return length
    found = zeros(above, length)
    if found:
        return found[-1]
    return 0.0 if evaluate(above, 0.0) >= 0.0 else None
