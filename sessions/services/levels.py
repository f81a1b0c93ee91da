"""Measured plasma levels: the one thing on the record that is no estimate.

A level below the threshold lets a clinician state an earlier therapy time; one that is not below it takes such a time
back, and asks a prescriber when it was drawn after therapy could begin.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sessions import signals
from sessions.models import Infusion, MeasuredLevel
from sessions.services import estimates
from sessions.services._record import act, locked, moment, not_in_future, touch
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.models import User

MAX_LEVEL = Decimal(5000)


@act
def record_measured_level(
    *,
    infusion: Infusion,
    ketamine_ng_ml: Decimal,
    observed_at: datetime,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> MeasuredLevel:
    """A plasma level from the laboratory, at the time the blood was drawn. Accepted also after signing.

    The same level of the same draw is stored once. Raises InvalidInput for an impossible number, RuleNotMet for blood
    drawn in the future or before the pump ran.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    if not ketamine_ng_ml.is_finite() or not 0 <= ketamine_ng_ml <= MAX_LEVEL:
        raise InvalidInput("Enter a level from 0 to 5000 ng/mL.", code="range", field="ketamine_ng_ml")
    drawn = not_in_future(observed_at, now, "observed_at")
    if current.started_at is None or drawn < current.started_at:
        raise RuleNotMet("This is before the pump started.", code="before-start", field="observed_at")
    values = {"observed_at": drawn, "ketamine_ng_ml": ketamine_ng_ml}
    same: MeasuredLevel | None = current.measured_levels.live().filter(**values).first()
    if same is not None:
        return same
    row: MeasuredLevel = MeasuredLevel.objects.create(
        infusion=current, entered_at=now, entered_by=by, **values
    )
    touch(current)
    _consequences(current, by, now)
    return row


@act
def strike_measured_level(
    *,
    level: MeasuredLevel,
    reason: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> MeasuredLevel:
    """Take a mistyped level out, also after signing; it stays visible as struck.

    A therapy time that rested on it holds no longer. Raises InvalidInput without a reason, StateConflict when it was
    already struck.
    """
    now = moment(at)
    current = locked(level.infusion, expected_version)
    if not reason.strip():
        raise InvalidInput("Say why the level is struck out.", code="reason-needed", field="reason")
    row: MeasuredLevel = current.measured_levels.select_for_update(of=("self",)).get(pk=level.pk)
    if row.withdrawn_at is not None:
        raise StateConflict("This level was already struck out.", code="already-withdrawn")
    row.withdrawn_at, row.withdrawn_by, row.withdrawn_reason = now, by, reason.strip()[:200]
    row.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])
    touch(current)
    _consequences(current, by, now)
    return row


def contradicting_level(infusion: Infusion) -> MeasuredLevel | None:
    """The last level when it was drawn at or after the therapy time and is not below the threshold: the estimate, or
    the time a clinician stated, was too early.
    """
    found, therapy = estimates.last_level(infusion), estimates.therapy_time(infusion).at
    if found is None or therapy is None or found.observed_at < therapy:
        return None
    threshold = infusion.protocol_version.read().clearance.threshold_ng_ml
    return found if found.ketamine_ng_ml >= threshold else None


def _consequences(infusion: Infusion, by: User, now: datetime) -> None:
    log = estimates.read_log(infusion)
    if estimates.void_override(infusion, estimates.current_estimate(infusion), log, now):
        signals.tell(signals.estimate_changed, infusion=infusion, by=by, at=now)
    signal = signals.prescriber_asked if contradicting_level(infusion) else signals.prescriber_answered
    signals.tell(signal, infusion=infusion, by=by, at=now, topic="level")
