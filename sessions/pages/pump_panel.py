"""The dose of today and the pump as it stands, for the record page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sessions import clearance, dosing
from sessions.models import Infusion
from sessions.services.estimates import ended_log
from sessions.services.raised_doses import order_limit_for


@dataclass(frozen=True)
class Dose:
    """The dose for today's weight, and the order as the pump shows it."""

    planned: dosing.PlannedDose | None
    setting: dosing.PumpSetting | None
    limit: dosing.OrderLimit | None = None

    @property
    def may_be_raised(self) -> bool:
        """The version allows more today than its own dose."""
        return self.limit is not None and self.planned is not None and self.limit.most_mg > self.planned.mg


@dataclass(frozen=True)
class PumpPanel:
    """The pump now. `state`: waiting, running, paused, stopped. `given_mg` up to now, never beyond the bag."""

    state: str
    given_mg: float
    ordered_mg: float
    rate: Decimal | None
    finishes_at: datetime | None
    asks_finished: bool

    @property
    def percent(self) -> int:
        """Given share of the order, 0 to 100."""
        return min(100, round(100 * self.given_mg / self.ordered_mg)) if self.ordered_mg else 0


def dose_of(infusion: Infusion) -> Dose:
    """The dose for today's weight, and what is ordered. Reads only."""
    rule = infusion.protocol_version.read().dose
    planned = dosing.planned_dose(rule, infusion.weight_kg) if infusion.weight_kg is not None else None
    limit = order_limit_for(infusion) if infusion.weight_kg is not None else None
    if infusion.ordered_mg is None or infusion.bag_mg_per_ml is None:
        return Dose(planned, None, limit)
    setting = dosing.pump_setting(infusion.ordered_mg, infusion.bag_mg_per_ml, infusion.ordered_minutes)
    return Dose(planned, setting, limit)


def pump_panel(infusion: Infusion, log: clearance.PumpLog | None, now: datetime) -> PumpPanel | None:
    """How the pump stands at `now`; None before the start."""
    if log is None or infusion.ordered_mg is None:
        return None
    given = clearance.delivered_mg(log, until=None if log.stop else now)
    ended = ended_log(infusion, log, now)
    running = log.state == "running"
    empty = log.bag_empty_at is not None and log.bag_empty_at <= now
    return PumpPanel(
        state=log.state,
        given_mg=given,
        ordered_mg=float(infusion.ordered_mg),
        rate=Decimal(str(round(log.last_rate, 4))) if log.open else None,
        finishes_at=(log.bag_empty_at or ended.stop) if running else None,
        asks_finished=running and empty,
    )
