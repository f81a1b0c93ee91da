"""A pause longer than the version allows: the rest of the bag is ordered again before the pump goes on."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from sessions import clearance
from sessions.models import Infusion, OrderRenewal, PumpEvent
from sessions.services import estimates, rows
from sessions.services._record import act, locked, moment, need_role, need_state, touch
from staff.errors import InvalidInput, RuleNotMet
from staff.models import User


def paused_since(infusion: Infusion) -> datetime | None:
    """When the present pause began; None while the pump is not paused."""
    if infusion.status != Infusion.Status.PAUSED:
        return None
    lines = rows.live(infusion, PumpEvent)
    return max((line.observed_at for line in lines if line.kind == PumpEvent.Kind.PAUSE), default=None)


def order_needed_from(infusion: Infusion, paused_at: datetime) -> datetime:
    """From when on (exclusive) a pause that began at `paused_at` needs a new order."""
    return paused_at + timedelta(minutes=infusion.protocol_version.read().pause_limit_minutes)


def renewed_since(infusion: Infusion, paused_at: datetime) -> bool:
    """A prescriber ordered the rest again during this pause."""
    return any(row.observed_at >= paused_at for row in rows.rows(infusion, OrderRenewal))


def check_pause(infusion: Infusion, paused_at: datetime, resumed_at: datetime) -> None:
    """Raise RuleNotMet when the pump may not go on after this pause without a new order."""
    if resumed_at > order_needed_from(infusion, paused_at) and not renewed_since(infusion, paused_at):
        limit = infusion.protocol_version.read().pause_limit_minutes
        raise RuleNotMet(
            f"Paused for more than {limit} minutes: a prescriber orders the rest again first.",
            code="pause-too-long",
            field="kind",
        )


@act
def renew_order(
    *,
    infusion: Infusion,
    reason: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> OrderRenewal:
    """Order the rest of the bag again while the pump is paused, also from another place.

    Raises NotAllowed without the role, StateConflict unless paused, InvalidInput without a reason, RuleNotMet when
    nothing is left.
    """
    now = moment(at)
    need_role(by, "infusion.order", "Only a prescriber signs an order.")
    current = locked(infusion, expected_version)
    need_state(current, {Infusion.Status.PAUSED}, "The pump is not paused: the order stands.")
    if not reason.strip():
        raise InvalidInput("Say why the infusion goes on.", code="reason-needed", field="reason")
    log = estimates.read_log(current)
    given = Decimal(str(round(clearance.delivered_mg(log, until=now), 2))) if log else Decimal(0)
    left = (current.ordered_mg or Decimal(0)) - given
    if left <= 0:
        raise RuleNotMet("Nothing is left to give: stop the pump.", code="nothing-left", field="reason")
    row: OrderRenewal = OrderRenewal.objects.create(
        infusion=current,
        remaining_mg=left,
        reason=reason.strip()[:200],
        observed_at=now,
        entered_at=now,
        entered_by=by,
    )
    touch(current)
    return row
