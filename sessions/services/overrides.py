"""A clinician's own therapy time (T0 override): whether it is allowed, and whether it survives a corrected
pump log.
"""

from __future__ import annotations

from datetime import datetime

from sessions import clearance
from sessions.models import ClearanceEstimate, Infusion, SignOff
from sessions.services._record import aware
from sessions.services.estimates import current_estimate, current_sign_off, read_log
from staff.errors import RuleNotMet
from staff.models import User

REASONS = {**clearance.DELAY_REASONS, **clearance.ADVANCE_REASONS}


def check_override(
    *,
    infusion: Infusion,
    t_sign: datetime,
    override_to: datetime,
    code: str,
    reason: str,
    by: User,
    second_person: User | None,
) -> datetime:
    """The override in UTC. Raises RuleNotMet with `override_to`, `override_code`, or `second_person` as the
    field.
    """
    found = current_estimate(infusion)
    wanted = clearance.T0Override(
        at=aware(override_to, "override_to"),
        reason_code=code,
        decided_by=str(by.pk),
        reason=reason,
        second_person=str(second_person.pk) if second_person and second_person.may("infusion.order") else "",
        measured=_measured(infusion) if code == "measured_level" else None,
    )
    fields = {"at": "override_to", "reason_code": "override_code", "measured": "override_to"}
    try:
        return clearance.decide_t0(
            t_pk=found.t_pk if found else None,
            p50=found.p50_at if found else None,
            t_sign=t_sign,
            override=wanted,
            pump_stop=infusion.stopped_at,
            threshold_ng_ml=infusion.protocol_version.read().clearance.threshold_ng_ml,
        )
    except RuleNotMet as refusal:
        field = fields.get(refusal.field or "", refusal.field)
        raise RuleNotMet(refusal.message, code=refusal.code, field=field) from refusal


def void_advance(
    infusion: Infusion, found: ClearanceEstimate | None, log: clearance.PumpLog | None, now: datetime
) -> None:
    """Void the current signature's override when the corrected log makes it an advance; a delay stands."""
    signature: SignOff | None = current_sign_off(infusion)
    if (
        signature is None
        or signature.override_to is None
        or signature.override_voided_at is not None
        or log is None
    ):
        return
    made_on = str(signature.record.get("log_fingerprint", ""))
    override = clearance.T0Override(signature.override_to, signature.override_code, "", made_on=made_on)
    if clearance.override_stands(override, t_pk=found.t_pk if found else None, log=log) == "void":
        signature.override_voided_at = now
        signature.save(update_fields=["override_voided_at"])


def _measured(infusion: Infusion) -> clearance.MeasuredLevel | None:
    """The last level drawn after the pump stopped."""
    if infusion.stopped_at is None:
        return None
    level = (
        infusion.measured_levels.filter(observed_at__gt=infusion.stopped_at).order_by("observed_at").last()
    )
    return clearance.MeasuredLevel(level.observed_at, level.ketamine_ng_ml) if level else None


def log_fingerprint(infusion: Infusion) -> str:
    """The text that tells whether an override was decided on this pump log."""
    log = read_log(infusion)
    return clearance.log_fingerprint(log) if log else ""
