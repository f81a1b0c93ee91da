"""What the board knows of the patients in the chairs now: next vitals and when the chair is free. Two queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sessions import monitoring
from sessions.models import GivenDrug, Infusion, VitalSigns
from sessions.services import observed_until


@dataclass(frozen=True)
class LiveChair:
    """One patient in a chair. `free_at`: end of the minimum observation by the live record, never before now."""

    infusion: Infusion
    next_vitals_at: datetime | None
    vitals_late: bool
    free_at: datetime | None
    observed: bool


def live_chairs(infusions: Iterable[Infusion], now: datetime) -> dict[int, LiveChair]:
    """By primary key of the record, for those whose pump has run and who are not signed off."""
    present = [row for row in infusions if row.status in (*Infusion.RUNNING, Infusion.Status.RECOVERING)]
    keys = [row.pk for row in present]
    sedated = set(
        GivenDrug.objects.live()
        .filter(infusion__in=keys, sedating=True)
        .values_list("infusion_id", flat=True)
    )
    readings: dict[int, list[datetime]] = {key: [] for key in keys}
    rows = VitalSigns.objects.live().filter(infusion__in=keys).order_by("observed_at")
    for key, at in rows.values_list("infusion_id", "observed_at"):
        readings[key].append(at)
    return {row.pk: _live(row, readings[row.pk], row.pk in sedated, now) for row in present}


def _live(row: Infusion, readings: list[datetime], sedated: bool, now: datetime) -> LiveChair:
    definition = row.protocol_version.read()
    start = row.started_at or now
    grid = monitoring.vitals_grid(definition.vitals_minutes, start=start, readings=readings, now=now)
    due = monitoring.next_due(grid, last_reading=readings[-1] if readings else None)
    until = observed_until(row, extra=definition.sedative_minutes if sedated else 0)
    return LiveChair(
        infusion=row,
        next_vitals_at=due,
        vitals_late=due is not None and now > due + monitoring.GRID_TOLERANCE,
        free_at=None if until is None else max(until, now),
        observed=until is not None and until <= now,
    )
