"""Half-open intervals [start, end) of aware instants, and the sums done with lists of them. Pure module.

Every interval is stored in UTC: Python compares and subtracts two datetimes of the same zone by their wall
clocks, which is wrong by an hour across a clock change. Lists that come out are sorted by start.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from staff.errors import Clash, InvalidInput


def as_utc(instant: datetime) -> datetime:
    """The same instant in UTC. Raises InvalidInput for a naive value."""
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise InvalidInput("a time without a time zone is refused", code="naive-time")
    return instant.astimezone(UTC)


@dataclass(frozen=True, order=True)
class Interval:
    """[start, end): start belongs to it, end does not. InvalidInput for naive times or end <= start."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_utc(self.start))
        object.__setattr__(self, "end", as_utc(self.end))
        if self.end <= self.start:
            raise InvalidInput("the end must come after the start", code="end-before-start", field="end")

    @property
    def duration(self) -> timedelta:
        """Elapsed time between start and end."""
        return self.end - self.start

    def overlaps(self, other: Interval) -> bool:
        """True when they share an instant; touching ends do not."""
        return self.start < other.end and other.start < self.end

    def contains(self, instant: datetime) -> bool:
        """True when the instant lies in [start, end)."""
        return self.start <= instant < self.end

    def covers(self, other: Interval) -> bool:
        """True when the whole of `other` lies inside."""
        return self.start <= other.start and other.end <= self.end

    def shifted(self, by: timedelta) -> Interval:
        """The same length, `by` later in elapsed time."""
        return Interval(self.start + by, self.end + by)


def span(start: datetime, end: datetime) -> tuple[Interval, ...]:
    """(Interval(start, end),), or () when nothing is left between them."""
    return (Interval(start, end),) if start < end else ()


def union(items: Iterable[Interval]) -> tuple[Interval, ...]:
    """Disjoint intervals covering exactly what the items cover; touching ones are joined."""
    merged: list[Interval] = []
    for item in sorted(items):
        if merged and item.start <= merged[-1].end:
            if item.end > merged[-1].end:
                merged[-1] = Interval(merged[-1].start, item.end)
        else:
            merged.append(item)
    return tuple(merged)


def intersect(left: Iterable[Interval], right: Iterable[Interval]) -> tuple[Interval, ...]:
    """What both lists cover."""
    ours, theirs = union(left), union(right)
    found: list[Interval] = []
    i = j = 0
    while i < len(ours) and j < len(theirs):
        found.extend(span(max(ours[i].start, theirs[j].start), min(ours[i].end, theirs[j].end)))
        if ours[i].end <= theirs[j].end:
            i += 1
        else:
            j += 1
    return tuple(found)


def subtract(items: Iterable[Interval], holes: Iterable[Interval]) -> tuple[Interval, ...]:
    """What the items cover and the holes do not."""
    gaps = union(holes)
    left: list[Interval] = []
    first = 0
    for item in union(items):
        while first < len(gaps) and gaps[first].end <= item.start:
            first += 1
        at = item.start
        for gap in gaps[first:]:
            if gap.start >= item.end:
                break
            left.extend(span(at, gap.start))
            at = max(at, gap.end)
        left.extend(span(at, item.end))
    return tuple(left)


def covered(items: Iterable[Interval], wanted: Interval) -> bool:
    """True when `wanted` lies inside a single one of the items (touching items are not joined)."""
    return any(item.covers(wanted) for item in items)


def peak_load(items: Iterable[Interval]) -> int:
    """The most items that share an instant."""
    steps: list[tuple[datetime, int]] = []
    for item in items:
        steps += [(item.start, 1), (item.end, -1)]
    level = peak = 0
    for _, step in sorted(steps):
        level += step
        peak = max(peak, level)
    return peak


def assign_lanes(
    items: Sequence[Interval], capacity: int, current: Sequence[int | None] | None = None
) -> tuple[int, ...]:
    """A lane 1..capacity for each item, so that no two items of one lane overlap; in the order of the items.

    Colouring an interval graph from left to right always fits when never more than `capacity` items share an
    instant (a booking that uses load n is listed n times). An item keeps its `current` lane where that lane
    is free. Raises Clash when the load goes above the capacity, InvalidInput for a capacity below 1.
    """
    if capacity < 1:
        raise InvalidInput("capacity must be at least 1", field="capacity")
    lanes = [0] * len(items)
    running: list[tuple[datetime, int]] = []
    free = set(range(1, capacity + 1))
    for index in sorted(range(len(items)), key=lambda n: (items[n], n)):
        while running and running[0][0] <= items[index].start:
            free.add(heapq.heappop(running)[1])
        if not free:
            raise Clash("more bookings at once than there is room for", code="over-capacity")
        wished = current[index] if current is not None else None
        lane = wished if wished in free else min(free)
        free.discard(lane)
        lanes[index] = lane
        heapq.heappush(running, (items[index].end, lane))
    return tuple(lanes)
