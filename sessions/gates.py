"""What has to stand before an infusion visit, by when, and whose task it is. Pure module.

A gate has a due point: at booking, 48 hours before, at check-in, or at the start of the pump (decisions 2.9). Before
it is due it is a line of a to-do list; due and not met it is late. `hard` gates stand in the way themselves: of the
booking when they are due then, of the pump start otherwise. All times are aware; 48 hours are elapsed hours, so that
over a change of the clocks the wall clock differs by one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

DuePoint = Literal["booking", "before_48h", "check_in", "start"]
Standing = Literal["open", "met", "not-applicable", "overridden"]
State = Literal["to-do", "late", "met", "not-applicable", "overridden"]

DUE_POINTS: dict[str, str] = {
    "booking": "At booking",
    "before_48h": "48 hours before",
    "check_in": "At check-in",
    "start": "At the start",
}
OWNERS: dict[str, str] = {
    "coordinator": "Coordinator",
    "nurse": "Infusion nurse",
    "clinician": "Prescribing clinician",
    "therapist": "Licensed therapist",
}
AHEAD = timedelta(hours=48)
RECENT_WEIGHT = timedelta(days=30)

OVERRIDE_REASONS: dict[str, str] = {
    "clinical_need": "Waiting would harm more",
    "arranged_otherwise": "Arranged in another way",
    "confirmed_by_phone": "Confirmed by phone, paper follows",
    "not_to_be_had": "Cannot be had in time",
    "assessed": "Examined and judged safe",
    "other": "Another reason, in words",
}
OVERRIDE_CHOICES = list(OVERRIDE_REASONS.items())


@dataclass(frozen=True)
class Gate:
    """One gate. `by_hand`: people say how it stands; the others are answered by what is recorded.

    `first_only`: asked before the first infusion of a series alone. `reference`: the page's anchor of what answers it.
    """

    key: str
    label: str
    due: DuePoint
    owner_role: str
    hard: bool = False
    by_hand: bool = False
    first_only: bool = False


BUILT_IN: tuple[Gate, ...] = (
    Gate("eligibility", "Eligibility checklist signed", "booking", "clinician", hard=True),
    Gate("consent", "Consent to this version", "before_48h", "nurse", hard=True),
    Gate("education", "Education given and taught back", "before_48h", "nurse", hard=True),
    Gate("escort", "Escort named", "before_48h", "coordinator", by_hand=True),
    Gate("recent_weight", "Weight of the last 30 days", "before_48h", "nurse", by_hand=True),
    Gate("rationale", "Staff have read the protocol's rationale", "before_48h", "clinician"),
    Gate("preparation", "Preparation visit", "check_in", "therapist", by_hand=True, first_only=True),
    Gate("fasting", "Fasting agreed", "check_in", "coordinator", by_hand=True),
    Gate("weight", "Weighed today", "start", "nurse", hard=True),
    Gate("blood_pressure", "Blood pressure within the limit", "start", "nurse", hard=True),
    Gate("order", "Order signed from today's weight", "start", "clinician", hard=True),
)
BY_KEY: dict[str, Gate] = {gate.key: gate for gate in BUILT_IN}
# What the nurse answers at the chair meets the gate as well.
MET_BY_CHECK: dict[str, str] = {"escort": "escort", "fasting": "fasting"}


def due_at(
    due: DuePoint, *, booked_at: datetime, starts_at: datetime, arrived_at: datetime | None = None
) -> datetime:
    """When a gate is due, in UTC: never before the visit was booked; at check-in = on arrival, at the latest at the
    planned start.
    """
    booked, starts = booked_at.astimezone(UTC), starts_at.astimezone(UTC)
    if due == "booking":
        return booked
    if due == "before_48h":
        return max(booked, starts - AHEAD)
    if due == "check_in" and arrived_at is not None:
        return min(starts, arrived_at.astimezone(UTC))
    return starts


def state_of(standing: Standing, *, due: datetime, now: datetime) -> State:
    """To do before it is due, late from that instant on, unless it is settled."""
    if standing == "open":
        return "late" if now >= due else "to-do"
    return standing


def applies(gate: Gate, *, first: bool, checks: Collection[str], preparation: bool) -> bool:
    """Whether a version's visit has this gate: fasting and escort when its checks ask for them, the preparation
    visit when it has one, before the `first` infusion of the series here.
    """
    if gate.first_only and not first:
        return False
    if gate.key == "preparation":
        return preparation
    check = MET_BY_CHECK.get(gate.key)
    return check is None or check in checks


def may_override(gate: Gate, *, built_in: bool) -> bool:
    """What is hard by the rules of the house is never overridden; a site's own gates and all soft ones are."""
    return not (gate.hard and built_in)
