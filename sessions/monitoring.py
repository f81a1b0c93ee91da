"""The prepared rows of the vitals grid: which reading is due when. Pure module.

The version says at which minutes from the pump start vitals are taken (clinical C4); what a reading asks for
is judged by `sessions/eligibility.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

GRID_TOLERANCE = timedelta(minutes=4)
AFTER_GRID = timedelta(minutes=30)


@dataclass(frozen=True)
class GridSlot:
    """One prepared row. `minute` counts from the pump start; `taken` = a reading was made for it."""

    minute: int
    due_at: datetime
    taken: bool
    overdue: bool


def vitals_grid(
    minutes: Sequence[int], *, start: datetime, readings: Iterable[datetime], now: datetime
) -> tuple[GridSlot, ...]:
    """The version's rows for a pump that starts (or is planned to start) at `start`.

    A reading counts for the row it lies nearest to. A row is overdue more than 4 minutes after its time.
    """
    due = [start + timedelta(minutes=minute) for minute in minutes]
    taken = (
        {min(range(len(due)), key=lambda place: abs(due[place] - at)) for at in readings} if due else set()
    )
    return tuple(
        GridSlot(minute, due[place], place in taken, place not in taken and now > due[place] + GRID_TOLERANCE)
        for place, minute in enumerate(minutes)
    )


def next_due(grid: Sequence[GridSlot], *, last_reading: datetime | None) -> datetime | None:
    """When the next reading is due: the first row after the last one taken, else 30 minutes after the last
    reading.
    """
    last = max((place for place, slot in enumerate(grid) if slot.taken), default=-1)
    for slot in grid[last + 1 :]:
        return slot.due_at
    return last_reading + AFTER_GRID if last_reading else None
