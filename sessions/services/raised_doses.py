"""How far today's order may go above the protocol's own dose: by the version's step and cap (clinical C1)."""

from __future__ import annotations

from decimal import Decimal

from sessions import dosing
from sessions.models import Infusion


def last_mg_per_kg(infusion: Infusion) -> Decimal | None:
    """mg/kg that were ordered for the patient's last started infusion before this record; None without one."""
    last = (
        Infusion.objects.started()
        .filter(patient_id=infusion.patient_id, ordered_mg__isnull=False, weight_kg__isnull=False)
        .exclude(pk=infusion.pk)
        .order_by("-started_at")
        .first()
    )
    if last is None or last.ordered_mg is None or last.weight_kg is None:
        return None
    return last.ordered_mg / last.weight_kg


def order_limit_for(infusion: Infusion) -> dosing.OrderLimit:
    """The limits of today's order. The record has a weight."""
    rule = infusion.protocol_version.read().dose
    if infusion.weight_kg is None:
        raise ValueError("a dose is worked out from a weight")
    last = None if rule.titration_step_mg_per_kg is None else last_mg_per_kg(infusion)
    return dosing.order_limit(rule, infusion.weight_kg, last)
