"""What a population pharmacokinetic model is, as data. Pure module.

Units everywhere in this package: minutes, mg, litres, L/min, 1/min, ng/mL, kg, years. A model is a central
compartment with satellites around it (a star): peripheral compartments that exchange with the centre, and
optionally a liver that exchanges with the centre and loses drug itself. Norketamine, where a model has it, is
a second small star fed from the centre or the liver, with or without transit steps on the way. Adding a model
means adding one `PopulationModel` to `library`; no code changes.

Parameter names (values at the reference weight of 70 kg):
`v1 cl` central volume and clearance; `v2 q2`, `v3 q3` peripheral volumes and flows; `vh qh kel kmet` liver;
`nk_v1 nk_cl nk_v2 nk_q` norketamine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

REFERENCE_WEIGHT_KG = 70.0
NG_PER_ML_PER_MG_PER_L = 1000.0

Role = Literal["default", "alternate", "sensitivity", "comparison"]
Source = Literal["central", "liver"]


@dataclass(frozen=True)
class Parameter:
    """`value` at 70 kg, multiplied by (weight / 70) ** `weight_exponent`."""

    value: float
    weight_exponent: float = 0.0


@dataclass(frozen=True)
class AgeSlope:
    """Adds `per_year` to the typical value of `parameter` for every year of age above `above_years`."""

    parameter: str
    above_years: float
    per_year: float


@dataclass(frozen=True)
class CovariateFactor:
    """Multiplies `parameter` by `factor` when the yes/no `covariate` is yes."""

    covariate: str
    parameter: str
    factor: float


@dataclass(frozen=True)
class Metabolite:
    """How norketamine is formed: from where, which share, through which delay, at which mass ratio."""

    fed_from: Source = "central"
    fraction: float = 1.0
    transit_steps: int = 0
    transit_rate: float = 0.0
    mass_ratio: float = 1.0


@dataclass(frozen=True)
class Variability:
    """Printed between-subject variability: log-normal `covariance` over `parameters`, and the residual SD.

    `residual_sd` None means that the source prints none we can use. A variance the source does not print is
    0.
    """

    parameters: tuple[str, ...]
    covariance: tuple[tuple[float, ...], ...]
    residual_sd: float | None


@dataclass(frozen=True)
class Validity:
    """Weights (kg) and ages (years) the model was built on, both ends inclusive; None = the source does not
    say.
    """

    min_weight_kg: float | None = None
    max_weight_kg: float | None = None
    min_age_years: float | None = None
    max_age_years: float | None = None


@dataclass(frozen=True, eq=False)
class PopulationModel:
    """One published model, compared by identity. Only `comparison` models are never for a patient."""

    id: str
    title: str
    citation: str
    population: str
    sampling_site: Literal["venous", "arterial", "not stated"]
    drug: str
    role: Role
    parameters: Mapping[str, Parameter]
    peripherals: tuple[tuple[str, str], ...]
    liver: bool = False
    metabolite: Metabolite | None = None
    variability: Variability | None = None
    age_slopes: tuple[AgeSlope, ...] = ()
    factors: tuple[CovariateFactor, ...] = ()
    validity: Validity = field(default_factory=Validity)
    note: str = ""

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the yes/no covariates this model takes."""
        return tuple(dict.fromkeys(factor.covariate for factor in self.factors))

    @property
    def needs_age(self) -> bool:
        """Whether the prediction depends on age."""
        return bool(self.age_slopes)

    @property
    def for_patients(self) -> bool:
        """Whether a patient's curve may be drawn with it at all."""
        return self.role != "comparison"

    @property
    def decides_clearance(self) -> bool:
        """Whether a version may name it: T_pk is a P95 with residual, so both must be printed."""
        return self.for_patients and self.variability is not None and self.variability.residual_sd is not None


@dataclass(frozen=True)
class Person:
    """What a model may depend on. `covariates` holds the yes ones.

    `scale` multiplies typical values by parameter name: sensitivity analyses only.
    """

    weight_kg: float
    age_years: float | None = None
    covariates: frozenset[str] = frozenset()
    scale: tuple[tuple[str, float], ...] = ()
