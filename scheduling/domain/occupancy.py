"""Who is on duty and how much room each one has, slot by slot. Pure module, numpy.

A pool holds the resources of one kind (chairs, nurses, prescribers, therapists) on one axis of slots.
Questions are answered for every slot at once: "may something that lasts so long begin here with this
resource?".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scheduling.domain.slots import BoolArray, IntArray

Spans = Sequence[tuple[int, int]]


def reach(spans: Spans, slots: int) -> IntArray:
    """For each slot the furthest end of a span that covers it, 0 where none does; touching spans are not
    joined.
    """
    until = np.zeros(slots, dtype=np.int64)
    for start, end in spans:
        low, high = max(0, start), min(slots, end)
        if low < high:
            np.maximum(until[low:high], end, out=until[low:high])
    return until


def any_row(flags: BoolArray) -> BoolArray:
    """For each column whether any row holds; all False when there is no row."""
    found: BoolArray = np.logical_or.reduce(flags, axis=0)
    return found


def window_all(flags: BoolArray, length: int) -> BoolArray:
    """True where `flags` (last axis = slots) hold on all of [slot, slot + length); False where that leaves
    the axis.
    """
    slots = flags.shape[-1]
    result = np.zeros_like(flags)
    if length > slots:
        return result
    found, done = flags, 1
    while done * 2 <= length:
        found = found[..., : found.shape[-1] - done] & found[..., done:]
        done *= 2
    if done < length:
        found = found[..., : slots - length + 1] & found[..., length - done : slots - done + 1]
    result[..., : slots - length + 1] = found
    return result


def window_max(values: NDArray[np.int16], length: int) -> NDArray[np.int16]:
    """Largest value on [slot, slot + length), cut at the end of the axis."""
    result = values.copy()
    done = 1
    while done < length:
        step = min(done, length - done)
        np.maximum(result[:-step], result[step:].copy(), out=result[:-step])
        done += step
    return result


class Pool:
    """Resources of one kind. Rows = resources in the order given, columns = slots."""

    def __init__(
        self, slots: int, duty: Sequence[Spans], capacity: Sequence[int], loads: Sequence[Spans] = ()
    ) -> None:
        self.slots = slots
        self.until = np.array([reach(spans, slots) for spans in duty], dtype=np.int64).reshape(
            len(duty), slots
        )
        self.room = np.tile(np.array(capacity, dtype=np.int16).reshape(-1, 1), (1, slots))
        self.starts = np.zeros((len(duty), slots), dtype=np.int16)
        self._on_duty: dict[tuple[int, int], BoolArray] = {}
        for row, spans in enumerate(loads):
            for start, end in spans:
                self.take(row, start, end)

    def __len__(self) -> int:
        return int(self.room.shape[0])

    def take(self, row: int, start: int, end: int, load: int = 1) -> None:
        """Occupy [start, end); a negative load gives it back."""
        self.room[row, max(0, start) : max(0, end)] -= load

    def mark_start(self, row: int, slot: int, count: int = 1) -> None:
        """Note that something starts with this resource in that slot (placing a line needs both hands)."""
        if 0 <= slot < self.slots:
            self.starts[row, slot] += count

    def on_duty(self, offset: int, length: int) -> BoolArray:
        """True where one duty span covers [slot + offset, slot + offset + length)."""
        key = (offset, length)
        if key not in self._on_duty:
            at = np.arange(self.slots) + offset
            known = np.zeros((len(self), self.slots), dtype=np.bool_)
            valid = at < self.slots
            known[:, valid] = self.until[:, at[valid]] >= (at[valid] + length)
            self._on_duty[key] = known
        return self._on_duty[key]

    def fits(self, offset: int, length: int, load: int = 1) -> BoolArray:
        """True where the resource is on duty and has room for `load` on [slot + offset, slot + offset +
        length).
        """
        roomy = window_all(self.room >= load, length)
        if offset:
            moved = np.zeros_like(roomy)
            moved[:, : self.slots - offset] = roomy[:, offset:]
            roomy = moved
        result: BoolArray = roomy & self.on_duty(offset, length)
        return result
