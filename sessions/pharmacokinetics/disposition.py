"""From a model and a person to the modes of the linear system. Pure module, numpy.

The ketamine part of every model is a star whose exchanges run both ways, so its rate matrix is symmetric in
the coordinates amount / sqrt(volume): eigenvalues are real, eigenvectors orthogonal, the solution well
conditioned. The unit impulse response at the centre is sum(weight_i * exp(-rate_i * t)) with every weight
positive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.pharmacokinetics.structure import (
    NG_PER_ML_PER_MG_PER_L,
    REFERENCE_WEIGHT_KG,
    Person,
    PopulationModel,
)
from staff.errors import InvalidInput

Array = NDArray[np.float64]
Values = dict[str, Any]


@dataclass(frozen=True)
class Modes:
    """Impulse response sum(weights * exp(-rates * t)); the last axis runs over modes, slowest first."""

    rates: Array
    weights: Array


@dataclass(frozen=True)
class Star:
    """A centre and its satellites: volumes (L), exchange flows (L/min), own losses (1/min), loss of the
    centre.
    """

    volume: Any
    loss: Any
    satellites: tuple[tuple[Any, Any, Any], ...]

    def symmetric(self) -> Array:
        """The rate matrix in amount / sqrt(volume) coordinates, with the sign turned: eigenvalues > 0."""
        out = self.loss + sum(flow for _, flow, _ in self.satellites) / self.volume
        size = len(self.satellites) + 1
        matrix = np.zeros((*np.shape(out), size, size))
        matrix[..., 0, 0] = out
        for place, (volume, flow, loss) in enumerate(self.satellites, start=1):
            matrix[..., place, place] = flow / volume + loss
            matrix[..., 0, place] = matrix[..., place, 0] = -flow / np.sqrt(self.volume * volume)
        return matrix


def person_values(model: PopulationModel, person: Person) -> Values:
    """Typical values for this person. Raises InvalidInput on `age_y` when the model needs an age."""
    ratio = person.weight_kg / REFERENCE_WEIGHT_KG
    values: Values = {
        name: item.value * ratio**item.weight_exponent for name, item in model.parameters.items()
    }
    for slope in model.age_slopes:
        if person.age_years is None:
            raise InvalidInput("is needed by this model", field="age_y")
        values[slope.parameter] += slope.per_year * max(0.0, person.age_years - slope.above_years)
    for factor in model.factors:
        if factor.covariate in person.covariates:
            values[factor.parameter] *= factor.factor
    for name, multiplier in person.scale:
        values[name] *= multiplier
    return values


def ketamine_star(model: PopulationModel, values: Mapping[str, Any]) -> Star:
    """The ketamine part. Values may be arrays over draws."""
    satellites = [(values[volume], values[flow], 0.0) for volume, flow in model.peripherals]
    if model.liver:
        satellites.append((values["vh"], values["qh"], values["kel"] + values["kmet"]))
    loss = 0.0 if model.liver else values["cl"] / values["v1"]
    return Star(values["v1"], loss, tuple(satellites))


def norketamine_star(values: Mapping[str, Any]) -> Star:
    """The norketamine part."""
    return Star(values["nk_v1"], values["nk_cl"] / values["nk_v1"], ((values["nk_v2"], values["nk_q"], 0.0),))


def ketamine_modes(model: PopulationModel, values: Mapping[str, Any]) -> Modes:
    """Modes of the central concentration in ng/mL per mg, for one person (scalar values)."""
    star = ketamine_star(model, values)
    rates, vectors = np.linalg.eigh(star.symmetric())
    return Modes(rates, vectors[0] ** 2 * (NG_PER_ML_PER_MG_PER_L / star.volume))


def many_ketamine_modes(model: PopulationModel, values: Mapping[str, Any]) -> Modes:
    """The same for arrays of values (one row per draw)."""
    star = ketamine_star(model, values)
    matrix = star.symmetric()
    if matrix.shape[-1] == 3:
        rates = _cubic_rates(matrix)
        shares = _central_shares(matrix, rates)
    else:
        rates, vectors = np.linalg.eigh(matrix)
        shares = vectors[..., 0, :] ** 2
    scale = NG_PER_ML_PER_MG_PER_L / np.broadcast_to(star.volume, rates.shape[:-1])
    return Modes(rates, shares * scale[..., None])


def _cubic_rates(matrix: Array) -> Array:
    """Eigenvalues of symmetric 3 x 3 star matrices, ascending, by the trigonometric solution of the cubic."""
    a, b, c = matrix[..., 0, 0], matrix[..., 1, 1], matrix[..., 2, 2]
    off1, off2 = matrix[..., 0, 1] ** 2, matrix[..., 0, 2] ** 2
    mean = (a + b + c) / 3.0
    x, y, z = a - mean, b - mean, c - mean
    spread = np.sqrt((x * x + y * y + z * z + 2.0 * (off1 + off2)) / 6.0)
    determinant = x * y * z - off1 * z - off2 * y
    angle = np.arccos(np.clip(determinant / (2.0 * spread**3), -1.0, 1.0)) / 3.0
    high = mean + 2.0 * spread * np.cos(angle)
    middle = mean + 2.0 * spread * np.cos(angle - 2.0 * np.pi / 3.0)
    # The slowest rate from the determinant of the whole matrix: the difference above would lose digits.
    product = a * b * c - off1 * c - off2 * b
    return np.stack([product / (high * middle), middle, high], axis=-1)


def _central_shares(matrix: Array, rates: Array) -> Array:
    """Squared central component of each unit eigenvector of a star matrix (rates must be distinct)."""
    satellites = [matrix[..., place, place] for place in (1, 2)]
    shares = np.empty_like(rates)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        rate = rates[..., i]
        numerator = (satellites[0] - rate) * (satellites[1] - rate)
        shares[..., i] = numerator / ((rates[..., j] - rate) * (rates[..., k] - rate))
    return shares
