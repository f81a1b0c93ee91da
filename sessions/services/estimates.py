"""From the stored pump log to a stored clearance estimate, and to the moment from which therapy may begin.

Every change of the log makes a new `ClearanceEstimate` row with all its inputs; the old one is superseded,
never edited. Missing data refuses to estimate: that makes a row without a clearance time, and the fact is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Prefetch

from sessions import clearance
from sessions.models import (
    ClearanceEstimate,
    Infusion,
    MeasuredLevel,
    PumpEvent,
    SignOff,
    WeightCorrection,
)
from sessions.services import rows
from sessions.services.history import of_this_record
from sessions.services.observing import observed_until
from staff.errors import DomainError, RuleNotMet

log = logging.getLogger("clearwindow.sessions")

# Ten half-lives of the default model's slowest phase (7.4 h): what is left then changes nothing shown.
CARRY_OVER = timedelta(hours=72)
INFILTRATION = "infiltration"  # the kind of adverse event that withholds the estimate
DELAY_NOT_STATED = "not stated yet"
RANK: dict[str, int] = {PumpEvent.Kind.START: 0, PumpEvent.Kind.STOP: 2}


@dataclass(frozen=True)
class TherapyTime:
    """When therapy may begin after one infusion (T0) and what that rests on.

    `at` None: nothing can be said yet. `signed` False: an estimate until signed. `basis`: drug (the later one
    is the estimate of clearance), ready (leaving was later), override (a clinician's own time).
    """

    at: datetime | None
    signed: bool
    basis: str
    t_pk: datetime | None
    t_sign: datetime | None


def in_log_order(events: Iterable[PumpEvent]) -> list[PumpEvent]:
    """Events by observed time; at one instant the start comes first and the stop last, else as entered."""
    return sorted(events, key=lambda item: (item.observed_at, RANK.get(item.kind, 1), item.pk or 2**62))


def entries(events: Sequence[PumpEvent]) -> list[clearance.PumpEntry]:
    """The stored lines as the engine reads them."""
    return [
        clearance.PumpEntry(
            kind=item.kind,
            at=item.observed_at,
            rate_mg_per_min=None if item.rate_mg_per_min is None else float(item.rate_mg_per_min),
            bolus_mg=None if item.bolus_mg is None else float(item.bolus_mg),
        )
        for item in events
    ]


def read_log(infusion: Infusion, events: Iterable[PumpEvent] | None = None) -> clearance.PumpLog | None:
    """The live pump log, counted up to the ordered mg; None when the pump has not run."""
    lines = in_log_order(rows.live(infusion, PumpEvent) if events is None else events)
    if not lines or infusion.ordered_mg is None:
        return None
    return clearance.read_pump_log(entries(lines), bag_mg=float(infusion.ordered_mg))


def ended_log(infusion: Infusion, log_: clearance.PumpLog, now: datetime) -> clearance.PumpLog:
    """The log itself once stopped; while it runs, as it will be when the ordered mg has been given."""
    return clearance.projected(log_, planned_mg=float(infusion.ordered_mg or 0), now=now)


def earlier_logs(infusion: Infusion) -> list[clearance.PumpLog]:
    """Stopped logs of the same patient whose start lies less than 72 h before this one's."""
    if infusion.started_at is None:
        return []
    before = Infusion.objects.filter(
        patient_id=infusion.patient_id,
        started_at__lt=infusion.started_at,
        started_at__gt=infusion.started_at - CARRY_OVER,
        stopped_at__isnull=False,
    ).exclude(pk=infusion.pk)
    told = Prefetch("pump_events", PumpEvent.objects.live(), to_attr="lines_told")
    found = [read_log(item, item.lines_told) for item in before.order_by("started_at").prefetch_related(told)]
    return [item for item in found if item is not None]


def current_estimate(infusion: Infusion) -> ClearanceEstimate | None:
    """The estimate in force."""
    return next(iter(rows.current(infusion, ClearanceEstimate)), None)


def current_sign_off(infusion: Infusion) -> SignOff | None:
    """The signature in force."""
    people = ("signed_by", "second_person", "override_level")
    return next(iter(rows.current(infusion, SignOff, *people)), None)


def weight_of(infusion: Infusion) -> Decimal | None:
    """The weight that clearance is worked out with: as corrected after the start, else as recorded."""
    found = rows.current(infusion, WeightCorrection)
    return found[0].weight_kg if found else infusion.weight_kg


def age_at_start(infusion: Infusion) -> int:
    """Completed years on the local day of the start (planned start before it)."""
    day = (infusion.started_at or infusion.planned_start).astimezone(ZoneInfo(infusion.site.time_zone)).date()
    return infusion.patient.age_on(day)


def delay_is_needed(infusion: Infusion) -> bool:
    """Liver disease or interacting drugs: no model covers them; a clinician states a delay before signing."""
    liver, drugs = of_this_record(infusion)
    return liver or bool(drugs)


def stated_delay(infusion: Infusion) -> clearance.StatedDelay | None:
    """The delay a clinician stated for this infusion."""
    if infusion.stated_delay_hours is None:
        return None
    return clearance.StatedDelay(float(infusion.stated_delay_hours), infusion.stated_delay_reason)


def estimate(infusion: Infusion, log_: clearance.PumpLog, now: datetime) -> clearance.ClearanceEstimateValue:
    """What the engine says about this log now. Raises what the engine raises for missing or impossible
    inputs.
    """
    definition = infusion.protocol_version.read()
    rule = definition.clearance
    liver, drugs = of_this_record(infusion)
    stated = stated_delay(infusion)
    if stated is None and (liver or drugs):
        stated = clearance.StatedDelay(0.0, DELAY_NOT_STATED)
    weight = weight_of(infusion)
    if weight is None:
        raise RuleNotMet(
            "Without a weight nothing can be estimated.", code="weight-missing", field="weight_kg"
        )
    if infusion.route != "iv":
        raise RuleNotMet(
            "No model covers another route than the vein: a clinician states when therapy may begin.",
            code="route-without-model",
            field="order_route",
        )
    return clearance.estimate_clearance(
        log=ended_log(infusion, log_, now),
        weight_kg=weight,
        age_years=age_at_start(infusion),
        model=rule.model,
        threshold_ng_ml=rule.threshold_ng_ml,
        aborted_below_mg=rule.aborted_below_mg,
        earlier_logs=earlier_logs(infusion),
        hepatic_disease=liver,
        interacting_drugs=drugs,
        stated_delay=stated,
        infiltrated=line_infiltrated(infusion),
    )


def line_infiltrated(infusion: Infusion) -> bool:
    """An adverse event says that the dose went into the tissue: nobody knows how much the blood got, or when."""
    return bool(infusion.adverse_events.live().filter(kind=INFILTRATION).exists())


def renew_estimate(
    infusion: Infusion, log_: clearance.PumpLog | None, now: datetime
) -> ClearanceEstimate | None:
    """Supersede the current row and store a new one; none only when the pump has not run.

    What cannot be estimated is a row, too: it says why, holds the log, and has no clearance time. A therapy time
    that a clinician stated and that the new facts no longer allow is voided in the same step.
    """
    last = infusion.clearance_estimates.order_by("generation").last()
    infusion.clearance_estimates.current().update(superseded_at=now)
    if log_ is None:
        return None
    try:
        row = _row(infusion, estimate(infusion, log_, now), log_)
    except DomainError as refusal:
        log.error("no clearance estimate for infusion %s: %s", infusion.code, refusal.code)
        row = _refused_row(infusion, log_, refusal, now)
    found = ClearanceEstimate.objects.create(
        infusion=infusion, generation=last.generation + 1 if last else 1, computed_at=now, **row
    )
    void_override(infusion, found, log_, now)
    return found


def void_override(
    infusion: Infusion, found: ClearanceEstimate | None, log_: clearance.PumpLog | None, now: datetime
) -> bool:
    """Void the current signature's own therapy time when what is known now does not allow it. Whether it was."""
    signature = current_sign_off(infusion)
    if signature is None or signature.override_to is None or signature.override_voided_at or log_ is None:
        return False
    rests_on = signature.override_level
    level = measured(rests_on) if rests_on is not None and rests_on.withdrawn_at is None else None
    standing = clearance.override_stands(
        clearance.T0Override(
            at=signature.override_to,
            reason_code=signature.override_code,
            decided_by=str(signature.signed_by_id),
            second_person=str(signature.second_person_id or ""),
            measured=level,
            made_on=str(signature.record.get("log_fingerprint", "")),
        ),
        t_pk=found.t_pk if found else None,
        p50=found.p50_at if found else None,
        log=log_,
        threshold_ng_ml=infusion.protocol_version.read().clearance.threshold_ng_ml,
        later_level=_level_since(infusion, level.drawn_at if level else signature.override_to),
    )
    if standing == "stands":
        return False
    signature.override_voided_at = now
    signature.save(update_fields=["override_voided_at"])
    return True


def measured(row: MeasuredLevel) -> clearance.MeasuredLevel:
    """A stored level as the pure rules read it."""
    return clearance.MeasuredLevel(row.observed_at, row.ketamine_ng_ml)


def last_level(infusion: Infusion) -> MeasuredLevel | None:
    """The last level drawn after the pump stopped that was not struck."""
    if infusion.stopped_at is None:
        return None
    levels = rows.live(infusion, MeasuredLevel)
    after = [row for row in levels if row.observed_at > infusion.stopped_at]
    return max(after, key=lambda row: (row.observed_at, row.pk), default=None)


def _level_since(infusion: Infusion, at: datetime) -> clearance.MeasuredLevel | None:
    found = last_level(infusion)
    return measured(found) if found is not None and found.observed_at > at else None


def _row(
    infusion: Infusion, value: clearance.ClearanceEstimateValue, log_: clearance.PumpLog
) -> dict[str, Any]:
    warnings = [{"code": item.code, "message": item.message} for item in value.warnings]
    if delay_is_needed(infusion) and stated_delay(infusion) is None:
        warnings.append(
            {
                "code": "delay_not_stated",
                "message": "A clinician states a delay before signing; 0 hours is allowed.",
            }
        )
    sedatives = infusion.given_drugs.live().filter(sedating=True)
    for name in dict.fromkeys(sedatives.values_list("drug_name", flat=True)):
        warnings.append(
            {
                "code": "sedative_ignored",
                "message": f"The estimate ignores {name.lower()}, which was given, too.",
            }
        )
    inputs = {
        **value.inputs,
        "log_fingerprint": clearance.log_fingerprint(log_),
        "sensitivity": value.sensitivity,
        "default_p95": _text(value.default_p95),
        "sensitivity_p95": _text(value.sensitivity_p95),
        "alternate_at": _text(value.alternate_at),
    }
    return {
        "model": value.model,
        "threshold_ng_ml": value.threshold_ng_ml,
        "inputs": inputs,
        "withheld": "" if value.t_pk else ClearanceEstimate.Withheld.INFILTRATED,
        "provisional": value.projected,
        "aborted": value.aborted,
        "never_above": value.never,
        "p5_at": value.p5,
        "p50_at": value.p50,
        "p95_at": value.p95,
        "t_pk": value.t_pk,
        "cmax_p50_ng_ml": value.cmax_p50_ng_ml,
        "delivered_mg": Decimal(str(round(value.delivered_mg, 2))),
        "warnings": warnings,
    }


def _refused_row(
    infusion: Infusion, log_: clearance.PumpLog, refusal: DomainError, now: datetime
) -> dict[str, Any]:
    rule = infusion.protocol_version.read().clearance
    given = clearance.delivered_mg(log_, until=None if log_.stop else now)
    weight = weight_of(infusion)
    return {
        "model": rule.model,
        "threshold_ng_ml": rule.threshold_ng_ml,
        "inputs": {
            "model": rule.model,
            "weight_kg": None if weight is None else float(weight),
            "age_years": age_at_start(infusion),
            "log_fingerprint": clearance.log_fingerprint(log_),
            "refused": {"code": refusal.code, "field": refusal.field},
        },
        "withheld": ClearanceEstimate.Withheld.REFUSED,
        "provisional": log_.stop is None,
        "delivered_mg": Decimal(str(round(given, 2))),
        "warnings": [{"code": "refused", "message": refusal.message}],
    }


def _text(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def therapy_time(infusion: Infusion) -> TherapyTime:
    """T0 of this infusion by decisions 1.4: max(T_pk, T_sign), or the override while it stands.

    Unsigned, it is max(T_pk, end of minimum observation) and only an estimate.
    """
    found = current_estimate(infusion)
    signature = current_sign_off(infusion)
    if signature is not None:
        return signed_time(signature, found, infusion.stopped_at)
    t_pk = found.t_pk if found else None
    return TherapyTime(unsigned_time(infusion, found), False, "drug", t_pk, None)


def unsigned_time(infusion: Infusion, found: ClearanceEstimate | None) -> datetime | None:
    """T0 as it is expected before a signature: the later of the estimate and the end of the minimum observation, with
    what a sedating drug adds. None without an estimated time. The one place, for the record and the windows alike.
    """
    if found is None or found.t_pk is None:
        return None
    ends = observed_until(infusion, delivered_mg=found.delivered_mg)
    return found.t_pk if ends is None else max(found.t_pk, ends)


def signed_time(
    signature: SignOff, found: ClearanceEstimate | None, stopped_at: datetime | None
) -> TherapyTime:
    """T0 once signed. `at` None: no estimate, and no time that a clinician stated stands: therapy stays locked.

    The one place where a stored signature becomes a time, for the record, the windows and the therapy start alike.
    """
    t_pk = found.t_pk if found else None
    if signature.override_to is not None and signature.override_voided_at is None:
        return TherapyTime(signature.override_to, True, "override", t_pk, signature.t_sign)
    if t_pk is None:
        return TherapyTime(None, True, "drug", None, signature.t_sign)
    t0 = clearance.decide_t0(t_pk=t_pk, p50=None, t_sign=signature.t_sign, pump_stop=stopped_at)
    return TherapyTime(t0, True, "drug" if t0 == t_pk else "ready", t_pk, signature.t_sign)
