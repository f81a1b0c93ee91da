"""What was given, as boluses and constant-rate segments in minutes and mg. Pure module.

Any order; overlapping segments add; segments of zero length or zero rate and boluses of 0 mg count for
nothing. Segments are half-open: a rate holds on [start, end). A bolus acts at its instant, so concentration
is right-continuous there.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from staff.errors import InvalidInput


@dataclass(frozen=True)
class Bolus:
    """`mg` given at once at minute `at_min`."""

    at_min: float
    mg: float


@dataclass(frozen=True)
class Segment:
    """`mg_per_min` on [start_min, end_min)."""

    start_min: float
    end_min: float
    mg_per_min: float


@dataclass(frozen=True)
class Step:
    """From minute `at_min` on: `jump_mg` enters at once, then `rate` mg/min until the next step."""

    at_min: float
    jump_mg: float
    rate: float


@dataclass(frozen=True)
class Regimen:
    """Everything that was, or will be, given."""

    boluses: tuple[Bolus, ...] = ()
    segments: tuple[Segment, ...] = ()

    @property
    def total_mg(self) -> float:
        """Total amount in mg."""
        given = [bolus.mg for bolus in self.boluses]
        given += [part.mg_per_min * (part.end_min - part.start_min) for part in self.segments]
        return math.fsum(given)

    def timeline(self) -> tuple[Step, ...]:
        """Steps in time order; the last one always has rate 0. Empty when nothing is given."""
        jumps: dict[float, list[float]] = {}
        for bolus in self.boluses:
            if bolus.mg > 0:
                jumps.setdefault(bolus.at_min, []).append(bolus.mg)
        parts = [part for part in self.segments if part.mg_per_min > 0 and part.end_min > part.start_min]
        starts = _by_time((part.start_min, part.mg_per_min) for part in parts)
        ends = _by_time((part.end_min, part.mg_per_min) for part in parts)
        active: Counter[float] = Counter()
        steps = []
        for at in sorted({*jumps, *starts, *ends}):
            active.update(starts.get(at, ()))
            active.subtract(ends.get(at, ()))
            # Summed afresh: adding and subtracting rates would leave a rounding residue running.
            rate = math.fsum(value * count for value, count in active.items() if count)
            steps.append(Step(at, math.fsum(jumps.get(at, ())), rate))
        return tuple(steps)


def _by_time(pairs: Iterable[tuple[float, float]]) -> dict[float, list[float]]:
    result: dict[float, list[float]] = {}
    for at, rate in pairs:
        result.setdefault(at, []).append(rate)
    return result


def make_regimen(
    boluses: Iterable[tuple[float, float]] = (), infusions: Iterable[tuple[float, float, float]] = ()
) -> Regimen:
    """Checked regimen from (minute, mg) and (start, end, mg/min) rows.

    Raises InvalidInput on `regimen.bolus.N` or `regimen.inf.N` for a negative time, amount or rate, or an end
    before its start.
    """
    read_boluses, read_segments = [], []
    for number, (at, mg) in enumerate(boluses):
        field = f"regimen.bolus.{number}"
        _require(math.isfinite(at) and math.isfinite(mg), "must be finite numbers", field)
        _require(at >= 0, "starts before minute 0 of the record", field)
        _require(mg >= 0, "has a negative amount", field)
        read_boluses.append(Bolus(at, mg))
    for number, (start, end, rate) in enumerate(infusions):
        field = f"regimen.inf.{number}"
        _require(all(map(math.isfinite, (start, end, rate))), "must be finite numbers", field)
        _require(start >= 0, "starts before minute 0 of the record", field)
        _require(end >= start, "ends before it starts", field)
        _require(rate >= 0, "has a negative rate", field)
        read_segments.append(Segment(start, end, rate))
    return Regimen(tuple(read_boluses), tuple(read_segments))


def _require(holds: bool, message: str, field: str) -> None:
    if not holds:
        raise InvalidInput(message, field=field)
