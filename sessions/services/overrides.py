"""A clinician's own therapy time (T0 override): whether it is allowed, and whether it survives a corrected
pump log.
"""

from __future__ import annotations

from datetime import datetime

from sessions import clearance
from sessions.models import Infusion, MeasuredLevel
from sessions.services._record import aware
from sessions.services.estimates import current_estimate, last_level, measured, read_log
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
    level: MeasuredLevel | None,
) -> datetime:
    """The override in UTC. `level`: the measured one that it rests on (see `level_for`).

    Raises RuleNotMet with `override_to`, `override_code`, or `second_person` as the field.
    """
    found = current_estimate(infusion)
    wanted = clearance.T0Override(
        at=aware(override_to, "override_to"),
        reason_code=code,
        decided_by=str(by.pk),
        reason=reason,
        second_person=str(second_person.pk) if second_person and second_person.may("infusion.order") else "",
        measured=measured(level) if level is not None else None,
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


def level_for(infusion: Infusion, code: str) -> MeasuredLevel | None:
    """The level that an override with this reason rests on: the last one drawn after the pump stopped."""
    return last_level(infusion) if code == "measured_level" else None


def log_fingerprint(infusion: Infusion) -> str:
    """The text that tells whether an override was decided on this pump log."""
    log = read_log(infusion)
    return clearance.log_fingerprint(log) if log else ""
