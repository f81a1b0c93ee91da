"""The prediction contract: one JSON-shaped request in, one JSON-shaped answer out. Pure module.

The command `predict_concentration` and the API use this one function. Numbers are JSON numbers (int, float or
Decimal, never true/false); everything unknown, non-finite or out of range is an InvalidInput naming the
field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from sessions.pharmacokinetics.interval import Interval, Percentiles
from sessions.pharmacokinetics.library import get_model
from sessions.pharmacokinetics.prediction import Prediction
from sessions.pharmacokinetics.regimen import Regimen, make_regimen
from sessions.pharmacokinetics.request_warnings import request_warnings
from sessions.pharmacokinetics.structure import Person, PopulationModel
from staff.errors import InvalidInput

KEYS = frozenset(
    (
        "id",
        "model",
        "weight_kg",
        "age_y",
        "sex",
        "covariates",
        "regimen",
        "times_min",
        "thresholds_ng_ml",
        "population",
    )
)
DEFAULT_THRESHOLDS = (50, 20, 10)
# Not clinical limits: beyond them no model means anything. Patients' limits are narrower and live elsewhere.
LOWEST_KG, HIGHEST_KG = 1.0, 1000.0
LOWEST_LEVEL = 1e-6  # ng/mL, a thousandth of what any assay sees


def read_id(data: object) -> Any:
    """The request's id as it may be echoed: text, a finite number or null. InvalidInput on `id` otherwise."""
    value = data.get("id") if isinstance(data, Mapping) else None
    if value is None or isinstance(value, str):
        return value
    number = _number(value, "id")
    return value if isinstance(value, int) else number


def answer(data: object) -> dict[str, Any]:
    """The answer to one request. Raises InvalidInput with `field` naming the value at fault."""
    if not isinstance(data, Mapping):
        raise InvalidInput("must be an object", field="line")
    for key in data:
        if key not in KEYS:
            raise InvalidInput("is not a known key", field=str(key))
    identity = read_id(data)
    model = get_model(_required(data, "model"))
    person = _person(data, model)
    regimen = _regimen(_required(data, "regimen"))
    times = _numbers(data.get("times_min", []), "times_min", least=0.0)
    thresholds = _thresholds(data.get("thresholds_ng_ml"))
    residual = _population(data.get("population"))
    with np.errstate(over="ignore", invalid="ignore"):
        prediction = Prediction(model, person, regimen)
        result = {
            "id": identity,
            "model": model.id,
            **_typical(prediction, times, thresholds),
            "population": _interval(prediction, thresholds, residual),
            "warnings": request_warnings(prediction, residual),
        }
    _check_finite(result)
    return result


def _required(data: Mapping[str, Any], key: str) -> Any:
    if data.get(key) is None:
        raise InvalidInput("is required", field=key)
    return data[key]


def _number(value: object, field: str, *, least: float = -math.inf, most: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise InvalidInput("must be a number", field=field)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidInput("must be a finite number", field=field)
    if not least <= number <= most:
        limit = f"at least {least:g}" if math.isinf(most) else f"between {least:g} and {most:g}"
        raise InvalidInput(f"must be {limit}", field=field)
    return number


def _numbers(value: object, field: str, *, least: float) -> list[float]:
    if not isinstance(value, (list, tuple)):
        raise InvalidInput("must be a list of numbers", field=field)
    return [_number(item, f"{field}.{place}", least=least) for place, item in enumerate(value)]


def _person(data: Mapping[str, Any], model: PopulationModel) -> Person:
    weight = _number(_required(data, "weight_kg"), "weight_kg", least=LOWEST_KG, most=HIGHEST_KG)
    age = data.get("age_y")
    if age is not None:
        age = _number(age, "age_y", least=0.0, most=120.0)
    elif model.needs_age:
        raise InvalidInput("is needed by this model", field="age_y")
    if data.get("sex") not in ("M", "F", None):
        raise InvalidInput("must be M, F or null", field="sex")
    return Person(weight, age, _covariates(data.get("covariates"), model))


def _covariates(value: object, model: PopulationModel) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, Mapping):
        raise InvalidInput("must be an object", field="covariates")
    for name, given in value.items():
        if name not in model.covariates:
            raise InvalidInput("is not a covariate of this model", field=f"covariates.{name}")
        if not isinstance(given, (bool, int)) or given not in (0, 1):
            raise InvalidInput("must be 0, 1, true or false", field=f"covariates.{name}")
    return frozenset(name for name, given in value.items() if given)


def _regimen(value: object) -> Regimen:
    if not isinstance(value, Mapping):
        raise InvalidInput("must be an object with bolus and inf", field="regimen")
    for key in value:
        if key not in ("bolus", "inf"):
            raise InvalidInput("is not a known key", field=f"regimen.{key}")
    boluses = _rows(value.get("bolus", []), "regimen.bolus", 2)
    infusions = _rows(value.get("inf", []), "regimen.inf", 3)
    return make_regimen([(at, mg) for at, mg in boluses], [(a, b, rate) for a, b, rate in infusions])


def _rows(value: object, field: str, width: int) -> list[list[float]]:
    if not isinstance(value, (list, tuple)):
        raise InvalidInput("must be a list", field=field)
    rows = []
    for place, row in enumerate(value):
        if not isinstance(row, (list, tuple)) or len(row) != width:
            raise InvalidInput(f"must be a list of {width} numbers", field=f"{field}.{place}")
        rows.append([_number(item, f"{field}.{place}") for item in row])
    return rows


def _thresholds(value: object) -> dict[str, float]:
    """Thresholds by their key: the shortest decimal that reads back as the same number."""
    if value is None:
        value = list(DEFAULT_THRESHOLDS)
    result = {}
    for level in _numbers(value, "thresholds_ng_ml", least=LOWEST_LEVEL):
        result[shortest_decimal(level)] = level
    return result


def shortest_decimal(value: float) -> str:
    """20.0 -> "20", 12.5 -> "12.5", 1e-07 -> "0.0000001"."""
    number = Decimal(repr(float(value)))
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _population(value: object) -> bool | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InvalidInput("must be null or an object", field="population")
    for key in value:
        if key != "residual":
            raise InvalidInput("is not a known key", field=f"population.{key}")
    residual = value.get("residual")
    if not isinstance(residual, bool):
        raise InvalidInput("must be true or false", field="population.residual")
    return residual


def _typical(prediction: Prediction, times: list[float], thresholds: Mapping[str, float]) -> dict[str, Any]:
    cmax, tmax = prediction.peak
    metabolite, metabolite_peak = prediction.norketamine, prediction.norketamine_peak
    return {
        "ketamine_ng_ml": prediction.concentrations(times).tolist(),
        "norketamine_ng_ml": None if metabolite is None else metabolite.concentrations(times).tolist(),
        "cmax_ng_ml": cmax,
        "tmax_min": tmax,
        "below_min": {key: prediction.below(level) for key, level in thresholds.items()},
        "below_10pct_cmax_min": prediction.below_tenth_of_peak(),
        "nk_cmax_ng_ml": metabolite_peak[0] if metabolite_peak else None,
        "nk_tmax_min": metabolite_peak[1] if metabolite_peak else None,
    }


def _interval(
    prediction: Prediction, thresholds: Mapping[str, float], residual: bool | None
) -> dict[str, Any] | None:
    if residual is None or prediction.model.variability is None:
        return None
    interval = Interval(prediction.model, prediction.person, prediction.regimen, residual=residual)
    below = {}
    for key, level in thresholds.items():
        crossing = interval.below(level)
        below[key] = {**_spread(crossing), "never": crossing.never}
    return {"cmax_ng_ml": _spread(interval.cmax()), "below_min": below}


def _spread(found: Percentiles) -> dict[str, float | None]:
    return {"p5": found.p5, "p50": found.p50, "p95": found.p95}


def _check_finite(value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput("leads to numbers too large to compute", field="regimen")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _check_finite(item)
