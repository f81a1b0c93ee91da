"""From the pump log to T_pk, and from there to T0. Pure module.

`T_pk` comes from `pharmacokinetics.estimate`; this module holds the rules of decisions 1.3-1.5: T_sign is the
observed time of the last discharge criterion met; T0 = max(T_pk, T_sign), or a recorded override that is
never before T_sign. Times are aware; results are UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from sessions.pharmacokinetics.chart_points import CurvePoints, curve_points
from sessions.pharmacokinetics.estimate import (
    Caution,
    ClearanceEstimateValue,
    StatedDelay,
    estimate_clearance,
    predict_planned,
)
from sessions.pharmacokinetics.pump_log import (
    Flow,
    PumpEntry,
    PumpLog,
    Push,
    delivered_mg,
    minutes_between,
    projected,
    read_pump_log,
)
from staff.errors import InvalidInput, RuleNotMet

__all__ = [
    "ADVANCE_REASONS",
    "DELAY_REASONS",
    "Caution",
    "ClearanceEstimateValue",
    "CurvePoints",
    "Flow",
    "MeasuredLevel",
    "PumpEntry",
    "PumpLog",
    "Push",
    "StatedDelay",
    "T0Override",
    "curve_points",
    "decide_t0",
    "delivered_mg",
    "estimate_clearance",
    "log_fingerprint",
    "minutes_between",
    "override_stands",
    "predict_planned",
    "projected",
    "read_pump_log",
    "t_sign",
]

DELAY_REASONS = {
    "still_affected": "Patient still under drug effect",
    "sedative_given": "Sedative or other drug given",
    "clinical_judgement": "Clinical judgement",
    "not_fit": "Not fit for therapy today",
    "line_infiltrated": "Line infiltrated, absorption unknown",
}
ADVANCE_REASONS = {
    "measured_level": "Measured plasma level below the threshold",
    "fast_recovery": "Recovered early on examination",
    "lower_exposure": "Known lower exposure than the model assumes",
}


@dataclass(frozen=True)
class MeasuredLevel:
    """A plasma ketamine level: when the blood was drawn and what the laboratory reported (ng/mL)."""

    drawn_at: datetime
    ng_ml: Decimal


@dataclass(frozen=True)
class T0Override:
    """A clinician's own T0. `made_on` is the fingerprint of the pump log it was decided on.

    `decided_by` and `second_person` are any stable ids of two different people; the second is needed to
    advance.
    """

    at: datetime
    reason_code: str
    decided_by: str
    reason: str = ""
    second_person: str = ""
    measured: MeasuredLevel | None = None
    made_on: str = ""


def t_sign(criteria_times: Iterable[datetime], last_reading_at: datetime, pump_stop: datetime) -> datetime:
    """Observed time of the last criterion met: never before the readings it rests on, never before pump stop.

    Raises RuleNotMet when no criterion was observed.
    """
    times = [item.astimezone(UTC) for item in criteria_times]
    if not times:
        raise RuleNotMet(
            "No discharge criterion has been observed.", code="criteria-missing", field="criteria"
        )
    return max([*times, last_reading_at.astimezone(UTC), pump_stop.astimezone(UTC)])


def decide_t0(
    *,
    t_pk: datetime | None,
    p50: datetime | None,
    t_sign: datetime,
    override: T0Override | None = None,
    pump_stop: datetime | None = None,
    threshold_ng_ml: Decimal | None = None,
) -> datetime:
    """T0 = max(T_pk, T_sign), or the override when it is allowed.

    Never before T_sign, nor before the pump stopped (a corrected log may move the stop past the signature).
    Later: freely; a reason given must be a known one. Earlier than T_pk: coded reason and a second person,
    and not before max(T_sign, P50), unless a level measured after pump stop lies below the threshold;
    then not before T_sign or the moment the blood was drawn. `t_pk` None (withheld) needs an override. Every
    refusal is a RuleNotMet with code `t0-...` and field `at`, `reason_code`, `second_person` or `measured`.
    """
    signed = max(item.astimezone(UTC) for item in (t_sign, pump_stop) if item is not None)
    if override is None:
        if t_pk is None:
            raise RuleNotMet(
                "No clearance time can be estimated: a clinician must state when therapy may begin.",
                code="t0-not-estimated",
                field="at",
            )
        return max(t_pk.astimezone(UTC), signed)
    if override.at.utcoffset() is None:
        raise InvalidInput("This time needs its time zone.", field="at")
    wanted = override.at.astimezone(UTC)
    if wanted < signed:
        raise RuleNotMet(
            "Therapy cannot begin before the patient was ready to leave.", code="t0-before-sign", field="at"
        )
    if t_pk is None or wanted >= t_pk.astimezone(UTC):
        if override.reason_code:
            _check_reason(override, {**DELAY_REASONS, **ADVANCE_REASONS})
        return wanted
    _check_advance(override, wanted, p50, pump_stop, threshold_ng_ml)
    return wanted


def _check_reason(override: T0Override, allowed: dict[str, str]) -> None:
    if override.reason_code not in allowed:
        raise RuleNotMet("Choose a reason.", code="t0-reason", field="reason_code")


def _check_advance(
    override: T0Override,
    wanted: datetime,
    p50: datetime | None,
    pump_stop: datetime | None,
    threshold_ng_ml: Decimal | None,
) -> None:
    _check_reason(override, ADVANCE_REASONS)
    if not override.second_person or override.second_person == override.decided_by:
        raise RuleNotMet(
            "An earlier time than the estimate needs a second prescriber.",
            code="t0-second-person",
            field="second_person",
        )
    if override.measured is not None:
        _check_measured(override.measured, wanted, pump_stop, threshold_ng_ml)
    elif override.reason_code == "measured_level":
        raise RuleNotMet("Record the measured level.", code="t0-level-missing", field="measured")
    elif p50 is None or wanted < p50.astimezone(UTC):
        raise RuleNotMet(
            "Without a measured level, therapy cannot begin before half of patients have cleared the drug.",
            code="t0-before-median",
            field="at",
        )


def _check_measured(
    level: MeasuredLevel, wanted: datetime, pump_stop: datetime | None, threshold_ng_ml: Decimal | None
) -> None:
    drawn = level.drawn_at.astimezone(UTC)
    if pump_stop is None or drawn <= pump_stop.astimezone(UTC):
        raise RuleNotMet(
            "The level must be drawn after the pump stopped.", code="t0-level-early", field="measured"
        )
    if not level.ng_ml.is_finite() or level.ng_ml < 0:
        raise InvalidInput("Enter a number, 0 or above.", field="measured")
    if threshold_ng_ml is None or level.ng_ml >= threshold_ng_ml:
        raise RuleNotMet(
            "The measured level is not below the threshold.", code="t0-level-high", field="measured"
        )
    if wanted < drawn:
        raise RuleNotMet(
            "The level says nothing about the time before it.", code="t0-before-level", field="at"
        )


def log_fingerprint(log: PumpLog) -> str:
    """A text equal for equal pump logs, to see whether an override was decided on this one."""
    flows = [
        f"{item.start.isoformat()}/{item.end.isoformat() if item.end else ''}/{item.rate_mg_per_min!r}"
        for item in log.flows
    ]
    pushes = [f"{item.at.isoformat()}/{item.mg!r}" for item in log.pushes]
    stop = log.stop.isoformat() if log.stop else ""
    return "|".join([log.start.isoformat(), stop, *flows, *pushes])


Standing = Literal["stands", "void"]


def override_stands(
    override: T0Override,
    *,
    t_pk: datetime | None,
    log: PumpLog,
    p50: datetime | None = None,
    threshold_ng_ml: Decimal | None = None,
    later_level: MeasuredLevel | None = None,
) -> Standing:
    """Whether a recorded override survives what has been recorded since: the log as it is now, and any later level.

    Void whatever it was when the pump now stops after it. A delay stands. An advance is void once the log was
    amended, when its level is gone or `later_level` is not below the threshold, and when the estimate has moved so
    that it would not be granted today. Without an estimate (t_pk None) the clinician's time stands.
    """
    wanted = override.at.astimezone(UTC)
    if log.stop is not None and wanted < log.stop:
        return "void"
    if t_pk is None or wanted >= t_pk.astimezone(UTC):
        return "stands"
    if override.made_on and override.made_on != log_fingerprint(log):
        return "void"
    if later_level is not None and (threshold_ng_ml is None or later_level.ng_ml >= threshold_ng_ml):
        return "void"
    try:
        _check_advance(override, wanted, p50, log.stop, threshold_ng_ml)
    except (RuleNotMet, InvalidInput):
        return "void"
    return "stands"
