"""Points for the picture of one infusion: typical curve and P5-P95 band. Pure module.

The band includes residual error, like T_pk, so its upper edge meets the threshold at T_pk. It is drawn from
1024 even draws (T_pk from 4096), so on screen the two may differ by a minute or two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from sessions.pharmacokinetics.draws import CHART_DRAWS
from sessions.pharmacokinetics.estimate import patient_person
from sessions.pharmacokinetics.interval import Interval
from sessions.pharmacokinetics.library import get_model
from sessions.pharmacokinetics.prediction import Prediction
from sessions.pharmacokinetics.pump_log import PumpLog, minutes_between, regimen_of

POINTS = 120


@dataclass(frozen=True)
class CurvePoints:
    """Times (UTC) and concentrations in ng/mL: the typical person, and the population's P5, P50 and P95."""

    times: tuple[datetime, ...]
    typical: tuple[float, ...]
    p5: tuple[float, ...]
    p50: tuple[float, ...]
    p95: tuple[float, ...]


def curve_points(
    *,
    log: PumpLog,
    until: datetime,
    weight_kg: float | Decimal,
    age_years: float,
    model: str = "otto2021",
    sensitivity: bool = True,
    earlier_logs: Sequence[PumpLog] = (),
    points: int = POINTS,
) -> CurvePoints:
    """The picture from the first drug of `log` to `until`: about `points` times, every change of rate among
    them.

    Above 60 years it shows the slower-liver variant, as T_pk does. Raises as `estimate_clearance`.
    """
    logs = [*earlier_logs, log]
    origin = min(item.start for item in logs)
    person = patient_person(weight_kg, age_years, sensitivity=sensitivity)
    regimen = regimen_of(logs, origin)
    start, end = minutes_between(origin, log.start), minutes_between(origin, until)
    corners = [step.at_min for step in regimen.timeline() if start <= step.at_min <= end]
    minutes = np.unique(np.concatenate([np.linspace(start, max(end, start + 1.0), points), corners]))
    typical = Prediction(get_model(model), person, regimen).concentrations(minutes)
    band = Interval(get_model(model), person, regimen, count=CHART_DRAWS).band(minutes.tolist())
    return CurvePoints(
        times=tuple(origin + timedelta(minutes=float(item)) for item in minutes),
        typical=tuple(typical.tolist()),
        p5=tuple(band[0].tolist()),
        p50=tuple(band[1].tolist()),
        p95=tuple(band[2].tolist()),
    )
