"""Rows of slots as whole numbers, against the same questions asked slot by slot."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.domain.occupancy import (
    Pool,
    covered,
    ones,
    run_starts,
    span_starts,
    to_bits,
    to_flags,
    to_slots,
)

SLOTS = 40
spans = st.lists(
    st.tuples(st.integers(-5, 45), st.integers(0, 15)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=5,
)


def as_set(bits: int) -> set[int]:
    return set(to_slots(bits, SLOTS).tolist())


@settings(deadline=None)
@given(st.sets(st.integers(0, SLOTS - 1)), st.integers(1, 12))
def test_runs_are_where_every_slot_of_the_length_is_free(free, length):
    bits = sum(1 << slot for slot in free)
    assert as_set(bits) == free
    assert to_bits(to_flags(bits, SLOTS)) == bits
    assert as_set(run_starts(bits, length)) == {
        slot for slot in range(SLOTS) if all(slot + n in free for n in range(length))
    }


@settings(deadline=None)
@given(spans, st.integers(0, 6), st.integers(1, 10))
def test_span_starts_ask_for_one_span(items, offset, length):
    assert as_set(span_starts(items, SLOTS, offset, length)) == {
        slot
        for slot in range(SLOTS)
        if any(a <= slot + offset and slot + offset + length <= min(b, SLOTS) for a, b in items)
    }
    assert as_set(covered(items, SLOTS)) == {n for n in range(SLOTS) if any(a <= n < b for a, b in items)}


bookings = st.lists(st.tuples(st.integers(0, 35), st.integers(1, 8), st.integers(1, 3)), max_size=12)


@settings(deadline=None)
@given(st.integers(1, 5), spans, bookings, st.integers(0, 3), st.integers(1, 6), st.integers(1, 3))
def test_a_pool_counts_like_a_list_of_numbers(places, existing, wanted, offset, length, load):
    room = np.full(SLOTS, places)
    for start, end in existing:
        room[max(0, start) : max(0, end)] -= 1
    room = np.maximum(room, 0)
    pool = Pool(SLOTS, [[(0, SLOTS)]], [places], [existing])
    taken = []
    for start, size, units in wanted:
        end = min(SLOTS, start + size)
        if (room[start:end] >= units).all():
            pool.take(0, start, end, units)
            room[start:end] -= units
            taken.append((start, end, units))
    assert [pool.room(0, slot) for slot in range(SLOTS)] == room.tolist()
    assert pool.taken().tolist() == (places - room).tolist()
    assert as_set(pool.fits(0, offset, length, load)) == {
        slot
        for slot in range(SLOTS)
        if slot + offset + length <= SLOTS and (room[slot + offset : slot + offset + length] >= load).all()
    }
    full = [slot for slot in range(SLOTS) if room[slot] == 0]
    assert pool.idle_since(0, 20) == max([slot + 1 for slot in full if slot < 20], default=0)
    for start, end, units in taken:
        pool.give_back(0, start, end, units)
        room[start:end] += units
    assert [pool.room(0, slot) for slot in range(SLOTS)] == room.tolist()


def test_a_snapshot_comes_back_and_a_copy_is_independent():
    pool = Pool(SLOTS, [[(0, SLOTS)], [(0, 20)]], [1, 2])
    before, twin = pool.snapshot(), pool.copy()
    assert as_set(pool.fits(0, 0, 4)) == set(range(37))
    pool.take(0, 10, 14)
    pool.mark_start(0, 10)
    assert as_set(pool.fits(0, 0, 4)) == set(range(7)) | set(range(14, 37))
    assert as_set(twin.fits(0, 0, 4)) == set(range(37))
    pool.restore(before)
    assert as_set(pool.fits(0, 0, 4)) == set(range(37))
    assert pool.started[0] == 0
    assert as_set(pool.free(1)) == set(range(20))


def test_empty_bits():
    assert ones(5, 5) == ones(7, 3) == 0
    assert as_set(run_starts(0, 3)) == set()
