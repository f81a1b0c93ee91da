"""exp(A t) for compartment matrices, exact to rounding whatever the eigenvalues. Pure module, numpy.

For a compartment matrix A (off-diagonal >= 0) and q = max(-diagonal), A + qI has no negative entry, so in
exp(A t) = exp(-q t) * exp((A + qI) t) the Taylor series and the squarings only ever add positive numbers:
nothing cancels, also where eigenvalues coincide and an eigenvector expansion breaks down (transit chains).
"""

from __future__ import annotations

import numpy as np

from sessions.pharmacokinetics.disposition import Array

TAYLOR_TERMS = 20


def exponentials(matrix: Array, times: Array) -> Array:
    """exp(matrix * t) for every t >= 0 in the 1-D `times`: shape (len(times), n, n)."""
    size = matrix.shape[0]
    shift = float(np.max(-np.diag(matrix), initial=0.0))
    longest = float(np.max(times, initial=0.0)) * shift
    halvings = max(0, int(np.ceil(np.log2(longest)))) if longest > 0 else 0
    short = times[:, None, None] / 2.0**halvings
    scaled = (matrix + shift * np.eye(size)) * short
    total = np.broadcast_to(np.eye(size), scaled.shape).copy()
    term = total.copy()
    for number in range(1, TAYLOR_TERMS + 1):
        term = term @ scaled / number
        total = total + term
    result = total * np.exp(-shift * short)
    for _ in range(halvings):
        result = result @ result
    return result
