"""The delay a clinician states where no model covers the patient: liver disease, interacting drugs (decisions 1.2)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sessions import signals
from sessions.models import Infusion
from sessions.services import estimates
from sessions.services._record import act, locked, moment, need_role, need_state, touch
from staff.errors import InvalidInput, RuleNotMet
from staff.models import User

MAX_DELAY_HOURS = Decimal(72)
OPEN = Infusion.BEFORE_START | Infusion.RUNNING | {Infusion.Status.RECOVERING}


@act
def state_delay(
    *,
    infusion: Infusion,
    hours: Decimal,
    reason: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Infusion:
    """State the hours added to the estimate; 0 is allowed, the reason is not optional. Before signing.

    Raises NotAllowed without the prescriber's role, InvalidInput or RuleNotMet at `stated_delay_hours` or
    `stated_delay_reason`, StateConflict once signed (then the record is signed again).
    """
    now = moment(at)
    need_role(by, "infusion.order", "A prescribing clinician states the delay.")
    current = locked(infusion, expected_version)
    need_state(current, OPEN, "This record is closed: a delay is stated by signing it again.")
    store_delay(current, hours, reason, now)
    touch(current)
    if current.started_at is not None:
        signals.tell(signals.estimate_changed, infusion=current, by=by, at=now)
    return current


def store_delay(infusion: Infusion, hours: Decimal, reason: str, now: datetime) -> None:
    """Check the delay, keep it on the record and renew the estimate with it. The caller holds the lock and tells."""
    if not hours.is_finite() or not 0 <= hours <= MAX_DELAY_HOURS:
        raise InvalidInput("Enter 0 to 72 hours.", code="range", field="stated_delay_hours")
    if not reason.strip():
        raise RuleNotMet("A stated delay needs a reason.", code="reason-needed", field="stated_delay_reason")
    infusion.stated_delay_hours, infusion.stated_delay_reason = hours, reason.strip()[:200]
    infusion.save(update_fields=["stated_delay_hours", "stated_delay_reason"])
    if infusion.started_at is not None:
        estimates.renew_estimate(infusion, estimates.read_log(infusion), now)
