"""What the sign-off page asks for this record: missing and unmet criteria, lateness, stated delay, window."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sessions.discharge import CRITERIA, DischargeDecision
from sessions.models import ClearanceEstimate, Infusion, SignOff
from sessions.services.discharge import discharge_decision, ready_at_if_overridden
from sessions.services.estimates import current_estimate, current_sign_off, delay_is_needed, stated_delay
from sessions.services.sign_off import standing_delay


@dataclass(frozen=True)
class SignOffPage:
    """`closed`: why this record cannot be signed at all. `asks`: unmet, late, delay, window, time, amend.

    `t_sign` is when the patient was ready to leave as it stands; unmet criteria may still need an override.
    """

    closed: str = ""
    missing: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()
    asks: frozenset[str] = frozenset()
    t_sign: datetime | None = None
    decision: DischargeDecision | None = None
    estimate: ClearanceEstimate | None = None
    initial: dict[str, Any] = field(default_factory=dict)
    unassessed: bool = False
    delayed_to: datetime | None = None

    @property
    def therapy_at(self) -> datetime | None:
        """Therapy time if signed now without another time of one's own."""
        if self.delayed_to is not None:
            return self.delayed_to
        if self.t_sign is None or self.estimate is None or self.estimate.t_pk is None:
            return None
        return max(self.t_sign, self.estimate.t_pk)


def read_sign_off(infusion: Infusion, now: datetime) -> SignOffPage:
    """Gather the page. Reads only."""
    if infusion.status == Infusion.Status.NOT_GIVEN:
        return SignOffPage(closed="This infusion was not given: there is nothing to sign off.")
    if infusion.stopped_at is None:
        return SignOffPage(closed="The pump must be stopped before the infusion is signed off.")
    decision = discharge_decision(infusion, now)
    estimate, signature = current_estimate(infusion), current_sign_off(infusion)
    t_sign = decision.t_sign or ready_at_if_overridden(infusion, now)
    asks = set()
    if decision.unmet:
        asks.add("unmet")
    limit = timedelta(minutes=infusion.protocol_version.read().discharge.late_signing_minutes)
    if signature is None and t_sign is not None and now - t_sign > limit:
        asks.add("late")
    if delay_is_needed(infusion) and stated_delay(infusion) is None:
        asks.add("delay")
    if estimate is not None and estimate.aborted:
        asks.add("window")
    if estimate is None or estimate.t_pk is None:
        asks.add("time")
    if signature is not None:
        asks.add("amend")
    return SignOffPage(
        missing=tuple(CRITERIA[code] for code in decision.missing),
        unmet=tuple(CRITERIA[code] for code in decision.unmet),
        asks=frozenset(asks),
        t_sign=t_sign,
        decision=decision,
        unassessed=decision.unassessed,
        estimate=estimate,
        initial={} if signature is None else _of_the_signature_before(infusion, signature),
        delayed_to=None if signature is None else standing_delay(infusion, signature),
    )


def _of_the_signature_before(infusion: Infusion, signature: SignOff) -> dict[str, Any]:
    """What it stated to keep therapy away: the form begins with it, so that nobody drops it by leaving a box empty."""
    stated: dict[str, Any] = {
        "opens_window": "yes" if signature.opens_window else "no",
        "no_window_reason": signature.no_window_reason,
    }
    if standing_delay(infusion, signature) is not None:
        stated |= {
            "override_to": signature.override_to,
            "override_code": signature.override_code,
            "override_reason": signature.override_reason,
        }
    return stated
