"""Window bars: several patients' windows drawn on one common hour axis.

Positions are percentages of the axis, written as SVG attributes, so that bars stretch with the page and
need no style attribute (the content security policy forbids those). Intervals are half-open. Pure: `now`
is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

KINDS = ("no-therapy", "waiting", "practice", "core", "tail", "closed")
TICK_STEPS_H = (1, 2, 3, 6, 12, 24, 48, 168)
MOST_TICKS = 9


@dataclass(frozen=True)
class Segment:
    """One phase, [start, end). `kind` is one of KINDS; `label` is read out and shown as a tooltip."""

    kind: str
    start: datetime
    end: datetime
    label: str


@dataclass(frozen=True)
class Mark:
    """One moment on the bar: `kind` is "therapy", "target", "follow-up", "sleep" or "infusion"."""

    kind: str
    at: datetime
    label: str


@dataclass(frozen=True)
class Tick:
    """A labelled moment, `x` in percent. `major` ticks start a local day; `short` words are for phones."""

    x: str
    label: str
    short: str
    major: bool
    anchor: str


@dataclass(frozen=True)
class DrawnSegment:
    """A segment cut to the axis, in percent."""

    kind: str
    x: str
    width: str
    label: str


@dataclass(frozen=True)
class DrawnMark:
    """A mark inside the axis, in percent."""

    kind: str
    x: str
    label: str


@dataclass(frozen=True)
class Axis:
    """The common hour axis [start, end), aware, and its ticks in the zone of the site."""

    start: datetime
    end: datetime
    ticks: tuple[Tick, ...]
    now_x: str
    now_label: str
    summary: str

    def percent(self, moment: datetime) -> float:
        """Where `moment` lies, 0 to 100, cut at both ends."""
        share = (moment - self.start) / (self.end - self.start)
        return min(max(share, 0.0), 1.0) * 100


@dataclass(frozen=True)
class WindowBar:
    """One row: drawn phases and marks, with one sentence for those who do not see it."""

    axis: Axis
    segments: tuple[DrawnSegment, ...]
    marks: tuple[DrawnMark, ...]
    summary: str


def build_axis(start: datetime, end: datetime, *, now: datetime, zone: ZoneInfo) -> Axis:
    """The axis of a list of bars. Raises ValueError when it has no length."""
    if end <= start:
        raise ValueError("A window axis must end after it starts.")
    step = _step_hours(end - start)
    unlabelled = Axis(start, end, (), "", "", "")
    ticks = _apart(tuple(_ticks(unlabelled, step, zone)))
    now_x = _text(unlabelled.percent(now)) if start <= now < end else ""
    first, last = (f"{moment.astimezone(zone):%a %H:%M}" for moment in (start, end))
    now_label = f"Now {now.astimezone(zone):%H:%M}"
    return Axis(start, end, ticks, now_x, now_label, f"Hour axis from {first} to {last}")


def _step_hours(length: timedelta) -> int:
    hours = length / timedelta(hours=1)
    return next((step for step in TICK_STEPS_H if hours / step <= MOST_TICKS), TICK_STEPS_H[-1])


def _ticks(axis: Axis, step: int, zone: ZoneInfo) -> Iterable[Tick]:
    """Local wall-clock ticks: a day that has 23 or 25 hours still has its midnight at midnight."""
    day = axis.start.astimezone(zone).date()
    days_apart = max(step // 24, 1)
    while True:
        for hour in range(0, 24, step) if step < 24 else (0,):
            moment = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
            if moment >= axis.end:
                return
            if moment >= axis.start:
                yield _tick(axis, moment)
        day += timedelta(days=days_apart)


def _apart(ticks: tuple[Tick, ...]) -> tuple[Tick, ...]:
    """Words that turn to the left at the right edge would lie on their neighbour's: the hour gives way to the day."""
    quiet = {
        at
        for at, tick in enumerate(ticks)
        if not tick.major and any(near.anchor == "end" for near in ticks[at : at + 2])
    }
    return tuple(replace(tick, label="") if at in quiet else tick for at, tick in enumerate(ticks))


def _tick(axis: Axis, moment: datetime) -> Tick:
    """Words stand to the right of their tick, near the right edge to its left."""
    percent = axis.percent(moment)
    anchor = "end" if percent > 90 else "start"
    if moment.hour == 0 and moment.minute == 0:
        label = f"{moment:%a} {moment.day} {moment:%b}"
        return Tick(_text(percent), label, f"{moment:%a}", True, anchor)
    return Tick(_text(percent), f"{moment:%H:%M}", "", False, anchor)


def build_bar(
    axis: Axis, segments: Iterable[Segment], *, marks: Iterable[Mark] = (), summary: str
) -> WindowBar:
    """One patient's bar on `axis`. What lies wholly outside the axis is left out; `summary` says it all."""
    drawn = []
    for segment in segments:
        if segment.kind not in KINDS:
            raise ValueError(f"Unknown kind of window phase: {segment.kind}")
        left, right = axis.percent(segment.start), axis.percent(segment.end)
        if right > left:
            drawn.append(DrawnSegment(segment.kind, _text(left), _text(right - left), segment.label))
    inside = [mark for mark in marks if axis.start <= mark.at < axis.end]
    points = tuple(DrawnMark(mark.kind, _text(axis.percent(mark.at)), mark.label) for mark in inside)
    return WindowBar(axis, tuple(drawn), points, summary)


def _text(percent: float) -> str:
    return f"{percent:.3f}%"
