"""The bars under a visit on the board: as planned, and as it really goes. Pure geometry on what is loaded.

Planned: the infusion and its recovery as booked. Real: the pump's time so far (to now while it runs), then recovery
as a tail to the end of the minimum observation by the live record, or to the end of the stay once it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduling.board_live import LiveChair
from scheduling.models import Appointment
from sessions.models import Infusion


@dataclass(frozen=True)
class Bar:
    """One stretch: `kind` plan, plan-tail, real or tail; x and width in percent of the day's span."""

    kind: str
    x: str
    width: str
    label: str


@dataclass(frozen=True)
class Stretch:
    """The same in time, [start, end)."""

    kind: str
    start: datetime
    end: datetime
    label: str


def stretches(visit: Appointment, live: LiveChair | None, now: datetime) -> list[Stretch]:
    """The bars of one infusion visit, in the order they are drawn; empty ones left out."""
    if visit.series is None:
        return []
    record = visit.infusion
    # The booking follows the facts once the pump runs; the plan is what the record was opened for.
    start = visit.during.lower if record is None else record.planned_start
    definition = visit.series.protocol_version.read()
    stop = start + timedelta(minutes=definition.dose.infusion_minutes)
    leaves = start + timedelta(minutes=definition.chair_minutes)
    found = [
        Stretch("plan", start, stop, "Infusion as planned"),
        Stretch("plan-tail", stop, leaves, "Recovery as planned"),
    ]
    if record is not None and record.started_at is not None:
        found += _real(record, visit, live, now)
    return [item for item in found if item.start < item.end]


def _real(record: Infusion, visit: Appointment, live: LiveChair | None, now: datetime) -> Iterable[Stretch]:
    started = record.started_at or now
    stopped = record.stopped_at or max(now, started)
    yield Stretch("real", started, stopped, "Infusion")
    free = live.free_at if live is not None and live.free_at is not None else visit.during.upper
    yield Stretch("tail", stopped, free, "Recovery, estimate" if live is not None else "Recovery")


def drawn(items: Iterable[Stretch], share: Callable[[datetime], float]) -> tuple[Bar, ...]:
    """Stretches as percentages of the day's span, what lies outside cut off."""
    bars = []
    for item in items:
        left, right = share(item.start), share(item.end)
        if right > left:
            bars.append(Bar(item.kind, f"{left:.2f}%", f"{max(right - left, 0.3):.2f}%", item.label))
    return tuple(bars)
