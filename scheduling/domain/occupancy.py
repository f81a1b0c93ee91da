"""Who is on duty and how much room each one has, slot by slot. Pure module.

A row of slots is one whole number: bit n says something about slot n. Asking "may something that lasts so
long begin here?" of every slot at once is then a handful of shifts, and a booking touches only the rows it
uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy

import numpy as np

from scheduling.domain.slots import BoolArray, IntArray

Spans = Sequence[tuple[int, int]]
Snapshot = tuple[list[tuple[int, ...]], list[dict[tuple[int, int], int]], list[int]]


def ones(start: int, end: int) -> int:
    """Bits [start, end); 0 when that is empty. start must not be negative."""
    return ((1 << (end - start)) - 1) << start if end > start else 0


def run_starts(free: int, length: int) -> int:
    """Slots from which `free` holds for `length` slots on end."""
    done = 1
    while done * 2 <= length:
        free &= free >> done
        done *= 2
    return free & (free >> (length - done)) if done < length else free


def span_starts(spans: Iterable[tuple[int, int]], slots: int, offset: int, length: int) -> int:
    """Slots s for which one span covers [s + offset, s + offset + length); touching spans are not joined."""
    bits = 0
    for start, end in spans:
        bits |= ones(max(0, start, offset), min(slots, end) - length + 1)
    return bits >> offset


def covered(spans: Iterable[tuple[int, int]], slots: int) -> int:
    """Slots that any span covers."""
    bits = 0
    for start, end in spans:
        bits |= ones(max(0, start), min(slots, end))
    return bits


def to_flags(bits: int, slots: int) -> BoolArray:
    """One flag per slot."""
    raw = np.frombuffer(bits.to_bytes((slots + 7) // 8, "little"), dtype=np.uint8)
    return np.unpackbits(raw, count=slots, bitorder="little").view(np.bool_)


def to_slots(bits: int, slots: int) -> IntArray:
    """The slots whose bit is set, rising."""
    return np.flatnonzero(to_flags(bits, slots))


def to_bits(flags: BoolArray) -> int:
    """One bit per flag."""
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


class Pool:
    """Resources of one kind (chairs, nurses, prescribers, therapists). Rows are resources, in the order
    given.

    `loads` is what exists already, one span per unit of load, even where it exceeds the capacity (that counts
    as full). What is taken later must fit and can be given back. The room left in a row is kept bit-sliced:
    plane n holds, for every slot, digit n of the free units in binary, so one subtraction serves all slots of
    a booking.
    """

    def __init__(
        self, slots: int, duty: Sequence[Spans], capacity: Sequence[int], loads: Sequence[Spans] = ()
    ) -> None:
        self.slots = slots
        self.capacity = tuple(capacity)
        self._duty = tuple(tuple(spans) for spans in duty)
        self._on_duty: dict[tuple[int, int, int], int] = {}
        self._free = [
            _planes(slots, places, loads[row] if loads else ()) for row, places in enumerate(self.capacity)
        ]
        self._runs: list[dict[tuple[int, int], int]] = [{} for _ in self.capacity]
        self.started = [0] * len(self.capacity)

    def __len__(self) -> int:
        return len(self.capacity)

    def copy(self) -> Pool:
        """An independent pool with the same bookings."""
        twin = copy(self)
        twin.restore(self.snapshot())
        twin._runs = [{} for _ in self.capacity]
        return twin

    def snapshot(self) -> Snapshot:
        """The present bookings, to come back to."""
        return list(self._free), list(self._runs), list(self.started)

    def restore(self, snapshot: Snapshot) -> None:
        """Come back to a snapshot."""
        free, runs, started = snapshot
        self._free, self._runs, self.started = list(free), list(runs), list(started)

    def take(self, row: int, start: int, end: int, load: int = 1) -> None:
        """Occupy [start, end), which must have room."""
        self._change(row, ones(start, end), load, taking=True)

    def give_back(self, row: int, start: int, end: int, load: int = 1) -> None:
        """Free [start, end), which must have been taken."""
        self._change(row, ones(start, end), load, taking=False)

    def _change(self, row: int, where: int, load: int, *, taking: bool) -> None:
        self._runs[row] = {}
        planes = list(self._free[row])
        for first in range(load.bit_length()):
            carry = where if load >> first & 1 else 0
            for digit in range(first, len(planes)):
                if not carry:
                    break
                plane = planes[digit]
                planes[digit] = plane ^ carry
                carry &= ~plane if taking else plane
        self._free[row] = tuple(planes)

    def mark_start(self, row: int, slot: int) -> None:
        """Note that something starts with this resource in that slot, or no longer does when it was noted."""
        self.started[row] ^= 1 << slot

    def on_duty(self, row: int, offset: int, length: int) -> int:
        """Slots s at which one duty span covers [s + offset, s + offset + length)."""
        key = (row, offset, length)
        if key not in self._on_duty:
            self._on_duty[key] = span_starts(self._duty[row], self.slots, offset, length)
        return self._on_duty[key]

    def fits(self, row: int, offset: int, length: int, load: int = 1) -> int:
        """Slots s at which the resource is on duty with room for `load` on [s + offset, s + offset + length)."""
        key = (length, load)
        runs = self._runs[row].get(key)
        if runs is None:
            runs = self._runs[row][key] = run_starts(self._roomy(row, load), length)
        return (runs >> offset) & self.on_duty(row, offset, length)

    def _roomy(self, row: int, load: int) -> int:
        """Slots with at least `load` free units: a comparison digit by digit, from the highest."""
        planes = self._free[row]
        if load >> len(planes):
            return 0
        more, equal = 0, ones(0, self.slots)
        for digit in range(len(planes) - 1, -1, -1):
            if load >> digit & 1:
                equal &= planes[digit]
            else:
                more |= equal & planes[digit]
                equal &= ~planes[digit]
        return more | equal

    def free(self, row: int) -> int:
        """Slots at which the resource is on duty with room for one more."""
        return self._roomy(row, 1) & self.on_duty(row, 0, 1)

    def idle_since(self, row: int, slot: int) -> int:
        """End of the last full slot before `slot`, 0 when there is none."""
        busy = (1 << slot) - 1
        for plane in self._free[row]:
            busy &= ~plane
        return busy.bit_length()

    def room(self, row: int, slot: int) -> int:
        """Units free in a slot."""
        return sum((plane >> slot & 1) << digit for digit, plane in enumerate(self._free[row]))

    def taken(self) -> IntArray:
        """Load of all resources together at each slot, each at most its capacity."""
        total = np.full(self.slots, sum(self.capacity), dtype=np.int64)
        for planes in self._free:
            for digit, plane in enumerate(planes):
                total -= to_flags(plane, self.slots).astype(np.int64) << digit
        return total


def _planes(slots: int, places: int, loads: Spans) -> tuple[int, ...]:
    """Free units of one resource, digit by digit."""
    free = np.full(slots, places, dtype=np.int64)
    for start, end in loads:
        free[max(0, start) : max(0, end)] -= 1
    free = np.maximum(free, 0)
    return tuple(to_bits((free >> digit & 1).astype(np.bool_)) for digit in range(places.bit_length()))
