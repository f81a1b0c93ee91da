"""Zeros of sums of decaying exponentials, found without missing any. Pure module.

A sum of n exponentials has at most n - 1 zeros, and between two zeros of its (suitably scaled) derivative,
which is a sum of n - 1 exponentials, it is monotone. So the zeros follow by recursion, each from a bracket
that holds exactly one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

Term = tuple[float, float]  # (coefficient, rate): coefficient * exp(-rate * t)


def evaluate(terms: Sequence[Term], at: float) -> float:
    """Value of the sum at time `at`."""
    return math.fsum(coefficient * math.exp(-rate * at) for coefficient, rate in terms)


def zeros(terms: Sequence[Term], length: float) -> list[float]:
    """Times in (0, length), ascending, at which the sum changes sign. `length` is finite."""
    ordered = _merged(terms)
    if not _signs_change(ordered):
        return []
    slowest = ordered[0][1]
    scaled = [(coefficient, rate - slowest) for coefficient, rate in ordered]
    slope = [(-coefficient * rate, rate) for coefficient, rate in scaled[1:]]
    knots = [0.0, *zeros(slope, length), length]
    found = []
    for left, right in pairwise(knots):
        low, high = evaluate(scaled, left), evaluate(scaled, right)
        if (low < 0 < high) or (high < 0 < low):
            found.append(find_zero(lambda t: evaluate(scaled, t), left, right, low, high))
    return found


def _merged(terms: Sequence[Term]) -> list[Term]:
    by_rate: dict[float, float] = {}
    for coefficient, rate in terms:
        by_rate[rate] = by_rate.get(rate, 0.0) + coefficient
    return sorted(((c, r) for r, c in by_rate.items() if c != 0.0), key=lambda term: term[1])


def _signs_change(terms: Sequence[Term]) -> bool:
    return any(coefficient > 0 for coefficient, _ in terms) and any(
        coefficient < 0 for coefficient, _ in terms
    )


def find_zero(
    function: Callable[[float], float], left: float, right: float, low: float, high: float
) -> float:
    """The zero in a bracket whose end values `low`, `high` differ in sign: Illinois steps, bisection as a
    guard.
    """
    for turn in range(200):
        if right - left <= 1e-12 * (1.0 + abs(right)):
            break
        guess = (left * high - right * low) / (high - low) if turn % 3 != 2 else 0.5 * (left + right)
        if not left < guess < right:
            guess = 0.5 * (left + right)
        value = function(guess)
        if value == 0.0:
            return guess
        if (value < 0) == (low < 0):
            left, low = guess, value
            high *= 0.5
        else:
            right, high = guess, value
            low *= 0.5
    return 0.5 * (left + right)
