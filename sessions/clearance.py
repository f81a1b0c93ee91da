"""From the pump log to the moment the drug has cleared, and from there to T0. Pure module.

Rules (decisions 1.1-1.5): T_pk is the 95th percentile, residual error included, of the last downward crossing of the
version's absolute threshold. T0 = max(T_pk, T_sign) or a recorded override that is never before T_sign.
Every number here is an estimate from a published population model, not a measurement.
Times are aware; results are UTC, rounded up to whole seconds. Concentrations in ng/mL, amounts in mg.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from protocols.definition import ClearanceRule
from sessions.pharmacokinetics.interval import Crossing, Interval
from sessions.pharmacokinetics.library import CLEARANCE_MODELS, KAMP_2020, get_model
from sessions.pharmacokinetics.prediction import Prediction
from sessions.pharmacokinetics.pump_log import (
    Flow,
    PumpEntry,
    PumpLog,
    Push,
    delivered_mg,
    minutes_between,
    projected,
    read_pump_log,
    regimen_of,
)
from sessions.pharmacokinetics.regimen import Regimen
from sessions.pharmacokinetics.sensitivity import AGE_FROM, OLDEST_AGE, age_clearance_factor
from sessions.pharmacokinetics.structure import Person
from staff.errors import InvalidInput, RuleNotMet

__all__ = [
    "ClearanceEstimateValue",
    "Flow",
    "MeasuredLevel",
    "PumpEntry",
    "PumpLog",
    "Push",
    "StatedDelay",
    "T0Override",
    "decide_t0",
    "delivered_mg",
    "estimate_clearance",
    "minutes_between",
    "predict_planned",
    "projected",
    "read_pump_log",
    "t_sign",
]

ENGINE_VERSION = "1"
NEVER_ABOVE = 0.95
MIN_WEIGHT_KG, MAX_WEIGHT_KG = 20.0, 350.0
MAX_DELAY_HOURS = 72.0


@dataclass(frozen=True)
class Warned:
    """One limit of the estimate, said in words. `code` is stable."""

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

    `p5`, `p50`, `p95`: last downward crossing over the draws that reach the threshold, of the governing variant,
    stated delay included; None when no draw reaches it. `t_pk` None = withheld, a clinician must state T0.
    `never`: share of draws that never reach the threshold. `aborted`: below the version's mg, or never above:
    T_pk is then the pump stop, T0 follows the sign-off, and staff are asked whether a window opens at all.
    `alternate_at`: the typical crossing of the structural alternate (kamp2020), for display beside.
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
    clearance_factor: float
    alternate_at: datetime | None
    stated_delay_hours: float | None
    warnings: tuple[Warned, ...]
    inputs: dict[str, Any]


def estimate_clearance(
    *,
    log: PumpLog,
    weight_kg: float | Decimal,
    age_years: float,
    model: str = "otto2021",
    threshold_ng_ml: Decimal | float = Decimal("20"),
    aborted_below_mg: Decimal | float = Decimal("5"),
    sensitivity: str | None = "perez2021",
    earlier_logs: Sequence[PumpLog] = (),
    hepatic_disease: bool = False,
    interacting_drugs: Sequence[str] = (),
    stated_delay: StatedDelay | None = None,
    infiltrated: bool = False,
) -> ClearanceEstimateValue:
    """Estimate for a stopped, or projected, pump log; `earlier_logs` of the same patient add their remainder.

    Raises InvalidInput for a missing or impossible weight, age, model or threshold, and RuleNotMet for a running
    log (use `projected`) or when hepatic disease or an interacting drug asks for a stated delay and none is given.
    """
    person = _person(weight_kg, age_years)
    _check_model(model)
    threshold = _threshold(threshold_ng_ml)
    if log.stop is None:
        raise RuleNotMet("The pump is still running.", code="pump-running", field="log")
    delay = _delay(stated_delay, hepatic_disease, interacting_drugs)
    factor = age_clearance_factor(float(age_years)) if sensitivity and age_years > AGE_FROM else 1.0
    origin = min([log.start, *(item.start for item in earlier_logs)])
    regimen = regimen_of([*earlier_logs, log], origin)
    drawn = _governing(model, person, regimen, float(threshold), factor)
    given = delivered_mg(log)
    aborted = given < float(aborted_below_mg) or drawn.crossing.never >= NEVER_ABOVE
    times = _Times(origin, delay)
    value = ClearanceEstimateValue(
        t_pk=None,
        p5=times.at(drawn.crossing.p5),
        p50=times.at(drawn.crossing.p50),
        p95=times.at(drawn.crossing.p95),
        never=drawn.crossing.never,
        cmax_p5_ng_ml=drawn.cmax[0],
        cmax_p50_ng_ml=drawn.cmax[1],
        cmax_p95_ng_ml=drawn.cmax[2],
        delivered_mg=given,
        aborted=aborted,
        projected=log.projected,
        model=model,
        threshold_ng_ml=threshold,
        sensitivity=sensitivity if factor < 1.0 else None,
        clearance_factor=drawn.factor,
        alternate_at=times.at(Prediction(KAMP_2020, person, regimen).below(float(threshold))),
        stated_delay_hours=delay,
        warnings=tuple(_warnings(person, factor, hepatic_disease, interacting_drugs, infiltrated, drawn, log)),
        inputs=_inputs(log, earlier_logs, regimen, origin, person),
    )
    if infiltrated:
        return value
    if aborted:
        return replace(value, t_pk=_after_abort(value, model, person, earlier_logs, threshold, factor))
    return replace(value, t_pk=max(log.stop, value.p95 or log.stop))
