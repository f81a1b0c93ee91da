"""The estimate of one infusion's clearance from its pump log. Pure module.

T_pk (decisions 1.2) is the 95th percentile, residual error included, of the last downward crossing of the
version's absolute threshold, over the draws that reach it. Above 60 years the later of the default and the
slower-liver variant stands; with hepatic disease or an interacting drug a clinician states a delay. Every
number is an estimate from a published population model, not a measurement. Times are aware; results are UTC,
rounded up to whole seconds. Concentrations in ng/mL, amounts in mg.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from protocols.definition import ClearanceRule
from sessions.pharmacokinetics.interval import Crossing, Interval, Percentiles
from sessions.pharmacokinetics.library import CLEARANCE_MODELS, KAMP_2020, get_model
from sessions.pharmacokinetics.prediction import Prediction
from sessions.pharmacokinetics.pump_log import Flow, PumpLog, delivered_mg, regimen_of
from sessions.pharmacokinetics.regimen import Regimen
from sessions.pharmacokinetics.sensitivity import AGE_FROM, OLDEST_AGE, age_clearance_factor
from sessions.pharmacokinetics.structure import Person, PopulationModel
from staff.errors import InvalidInput, RuleNotMet

ENGINE_VERSION = "1"
NEVER_ABOVE = 0.95
MIN_WEIGHT_KG, MAX_WEIGHT_KG = 20.0, 350.0
WARN_BELOW_KG, WARN_ABOVE_KG = 50.0, 100.0
MAX_DELAY_HOURS = 72.0


@dataclass(frozen=True)
class Caution:
    """One limit of the estimate in words a clinician can act on. `code` is stable."""

    code: str
    message: str


@dataclass(frozen=True)
class StatedDelay:
    """Hours a clinician adds where no model knows better; 0 is allowed, the reason is not optional."""

    hours: float
    reason: str


@dataclass(frozen=True)
class ClearanceEstimateValue:
    """What is known about one infusion's clearance at one moment, with everything it was computed from.

    `p5`, `p50`, `p95`: last downward crossing over the draws that reach the threshold, of the governing
    variant, stated delay included; None when no draw reaches it. `t_pk` None = withheld (the line infiltrated), the
    percentiles too: a clinician must state T0. `never`: share of draws that never reach the threshold.
    `aborted`: below the version's mg, or
    never above: T_pk is then the pump stop, T0 follows the sign-off, and staff are asked whether a window
    opens at all. `projected`: the log still ran and was continued as planned. `alternate_at`: typical
    crossing of the structural alternate (kamp2020), to be shown beside. `default_p95` and `sensitivity_p95`:
    the two that were compared.
    """

    t_pk: datetime | None
    p5: datetime | None
    p50: datetime | None
    p95: datetime | None
    never: float
    cmax_p5_ng_ml: float
    cmax_p50_ng_ml: float
    cmax_p95_ng_ml: float
    delivered_mg: float
    aborted: bool
    projected: bool
    model: str
    threshold_ng_ml: Decimal
    sensitivity: str | None
    default_p95: datetime | None
    sensitivity_p95: datetime | None
    alternate_at: datetime | None
    stated_delay_hours: float | None
    warnings: tuple[Caution, ...]
    inputs: dict[str, Any]


@dataclass(frozen=True)
class _Case:
    """One question to the engine: whose curve, from which logs, on which scale of minutes."""

    model: PopulationModel
    person: Person
    slower: Person | None
    threshold: float
    log: PumpLog
    earlier: tuple[PumpLog, ...]
    delay_hours: float

    @property
    def origin(self) -> datetime:
        return min([self.log.start, *(item.start for item in self.earlier)])

    @property
    def regimen(self) -> Regimen:
        return regimen_of([*self.earlier, self.log], self.origin)

    def at(self, minutes: float | None) -> datetime | None:
        """`minutes` after the origin plus the stated delay, rounded up to a whole second."""
        if minutes is None:
            return None
        seconds = math.ceil(round(minutes * 60.0 + self.delay_hours * 3600.0, 6))
        return self.origin + timedelta(seconds=seconds)

    def crossing(self, person: Person, regimen: Regimen) -> tuple[Crossing, Percentiles]:
        interval = Interval(self.model, person, regimen, residual=True)
        return interval.below(self.threshold), interval.cmax()


def estimate_clearance(
    *,
    log: PumpLog,
    weight_kg: float | Decimal,
    age_years: float,
    model: str = "otto2021",
    threshold_ng_ml: Decimal | float = Decimal("20"),
    aborted_below_mg: Decimal | float = Decimal("5"),
    sensitivity: bool = True,
    earlier_logs: Sequence[PumpLog] = (),
    hepatic_disease: bool = False,
    interacting_drugs: Sequence[str] = (),
    stated_delay: StatedDelay | None = None,
    infiltrated: bool = False,
) -> ClearanceEstimateValue:
    """Estimate for a stopped, or projected, pump log; `earlier_logs` of the same patient add what is left of
    them.

    Raises InvalidInput for a missing or impossible weight, age, model or threshold, and RuleNotMet for a
    running log (see `projected`) or when hepatic disease or an interacting drug asks for a delay and none is
    stated.
    """
    if log.stop is None:
        raise RuleNotMet("The pump is still running.", code="pump-running", field="log")
    person = _person(weight_kg, age_years)
    delay = _delay(stated_delay, needed=hepatic_disease or bool(interacting_drugs))
    case = _Case(
        model=_clearance_model(model),
        person=person,
        slower=_slower(person) if sensitivity else None,
        threshold=_threshold(threshold_ng_ml),
        log=log,
        earlier=tuple(earlier_logs),
        delay_hours=delay or 0.0,
    )
    value = replace(_estimated(case, float(aborted_below_mg)), stated_delay_hours=delay)
    facts = _Facts(hepatic_disease, tuple(interacting_drugs), infiltrated)
    value = replace(value, warnings=tuple(_cautions(case, value, facts)), inputs=_inputs(case, facts))
    return replace(value, t_pk=None, p5=None, p50=None, p95=None) if infiltrated else value


def predict_planned(
    *,
    start: datetime,
    minutes: float,
    dose_mg: float | Decimal,
    weight_kg: float | Decimal,
    age_years: float,
    clearance_rule: ClearanceRule,
    hepatic_disease: bool = False,
    interacting_drugs: Sequence[str] = (),
    stated_delay: StatedDelay | None = None,
) -> ClearanceEstimateValue:
    """The same for an infusion not yet given: `dose_mg` at a constant rate over `minutes` from `start`.

    A delay that still has to be stated is not demanded of a plan; its warning says that it is missing.
    """
    if start.utcoffset() is None:
        raise InvalidInput("This time needs its time zone.", field="start")
    length, dose = _number(minutes, "minutes", 1.0, 600.0), _number(dose_mg, "dose_mg", 0.1, 500.0)
    begin = start.astimezone(UTC)
    stop = begin + timedelta(minutes=length)
    log = PumpLog(
        begin, stop, "stopped", (Flow(begin, stop, dose / length),), (), dose / length, projected=True
    )
    assumed = stated_delay or StatedDelay(0.0, "not stated yet")
    return estimate_clearance(
        log=log,
        weight_kg=weight_kg,
        age_years=age_years,
        model=clearance_rule.model,
        threshold_ng_ml=clearance_rule.threshold_ng_ml,
        aborted_below_mg=clearance_rule.aborted_below_mg,
        hepatic_disease=hepatic_disease,
        interacting_drugs=interacting_drugs,
        stated_delay=assumed if hepatic_disease or interacting_drugs else stated_delay,
    )


@dataclass(frozen=True)
class _Facts:
    hepatic_disease: bool
    interacting_drugs: tuple[str, ...]
    infiltrated: bool


def _estimated(case: _Case, aborted_below_mg: float) -> ClearanceEstimateValue:
    regimen = case.regimen
    crossing, cmax = plain = case.crossing(case.person, regimen)
    slower = case.crossing(case.slower, regimen) if case.slower else None
    if slower and (slower[0].p95 or 0.0) > (crossing.p95 or 0.0):
        crossing, cmax = slower
    given = delivered_mg(case.log)
    aborted = given < aborted_below_mg or crossing.never >= NEVER_ABOVE
    p95 = case.at(crossing.p95)
    stop = case.log.stop or case.log.start
    return ClearanceEstimateValue(
        t_pk=_after_abort(case, stop) if aborted else max(stop, p95 or stop),
        p5=case.at(crossing.p5),
        p50=case.at(crossing.p50),
        p95=p95,
        never=crossing.never,
        cmax_p5_ng_ml=cmax.p5 or 0.0,
        cmax_p50_ng_ml=cmax.p50 or 0.0,
        cmax_p95_ng_ml=cmax.p95 or 0.0,
        delivered_mg=given,
        aborted=aborted,
        projected=case.log.projected,
        model=case.model.id,
        threshold_ng_ml=Decimal(format(case.threshold, "g")),
        sensitivity="perez2021" if slower else None,
        default_p95=case.at(plain[0].p95),
        sensitivity_p95=case.at(slower[0].p95) if slower else None,
        alternate_at=case.at(Prediction(KAMP_2020, case.person, regimen).below(case.threshold)),
        stated_delay_hours=None,
        warnings=(),
        inputs={},
    )


def _after_abort(case: _Case, stop: datetime) -> datetime:
    """Pump stop, or later when an earlier infusion alone still keeps the patient above the threshold."""
    if not case.earlier:
        return stop
    crossing, _ = case.crossing(case.slower or case.person, regimen_of(case.earlier, case.origin))
    earlier = case.at(crossing.p95) if crossing.never < NEVER_ABOVE else None
    return max(stop, earlier or stop)


def patient_person(weight_kg: object, age_years: object, *, sensitivity: bool = True) -> Person:
    """Checked person; above 60 years with the slower clearance, unless told otherwise."""
    person = _person(weight_kg, age_years)
    return (_slower(person) if sensitivity else None) or person


def _slower(person: Person) -> Person | None:
    age = person.age_years or 0.0
    if age <= AGE_FROM:
        return None
    return replace(person, scale=(("cl", age_clearance_factor(age)),))


def _number(value: object, field: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or not math.isfinite(value):
        raise InvalidInput("Enter a number.", field=field)
    if not low <= value <= high:
        raise InvalidInput(f"Enter a value from {low:g} to {high:g}.", field=field)
    return float(value)


def _person(weight_kg: object, age_years: object) -> Person:
    weight = _number(weight_kg, "weight_kg", MIN_WEIGHT_KG, MAX_WEIGHT_KG)
    return Person(weight, _number(age_years, "age_years", 0.0, 120.0))


def _clearance_model(name: str) -> PopulationModel:
    model = get_model(name)
    if not model.decides_clearance:
        raise InvalidInput(
            f"This model prints no residual error, so it cannot decide. Use {CLEARANCE_MODELS[0]}.",
            field="model",
        )
    return model


def _threshold(value: Decimal | float) -> float:
    return _number(value, "threshold_ng_ml", 0.1, 1000.0)


def _delay(stated: StatedDelay | None, *, needed: bool) -> float | None:
    if stated is None:
        if needed:
            raise RuleNotMet(
                "No model covers liver disease or interacting drugs: state a delay in hours. "
                "0 hours with a reason is allowed.",
                code="delay-needed",
                field="stated_delay",
            )
        return None
    hours = _number(stated.hours, "stated_delay", 0.0, MAX_DELAY_HOURS)
    if not stated.reason.strip():
        raise RuleNotMet("A stated delay needs a reason.", code="reason-needed", field="stated_delay")
    return hours


def _cautions(case: _Case, value: ClearanceEstimateValue, facts: _Facts) -> Iterator[Caution]:
    yield from person_cautions(case.person)
    if facts.hepatic_disease:
        yield Caution(
            "hepatic_disease", "Liver disease: no model covers it. The stated delay is a judgement."
        )
    if facts.interacting_drugs:
        names = ", ".join(facts.interacting_drugs)
        yield Caution("interacting_drugs", f"The estimate ignores {names}. The stated delay is a judgement.")
    if facts.infiltrated:
        yield Caution(
            "infiltrated", "The line infiltrated: how much was absorbed is unknown. State the time."
        )
    if value.aborted:
        yield Caution("aborted", "Too little was given to rise above the threshold for most patients.")
    elif value.never > 0.0:
        yield Caution(
            "some_never_above", f"About {value.never:.0%} of patients would never reach the threshold."
        )
    if case.log.bag_empty_at is not None and case.log.stop and case.log.bag_empty_at < case.log.stop:
        yield Caution("bag_empty", "Drug is counted only up to the content of the bag.")


def person_cautions(person: Person) -> Iterator[Caution]:
    """What is outside the people the default model was built on: said, never silently extrapolated."""
    if person.weight_kg < WARN_BELOW_KG:
        yield Caution(
            "weight_below_50", "Weight below 50 kg: lighter than the people the model was built on."
        )
    if person.weight_kg > WARN_ABOVE_KG:
        yield Caution(
            "weight_above_100", "Weight above 100 kg: heavier than the people the model was built on."
        )
    age = person.age_years
    if age is not None and age > AGE_FROM:
        yield Caution(
            "age_above_60", "Age above 60: clearance is slower; the later of two estimates is used."
        )
    if age is not None and age > OLDEST_AGE:
        yield Caution("age_above_86", "Age above 86: older than anyone either model was built on.")


def _inputs(case: _Case, facts: _Facts) -> dict[str, Any]:
    """Everything the numbers depend on, JSON-ready, so that a stored estimate can be recomputed."""
    regimen = case.regimen
    return {
        "engine": ENGINE_VERSION,
        "model": case.model.id,
        "threshold_ng_ml": case.threshold,
        "weight_kg": case.person.weight_kg,
        "age_years": case.person.age_years,
        "sensitivity_clearance_factor": case.slower.scale[0][1] if case.slower else None,
        "origin": case.origin.isoformat(),
        "regimen": {
            "bolus": [[item.at_min, item.mg] for item in regimen.boluses],
            "inf": [[item.start_min, item.end_min, item.mg_per_min] for item in regimen.segments],
        },
        "stated_delay_hours": case.delay_hours,
        "hepatic_disease": facts.hepatic_disease,
        "interacting_drugs": list(facts.interacting_drugs),
        "infiltrated": facts.infiltrated,
        "projected": case.log.projected,
    }
