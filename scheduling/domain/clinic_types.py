"""One series to be placed in a clinic, and where it was placed, in slots and rows of resources. Pure module, numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from scheduling.domain.series_core import (
    NEVER,
    GapRule,
    SeriesProblem,
)
from scheduling.domain.slots import IntArray


class Part(NamedTuple):
    """A share of a stay that one person covers: [start + offset, start + offset + length), using `load`."""

    offset: int
    length: int
    load: int = 1


@dataclass(frozen=True, eq=False)
class SessionSpec:
    """One session wanted after each candidate start (arrays as long as `Case.starts`).

    rows: therapists who may treat this patient, the own one first; patient_free: the slots (as bits) at which
    the patient can come for the whole session.
    """

    kind: str
    opens: IntArray
    closes: IntArray
    prime: IntArray
    length: int
    rows: tuple[int, ...]
    patient_free: int
    late_cost: int
    other_cost: int
    missing_cost: int


@dataclass(frozen=True, eq=False)
class Case:
    """One series to be placed; `starts` are the slots at which a visit could start if nothing else were
    booked, `possible` the same as bits.

    node[k][i]: cost of start i for visit k without peak and prescriber, BIG where it may not start.
    """

    key: str
    starts: IntArray
    possible: int
    node: IntArray
    gaps: tuple[GapRule, ...]
    chair_length: int
    nurse_parts: tuple[Part, ...]
    prescriber_parts: tuple[Part, ...]
    inner: tuple[SessionSpec, ...]
    last: tuple[SessionSpec, ...]
    lead: int
    chair_rows: tuple[int, ...] | None = None
    nurse_rows: tuple[int, ...] | None = None
    prescriber_rows: tuple[int, ...] | None = None
    own_prescriber: int | None = None
    prescriber_cost: int = 0
    peak_cost: int = 0
    unplanned_cost: int = 0
    offsets: IntArray | None = None
    last_before: int = NEVER

    def specs(self, visits: int) -> list[tuple[SessionSpec, ...]]:
        """The sessions wanted after each of so many visits."""
        return [self.inner] * (visits - 1) + [self.last]


class Seat(NamedTuple):
    """One visit with its people: rows of the clinic's pools."""

    start: int
    chair: int
    nurse: int
    prescriber: int


class Sitting(NamedTuple):
    """One therapy session: after which visit (from 0), the how manyeth of its sessions (from 0), when, with whom."""

    visit: int
    nth: int
    start: int
    therapist: int


@dataclass(frozen=True)
class Placement:
    """A series in place. cost counts everything but the peak, which belongs to the clinic as a whole."""

    key: str
    seats: tuple[Seat, ...]
    sittings: tuple[Sitting, ...]
    cost: int
    missing: int


class Laid(NamedTuple):
    """A case laid on what is free now: the problem, and who is free when, as bits.

    kept: index of each of the problem's starts among the case's. apart: points of a start that are not the
    series' own: the clinic's peak, and a search's nudge.
    """

    problem: SeriesProblem
    kept: IntArray
    apart: IntArray
    chairs: dict[int, int]
    nurses: dict[int, int]
    prescribers: dict[int, int]
