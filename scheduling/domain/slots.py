"""Quarter hours of UTC as whole numbers, with the local day of each. Pure module.

The planner counts in slots of fifteen elapsed minutes from a base instant; a table gives every slot its local
date, so that weekdays, "one visit a day" and mornings are read from the wall calendar while gaps stay elapsed
time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from protocols.definition import Elapsed, Moment
from scheduling.domain.intervals import Interval, as_utc
from scheduling.domain.localtime import local_date, moment_after, resolve_local
from staff.errors import InvalidInput

SLOT_MINUTES = 15
SLOT = timedelta(minutes=SLOT_MINUTES)
PER_HOUR = 60 // SLOT_MINUTES
MAX_SLOTS = 96 * 366

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def slots_up(minutes: int) -> int:
    """Whole slots needed for so many minutes, rounded up."""
    return -(-minutes // SLOT_MINUTES)


class SlotGrid:
    """Slots 0..count of a span of time, in one zone. Raises InvalidInput for an empty span or more than a
    year.
    """

    def __init__(self, first: datetime, until: datetime, zone: ZoneInfo) -> None:
        day_start = resolve_local(local_date(first, zone), time(0), zone).instant
        self.base = _floor(day_start)
        self.zone = zone
        self.count = -((self.base - as_utc(until)) // SLOT)
        if not 0 < self.count <= MAX_SLOTS:
            raise InvalidInput("the planning span must be between one quarter hour and a year", field="until")

    def instant(self, slot: int) -> datetime:
        """Start of a slot."""
        return self.base + int(slot) * SLOT

    def floor(self, instant: datetime) -> int:
        """The slot that an instant lies in."""
        return (as_utc(instant) - self.base) // SLOT

    def ceil(self, instant: datetime) -> int:
        """The first slot that starts at or after an instant."""
        return -((self.base - as_utc(instant)) // SLOT)

    def inside(self, item: Interval) -> tuple[int, int]:
        """The slots that lie wholly inside, as [a, b) cut to the grid; a >= b when there are none."""
        return max(0, self.ceil(item.start)), min(self.count, self.floor(item.end))

    def touched(self, item: Interval) -> tuple[int, int]:
        """The slots that it touches, as [a, b) cut to the grid."""
        return max(0, self.floor(item.start)), min(self.count, self.ceil(item.end))

    @cached_property
    def days(self) -> tuple[date, ...]:
        """The local dates of the grid, in order; a date that the place skipped is absent."""
        last = local_date(self.instant(self.count) - SLOT, self.zone)
        first = local_date(self.base, self.zone)
        dates = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return tuple(day for day in dates if local_date(self._midnight(day), self.zone) == day)

    @cached_property
    def day_starts(self) -> IntArray:
        """First slot of each of `days`."""
        return np.array([max(0, self.ceil(self._midnight(day))) for day in self.days], dtype=np.int64)

    def day_of(self, slots: IntArray) -> IntArray:
        """Index into `days` of each slot."""
        return np.searchsorted(self.day_starts, slots, side="right") - 1

    @cached_property
    def weekdays(self) -> IntArray:
        """Weekday (0 = Monday) of each of `days`."""
        return np.array([day.weekday() for day in self.days], dtype=np.int64)

    def offsets(self, slots: IntArray) -> IntArray:
        """UTC offset of the zone at each slot, in slots (whole quarter hours everywhere since 1972)."""
        distinct, back = np.unique(slots, return_inverse=True)
        if distinct.size == 0:
            return np.zeros(0, dtype=np.int64)
        ends = [self._offset(int(distinct[0])), self._offset(int(distinct[-1]))]
        days = np.unique(self.day_of(distinct))
        known = {int(day): self._offset(int(self.day_starts[day])) for day in days}
        if len({*ends, *known.values()}) == 1:
            return np.full(slots.shape, ends[0], dtype=np.int64)
        return np.array([self._offset(int(slot)) for slot in distinct], dtype=np.int64)[back]

    def moments(self, minutes: IntArray, moment: Moment, zone: ZoneInfo) -> IntArray:
        """A moment of the protocol after each anchor; anchors and answers in minutes from the base."""
        if isinstance(moment, Elapsed):
            return minutes + moment.minutes
        anchors = [self.base + timedelta(minutes=int(item)) for item in np.unique(minutes)]
        found = {}
        for anchor in anchors:
            day = local_date(anchor, zone)
            if day not in found:
                found[day] = (moment_after(anchor, moment, zone).instant - self.base) // timedelta(minutes=1)
        table = {
            (anchor - self.base) // timedelta(minutes=1): found[local_date(anchor, zone)]
            for anchor in anchors
        }
        return np.array([table[int(item)] for item in minutes], dtype=np.int64)

    def _midnight(self, day: date) -> datetime:
        return resolve_local(day, time(0), self.zone).instant

    def _offset(self, slot: int) -> int:
        return (self.instant(slot).astimezone(self.zone).utcoffset() or timedelta()) // SLOT


def _floor(instant: datetime) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (instant - epoch) // SLOT * SLOT
