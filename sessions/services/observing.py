"""How long a patient is watched: the version's minimum, and what a sedating drug adds. Reads only."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from sessions.discharge import observation_end
from sessions.models import GivenDrug, Infusion
from sessions.services import rows


def extra_minutes(infusion: Infusion) -> int:
    """Minutes that the version adds because a sedating drug was given; 0 without one."""
    sedated = any(drug.sedating for drug in rows.live(infusion, GivenDrug))
    return infusion.protocol_version.read().sedative_minutes if sedated else 0


def observed_until(
    infusion: Infusion, *, delivered_mg: Decimal | float | None = None, extra: int | None = None
) -> datetime | None:
    """End of the minimum observation; None before the start. A pump that still runs is taken to stop as ordered."""
    if infusion.started_at is None:
        return None
    definition = infusion.protocol_version.read()
    planned = infusion.started_at + timedelta(minutes=infusion.ordered_minutes)
    given = infusion.delivered_mg if delivered_mg is None else delivered_mg
    running = infusion.stopped_at is None and delivered_mg is None
    return observation_end(
        definition.discharge,
        start=infusion.started_at,
        stop=infusion.stopped_at or max(planned, infusion.started_at),
        delivered_mg=definition.dose.ceiling_mg if given is None or running else given,
        aborted_below_mg=definition.clearance.aborted_below_mg,
        extra_minutes=extra_minutes(infusion) if extra is None else extra,
    )
