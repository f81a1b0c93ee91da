"""One person, one regimen, one model: everything that is predicted at once. Pure module."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from numpy.typing import ArrayLike

from sessions.pharmacokinetics.curve import ModalCurve, last_below, peak
from sessions.pharmacokinetics.disposition import Array, Values, ketamine_modes, person_values
from sessions.pharmacokinetics.metabolite import Curve, metabolite_peak, norketamine_curve
from sessions.pharmacokinetics.regimen import Regimen, Step
from sessions.pharmacokinetics.structure import Person, PopulationModel


@dataclass(frozen=True)
class Prediction:
    """The typical curve of `person` on `model`. Nothing is computed before it is asked for."""

    model: PopulationModel
    person: Person
    regimen: Regimen

    @cached_property
    def _values(self) -> Values:
        return person_values(self.model, self.person)

    @cached_property
    def _steps(self) -> tuple[Step, ...]:
        return self.regimen.timeline()

    @cached_property
    def ketamine(self) -> ModalCurve:
        """Ketamine at the model's sampling site, ng/mL."""
        return ModalCurve(ketamine_modes(self.model, self._values), self._steps)

    @cached_property
    def norketamine(self) -> Curve | None:
        """Norketamine, ng/mL, where the model has it."""
        return norketamine_curve(self.model, self._values, self._steps)

    @cached_property
    def peak(self) -> tuple[float, float | None]:
        """(Cmax ng/mL, earliest time min); (0, None) when nothing was given."""
        return peak(self.ketamine)

    @cached_property
    def norketamine_peak(self) -> tuple[float, float | None] | None:
        """The same for norketamine; None where the model has none."""
        if self.norketamine is None:
            return None
        return metabolite_peak(self.norketamine, 20.0 / float(self.ketamine.modes.rates[0]))

    def concentrations(self, times: ArrayLike) -> Array:
        """Ketamine at `times` (min), ng/mL."""
        return self.ketamine.concentrations(times)

    def below(self, level_ng_ml: float) -> float | None:
        """Minute of the last downward crossing of `level_ng_ml`; None when it is never reached."""
        return last_below(self.ketamine, level_ng_ml)

    def below_tenth_of_peak(self) -> float | None:
        """Minute after which the curve stays below a tenth of its peak: a read-out, never a rule."""
        return last_below(self.ketamine, 0.1 * self.peak[0]) if self.peak[0] > 0 else None
