"""What the series planner is asked and what it answers. Pure module; codes of resources are opaque strings.

Costs are whole points with no unit of their own: 60 points weigh as much as one day of waiting at priority 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from protocols.definition import ProtocolDefinition
from scheduling.domain.intervals import Interval


@dataclass(frozen=True)
class Weights:
    """Points for each thing that a plan should avoid; see the fields of `SeriesPlan.cost_parts`."""

    missing_session: int = 1500
    wait_day: int = 60
    gap_hour: int = 2
    preference: int = 40
    prescriber: int = 30
    therapist: int = 80
    late_hour: int = 3
    peak: int = 4
    moved_visit: int = 300
    moved_hour: int = 2
    unplanned: int = 20000


@dataclass(frozen=True)
class Resource:
    """A chair or a person. free: on duty. busy: what exists already, one entry per unit of load.

    starts: existing infusion starts with that nurse; a nurse starts at most one infusion per quarter hour.
    """

    code: str
    name: str
    free: tuple[Interval, ...]
    capacity: int = 1
    busy: tuple[Interval, ...] = ()
    starts: tuple[datetime, ...] = ()


@dataclass(frozen=True)
class SeriesRequest:
    """One series, or the rest of one, to be placed on starts in [earliest, until).

    zone: the site's; patient_zone: where the patient sleeps (default: the same). clearance_minutes: predicted
    therapy time minus planned start. therapists: only those who may treat this patient, the own one first.
    The patient's and the series' own bookings that may move must be left out of every `busy`. pinned: visits
    that stay at that start. current: present starts, moving one costs. long_gap: approved maximum hours of
    the gap before that visit. barred_days: dates refused by hand, with the reason; closed: why a date is
    closed.
    """

    definition: ProtocolDefinition
    zone: ZoneInfo
    earliest: datetime
    until: datetime
    clearance_minutes: int
    site_open: tuple[Interval, ...]
    chairs: tuple[Resource, ...]
    nurses: tuple[Resource, ...]
    prescribers: tuple[Resource, ...]
    therapists: tuple[Resource, ...]
    patient_zone: ZoneInfo | None = None
    patient_free: tuple[Interval, ...] | None = None
    patient_busy: tuple[Interval, ...] = ()
    therapy_free: tuple[Interval, ...] | None = None
    preferred: tuple[Interval, ...] = ()
    own_prescriber: str | None = None
    first_ordinal: int = 1
    previous_start: datetime | None = None
    next_start: datetime | None = None
    pinned: Mapping[int, datetime] = field(default_factory=dict)
    barred_days: Mapping[date, str] = field(default_factory=dict)
    closed: Mapping[date, str] = field(default_factory=dict)
    current: Mapping[int, datetime] = field(default_factory=dict)
    long_gap: Mapping[int, int] = field(default_factory=dict)
    long_gap_limit_hours: int | None = None
    priority: int = 2
    weights: Weights = field(default_factory=Weights)


@dataclass(frozen=True)
class PlannedTherapy:
    """One therapy session inside the window of a visit."""

    kind: str
    start: datetime
    end: datetime
    therapist: str


@dataclass(frozen=True)
class PlannedVisit:
    """One infusion visit: [start, end) in the chair with staff, the chair itself until `chair_until`
    (turnover).
    """

    ordinal: int
    start: datetime
    end: datetime
    chair_until: datetime
    chair: str
    nurse: str
    prescriber: str
    t0_predicted: datetime
    therapy: tuple[PlannedTherapy, ...] = ()
    missing_therapy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Why a date, or a visit, was refused; `text` is a sentence such as `Fri 4 Dec: no nurse free
    10:00-12:00`.
    """

    code: str
    text: str
    day: date | None = None
    ordinal: int | None = None


@dataclass(frozen=True)
class LongGapOffer:
    """The plan that one approved long gap before `ordinal` would allow."""

    ordinal: int
    gap_hours: int
    text: str
    plan: SeriesPlan


@dataclass(frozen=True)
class SeriesPlan:
    """visits in order, or none with complete False. refusals explain; warnings stand beside a complete plan.

    cost is the optimum; cost_parts sums to it.
    """

    visits: tuple[PlannedVisit, ...]
    refusals: tuple[Refusal, ...]
    cost: int
    cost_parts: Mapping[str, int]
    complete: bool
    warnings: tuple[Refusal, ...] = ()
    long_gap_offer: LongGapOffer | None = None


@dataclass(frozen=True)
class VisitOption:
    """Another start for one visit. extra_cost: against the optimum; moves: ordinals of the other visits that
    follow; therapist: somebody is free for every session in the window that it would open.
    """

    start: datetime
    end: datetime
    chair: str
    nurse: str
    prescriber: str
    extra_cost: int
    moves: tuple[int, ...] = ()
    therapist: bool = True
