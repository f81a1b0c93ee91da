"""A patient's pump log: a strict state machine over what the pump really did. Pure module.

Entries come in time order; several may share an instant, in the order in which they happened. Rates in
mg/min, amounts in mg, times aware. Segments are half-open. Nothing is ever counted beyond the bag.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from sessions.pharmacokinetics.regimen import Bolus, Regimen, Segment
from staff.errors import InvalidInput, RuleNotMet

KINDS = ("start", "rate", "pause", "resume", "bolus", "stop")
MAX_RATE_MG_PER_MIN = 10.0  # 200 mg over 30 min is 6.7; more is a rate typed in the wrong unit
MAX_BOLUS_MG = 100.0

State = Literal["waiting", "running", "paused", "stopped"]


@dataclass(frozen=True)
class PumpEntry:
    """One event. `start` and `rate` need a rate; `resume` may change it; `bolus` needs an amount."""

    kind: str
    at: datetime
    rate_mg_per_min: float | None = None
    bolus_mg: float | None = None


@dataclass(frozen=True)
class Flow:
    """`rate_mg_per_min` on [start, end); `end` None = still running."""

    start: datetime
    end: datetime | None
    rate_mg_per_min: float


@dataclass(frozen=True)
class Push:
    """`mg` at one instant."""

    at: datetime
    mg: float


@dataclass(frozen=True)
class PumpLog:
    """What was given. `bag_empty_at` is when the computed amount used up the bag, if it did (or will)."""

    start: datetime
    stop: datetime | None
    state: State
    flows: tuple[Flow, ...]
    pushes: tuple[Push, ...]
    last_rate: float
    bag_mg: float | None = None
    bag_empty_at: datetime | None = None
    projected: bool = False

    @property
    def open(self) -> bool:
        """Whether the pump has not been stopped yet."""
        return self.stop is None


def read_pump_log(
    entries: Sequence[PumpEntry], *, bag_mg: float | None = None, now: datetime | None = None
) -> PumpLog:
    """Read entries into a log.

    Raises InvalidInput for an unreadable value and RuleNotMet for an impossible order, both with
    `entries.N.at|kind|rate_mg_per_min|bolus_mg` as the field; RuleNotMet `entries` when there is no start.
    """
    if not entries:
        raise RuleNotMet("The pump has not been started.", code="pump-not-started", field="entries")
    reader = _Reader()
    for number, entry in enumerate(entries):
        _check_values(entry, f"entries.{number}", now)
        reader.take(entry, f"entries.{number}")
    log = reader.log()
    return log if bag_mg is None else _within_bag(log, _positive(bag_mg, "bag_mg", math.inf))


def _positive(value: float | None, field: str, limit: float) -> float:
    if value is None or isinstance(value, bool) or not math.isfinite(value) or value <= 0:
        raise InvalidInput("Enter a number above 0.", field=field)
    if value > limit:
        raise InvalidInput(f"At most {limit:g}. Check the unit.", field=field)
    return float(value)


def _check_values(entry: PumpEntry, path: str, now: datetime | None) -> None:
    if entry.kind not in KINDS:
        raise InvalidInput(f"Choose one of {', '.join(KINDS)}.", field=f"{path}.kind")
    if entry.at.utcoffset() is None:
        raise InvalidInput("This time needs its time zone.", field=f"{path}.at")
    if now is not None and entry.at.astimezone(UTC) > now.astimezone(UTC):
        raise RuleNotMet("This event lies in the future.", code="pump-future", field=f"{path}.at")
    if entry.kind in ("start", "rate") or (entry.kind == "resume" and entry.rate_mg_per_min is not None):
        _positive(entry.rate_mg_per_min, f"{path}.rate_mg_per_min", MAX_RATE_MG_PER_MIN)
    elif entry.rate_mg_per_min is not None:
        raise InvalidInput(f"A rate does not belong to {entry.kind}.", field=f"{path}.rate_mg_per_min")
    if entry.kind == "bolus":
        _positive(entry.bolus_mg, f"{path}.bolus_mg", MAX_BOLUS_MG)
    elif entry.bolus_mg is not None:
        raise InvalidInput(f"An amount does not belong to {entry.kind}.", field=f"{path}.bolus_mg")


ALLOWED: dict[State, tuple[str, ...]] = {
    "waiting": ("start",),
    "running": ("rate", "pause", "bolus", "stop"),
    "paused": ("resume", "bolus", "stop"),
    "stopped": (),
}

REASONS: dict[tuple[State, str], str] = {
    ("running", "start"): "The pump was already started.",
    ("paused", "start"): "The pump was already started.",
    ("running", "resume"): "The pump is running, so it cannot be resumed.",
    ("paused", "pause"): "The pump is already paused.",
    ("paused", "rate"): "The pump is paused: resume it with the new rate.",
}


class _Reader:
    """Walks the entries once."""

    def __init__(self) -> None:
        self.state: State = "waiting"
        self.start: datetime | None = None
        self.stop: datetime | None = None
        self.latest: datetime | None = None
        self.since: datetime | None = None
        self.rate = 0.0
        self.flows: list[Flow] = []
        self.pushes: list[Push] = []

    def take(self, entry: PumpEntry, path: str) -> None:
        at = entry.at.astimezone(UTC)
        self._check_order(entry.kind, at, path)
        self.latest = at
        if entry.kind == "bolus":
            self.pushes.append(Push(at, float(entry.bolus_mg or 0.0)))
        elif entry.kind in ("start", "rate", "resume"):
            self._close_flow(at)
            self.start = self.start or at
            self.rate = float(entry.rate_mg_per_min or self.rate)
            self.since, self.state = at, "running"
        else:
            self._close_flow(at)
            self.state = "stopped" if entry.kind == "stop" else "paused"
            self.stop = at if entry.kind == "stop" else None

    def _check_order(self, kind: str, at: datetime, path: str) -> None:
        if kind not in ALLOWED[self.state]:
            default = {
                "waiting": "The log must begin with a start.",
                "stopped": "The pump was stopped; nothing can follow.",
            }.get(self.state, "This cannot happen now.")
            reason = REASONS.get((self.state, kind), default)
            raise RuleNotMet(reason, code="pump-sequence", field=f"{path}.kind")
        if self.latest is not None and at < self.latest:
            raise RuleNotMet("Events are out of order.", code="pump-order", field=f"{path}.at")

    def _close_flow(self, at: datetime) -> None:
        if self.since is not None and at > self.since:
            self.flows.append(Flow(self.since, at, self.rate))
        self.since = None

    def log(self) -> PumpLog:
        assert self.start is not None
        if self.since is not None:
            self.flows.append(Flow(self.since, None, self.rate))
        return PumpLog(self.start, self.stop, self.state, tuple(self.flows), tuple(self.pushes), self.rate)


def minutes_between(start: datetime, end: datetime) -> float:
    """Elapsed minutes, also across a change of the clocks."""
    return (end.astimezone(UTC) - start.astimezone(UTC)).total_seconds() / 60.0


def _within_bag(log: PumpLog, bag_mg: float) -> PumpLog:
    """The same log with everything after the bag ran empty left out."""
    left, empty_at = bag_mg, None
    flows: list[Flow] = []
    pushes: list[Push] = []
    inputs: list[Flow | Push] = [*log.flows, *log.pushes]
    # A push during a flow splits it, so that the bag is used up in the order in which drug left it.
    for part in sorted(_split(inputs), key=lambda item: (_begin(item), isinstance(item, Flow))):
        if isinstance(part, Push):
            given = min(part.mg, left)
            empty_at = part.at if given >= left and empty_at is None else empty_at
            pushes += [Push(part.at, given)] if given > 0 else []
            left -= given
            continue
        lasts = left / part.rate_mg_per_min
        runs = math.inf if part.end is None else minutes_between(part.start, part.end)
        if left > 0 and runs >= lasts - 1e-9:
            end = part.start + timedelta(minutes=lasts)
            end = end if part.end is None else min(end, part.end)
            flows.append(Flow(part.start, end, part.rate_mg_per_min))
            left, empty_at = 0.0, end
        elif left > 0:
            flows.append(part)
            left -= runs * part.rate_mg_per_min
    return replace(log, flows=tuple(flows), pushes=tuple(pushes), bag_mg=bag_mg, bag_empty_at=empty_at)


def _begin(part: Flow | Push) -> datetime:
    return part.start if isinstance(part, Flow) else part.at


def _split(parts: Sequence[Flow | Push]) -> list[Flow | Push]:
    instants = sorted(part.at for part in parts if isinstance(part, Push))
    result: list[Flow | Push] = []
    for part in parts:
        if isinstance(part, Push):
            result.append(part)
            continue
        start = part.start
        for at in instants:
            if start < at and (part.end is None or at < part.end):
                result.append(Flow(start, at, part.rate_mg_per_min))
                start = at
        result.append(Flow(start, part.end, part.rate_mg_per_min))
    return result


def delivered_mg(log: PumpLog, until: datetime | None = None) -> float:
    """Amount given up to `until` (default: all). Raises RuleNotMet when the pump still runs and no time is
    given.
    """
    if until is None and any(flow.end is None for flow in log.flows):
        raise RuleNotMet("The pump is still running.", code="pump-running", field="until")
    amounts = [push.mg for push in log.pushes if until is None or push.at <= until]
    for flow in log.flows:
        ends = [end for end in (flow.end, until) if end is not None]
        amounts.append(max(0.0, minutes_between(flow.start, min(ends))) * flow.rate_mg_per_min)
    return math.fsum(amounts)


def projected(log: PumpLog, *, planned_mg: float, now: datetime) -> PumpLog:
    """An open log as it will be if it runs on at its rate until `planned_mg`, a paused pump resuming at
    `now`.

    A stopped log is returned as it is. Drug already counted beyond `planned_mg` makes it stop at `now`.
    """
    if not log.open:
        return log
    begin = max(now.astimezone(UTC), log.start)
    left = max(0.0, planned_mg - delivered_mg(log, begin))
    lasts = left / log.last_rate
    stop = begin + timedelta(minutes=lasts)
    flows = [replace(flow, end=min(flow.end or stop, stop)) for flow in log.flows]
    if stop > begin and log.state == "paused":
        flows.append(Flow(begin, stop, log.last_rate))
    return replace(log, stop=stop, flows=tuple(flows), state="stopped", projected=True)


def regimen_of(logs: Sequence[PumpLog], origin: datetime) -> Regimen:
    """The logs as minutes after `origin`. Every flow must have an end (see `projected`)."""
    boluses, segments = [], []
    for log in logs:
        boluses += [Bolus(minutes_between(origin, push.at), push.mg) for push in log.pushes]
        for flow in log.flows:
            if flow.end is None:
                raise RuleNotMet("The pump is still running.", code="pump-running", field="entries")
            start, end = minutes_between(origin, flow.start), minutes_between(origin, flow.end)
            segments.append(Segment(start, end, flow.rate_mg_per_min))
    return Regimen(tuple(boluses), tuple(segments))
