"""The signed record as one JSON value and its digest: what exactly stood there when somebody signed."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sessions.models import Infusion
from sessions.services.estimates import current_estimate, in_log_order
from sessions.services.overrides import log_fingerprint
from sessions.services.readiness import consent_in_force, education_complete

SHAPE = 1


def record_snapshot(infusion: Infusion, now: datetime) -> dict[str, Any]:
    """Everything on the record, JSON-ready: two identifiers of the patient, order, log, readings, answers,
    estimate.
    """
    patient = infusion.patient
    start = infusion.started_at or now
    consent, education = consent_in_force(infusion, start), education_complete(infusion, start)
    snapshot = {
        "shape": SHAPE,
        "patient": {
            "code": patient.code,
            "name": patient.full_name,
            "birth_date": patient.birth_date.isoformat(),
            "mrn": patient.mrn,
        },
        "infusion": _infusion(infusion),
        "consent": consent.code if consent else None,
        "education": education.code if education else None,
        "checks": _rows(infusion.checks.current(), "kind", "outcome", "note", "observed_at", "entered_by_id"),
        "pump_log": [_pump_line(item) for item in in_log_order(infusion.pump_events.live())],
        "log_fingerprint": log_fingerprint(infusion),
        "vitals": _rows(infusion.vital_signs.live(), *VITALS),
        "criteria": _rows(infusion.criteria.current(), *CRITERIA),
        "measured_levels": _rows(infusion.measured_levels.live(), "code", "observed_at", "ketamine_ng_ml"),
        "adverse_events": _rows(
            infusion.adverse_events.live(), "code", "kind", "severity", "observed_at", "note"
        ),
        "given_drugs": _rows(infusion.given_drugs.live(), *DRUGS),
        "bag": _rows(infusion.bags.current(), "lot", "expires_on", "waste_mg", "witness_id", "entered_by_id"),
        "order_renewals": _rows(infusion.order_renewals.all(), "remaining_mg", "reason", "observed_at"),
        "notes": _rows(infusion.chair_notes.filter(finished_at__isnull=False), *NOTES),
        "disposition": _rows(infusion.dispositions.current(), *ENDING),
        "assessments": _rows(infusion.assessments.all(), "manner", "words", "observed_at", "entered_by_id"),
        "handovers": list(
            infusion.handovers.filter(accepted_at__isnull=False).values(
                "from_nurse_id", "to_nurse_id", "accepted_at", "words"
            )
        ),
        "estimate": _estimate(infusion),
    }
    return dict(_plain(snapshot))


VITALS = (
    "code",
    "observed_at",
    "systolic",
    "diastolic",
    "heart_rate",
    "spo2",
    "moaas",
    "cadss6",
    "note",
    "entered_by_id",
)
DRUGS = ("code", "drug_name", "dose_mg", "sedating", "ordered_by_id", "observed_at", "entered_by_id")
NOTES = ("code", "kind", "text", "observed_at", "entered_by_id")
ENDING = ("outcome", "last_seen_at", "condition", "observed_at", "entered_by_id")
CRITERIA = (
    "criterion",
    "outcome",
    "value",
    "before_start",
    "detail",
    "observed_at",
    "entered_at",
    "entered_by_id",
)


def digest(record: dict[str, Any]) -> str:
    """SHA-256 (hex) of the record's canonical text: sorted keys, no spaces, UTF-8."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _infusion(infusion: Infusion) -> dict[str, Any]:
    version = infusion.protocol_version
    return {
        "code": infusion.code,
        "ordinal": infusion.ordinal,
        "site": infusion.site.name,
        "chair": infusion.chair,
        "protocol": {"slug": version.template.slug, "number": version.number, "sha256": version.sha256},
        "weight_kg": infusion.weight_kg,
        "weighed_at": infusion.weighed_at,
        "ordered_mg": infusion.ordered_mg,
        "bag_mg_per_ml": infusion.bag_mg_per_ml,
        "ordered_by": infusion.ordered_by.full_name if infusion.ordered_by else None,
        "order_cosigned_by": infusion.order_cosigned_by.full_name if infusion.order_cosigned_by else None,
        "started_at": infusion.started_at,
        "stopped_at": infusion.stopped_at,
        "delivered_mg": infusion.delivered_mg,
        "stated_delay_hours": infusion.stated_delay_hours,
        "stated_delay_reason": infusion.stated_delay_reason,
    }


def _pump_line(item: Any) -> dict[str, Any]:
    return {
        "code": item.code,
        "kind": item.kind,
        "observed_at": item.observed_at,
        "entered_at": item.entered_at,
        "entered_by": item.entered_by_id,
        "rate_mg_per_min": item.rate_mg_per_min,
        "bolus_mg": item.bolus_mg,
        "reason": item.reason,
    }


def _estimate(infusion: Infusion) -> dict[str, Any] | None:
    found = current_estimate(infusion)
    if found is None:
        return None
    return {
        "generation": found.generation,
        "model": found.model,
        "threshold_ng_ml": found.threshold_ng_ml,
        "t_pk": found.t_pk,
        "p50_at": found.p50_at,
        "p95_at": found.p95_at,
        "delivered_mg": found.delivered_mg,
        "aborted": found.aborted,
        "warnings": found.warnings,
    }


def _rows(rows: Any, *names: str) -> list[dict[str, Any]]:
    return list(rows.order_by("observed_at", "pk").values(*names))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
