"""The nearest moment at which something fits into working time. Pure module."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from scheduling.domain.intervals import Interval
from scheduling.domain.localtime import Duration


def nearest_start(
    working: Iterable[Interval], wished: datetime, earliest: datetime, last_start: datetime, length: Duration
) -> datetime | None:
    """Start closest to `wished` in [earliest, last_start] whose `length` lies inside one working interval.

    Of two equally close ones the earlier. None when there is none.
    """
    best: datetime | None = None
    for item in working:
        low, high = max(item.start, earliest), min(item.end - length, last_start)
        if low > high:
            continue
        start = min(max(wished, low), high)
        if best is None or (abs(start - wished), start) < (abs(best - wished), best):
            best = start
    return best
