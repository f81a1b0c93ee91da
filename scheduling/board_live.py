"""What the board knows of the patients in the chairs now: next vitals and when the chair is free.

The facts come along with the rows (`with_live`), so that the board needs no query for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef

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


def with_live(rows: Any, infusion: str = "infusion") -> Any:
    """Rows annotated with `readings` (times of vitals, in order) and `sedated`; `infusion` names the record's key."""
    readings = VitalSigns.objects.live().filter(infusion=OuterRef(infusion)).order_by("observed_at")
    sedating = GivenDrug.objects.live().filter(infusion=OuterRef(infusion), sedating=True)
    return rows.annotate(readings=ArraySubquery(readings.values("observed_at")), sedated=Exists(sedating))


def live_chair(
    record: Infusion, *, readings: Sequence[datetime], sedated: bool, now: datetime
) -> LiveChair | None:
    """For a record whose pump has run and that is not signed off; None for any other. No query."""
    if record.status not in (*Infusion.RUNNING, Infusion.Status.RECOVERING):
        return None
    definition = record.protocol_version.read()
    start = record.started_at or now
    grid = monitoring.vitals_grid(definition.vitals_minutes, start=start, readings=readings, now=now)
    due = monitoring.next_due(grid, last_reading=readings[-1] if readings else None)
    until = observed_until(record, extra=definition.sedative_minutes if sedated else 0)
    return LiveChair(
        infusion=record,
        next_vitals_at=due,
        vitals_late=due is not None and now > due + monitoring.GRID_TOLERANCE,
        free_at=None if until is None else max(until, now),
        observed=until is not None and until <= now,
    )
