"""A whole clinic on one axis of slots, and the cheapest place for one more series in it. Pure module, numpy.

`Clinic` holds what is occupied; a `Case` is one series with everything about it that does not change while
others are planned. `Clinic.problem` lays the case on what is free now and hands it to the exact planner of
`series_core`; pages, the clinic-wide search and the benchmark command all come through here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from scheduling.domain import occupancy
from scheduling.domain.clinic_types import Case, Laid, Part, Placement, Seat, SessionSpec, Sitting
from scheduling.domain.occupancy import Pool, ones, to_flags, to_slots
from scheduling.domain.series_core import (
    BIG,
    LEFT_OUT,
    NEVER,
    OWN,
    Chosen,
    SeriesProblem,
    TherapyWays,
    TherapyWindow,
    chosen_ways,
    solve,
    therapy_ways,
    with_end,
)
from scheduling.domain.slots import PER_HOUR, IntArray

Snapshot = tuple[tuple[occupancy.Snapshot, ...], IntArray]


class Clinic:
    """Chairs, nurses, prescribers and therapists with what they are booked for; rows are resources.

    snug: of equally good places prefer those that leave no useless holes (a search over many series wants
    that).
    """

    def __init__(
        self, chairs: Pool, nurses: Pool, prescribers: Pool, therapists: Pool, day_starts: IntArray
    ) -> None:
        self.chairs, self.nurses = chairs, nurses
        self.prescribers, self.therapists = prescribers, therapists
        self.slots = chairs.slots
        self.snug = False
        self.day_starts = day_starts
        self.day_of = np.searchsorted(day_starts, np.arange(self.slots), side="right") - 1
        self._taken = chairs.taken()
        self._base_peaks = self.peaks()

    def copy(self) -> Clinic:
        """An independent clinic with the same bookings; its peaks count from now."""
        chairs, nurses, prescribers, therapists = (pool.copy() for pool in self._pools())
        twin = Clinic(chairs, nurses, prescribers, therapists, self.day_starts)
        twin.snug = self.snug
        return twin

    def _pools(self) -> tuple[Pool, Pool, Pool, Pool]:
        return self.chairs, self.nurses, self.prescribers, self.therapists

    def peaks(self) -> IntArray:
        """Most chairs occupied at once on each day."""
        found: IntArray = np.maximum.reduceat(self._taken, self.day_starts)
        return found

    def peak_rise(self) -> int:
        """Sum over days of peak squared, minus what it was when the clinic was made."""
        return int((self.peaks() ** 2 - self._base_peaks**2).sum())

    def free_chairs(self, case: Case) -> dict[int, int]:
        """For each chair the slots at which this case's stay, turnover included, may begin."""
        return _all_parts(self.chairs, case.chair_rows, (Part(0, case.chair_length),))

    def free_nurses(self, case: Case) -> dict[int, int]:
        """The same for each nurse of the case; a nurse starts at most one infusion per slot."""
        free = _all_parts(self.nurses, case.nurse_rows, case.nurse_parts)
        return {row: bits & ~self.nurses.started[row] for row, bits in free.items()}

    def free_prescribers(self, case: Case) -> dict[int, int]:
        """The same for each prescriber of the case."""
        return _all_parts(self.prescribers, case.prescriber_rows, case.prescriber_parts)

    def free_therapists(self, spec: SessionSpec) -> list[int]:
        """For each of the session's therapists, own first, the slots at which it may begin, patient free as
        well.
        """
        pool = self.therapists
        return [pool.fits(row, 0, spec.length) & spec.patient_free for row in spec.rows]

    def has_room(self, case: Case, start: int) -> bool:
        """Whether a visit of the case could start in that slot: a chair, a nurse and a prescriber for it."""
        kinds = (self.free_chairs(case), self.free_nurses(case), self.free_prescribers(case))
        return all(any(bits >> start & 1 for bits in free.values()) for free in kinds)

    def lay(self, case: Case, nudge: IntArray | None = None) -> Laid:
        """The case on what is free now, as a problem over the starts that are left."""
        chairs, nurses = self.free_chairs(case), self.free_nurses(case)
        prescribers = self.free_prescribers(case)
        left = case.possible & _any(chairs.values()) & _any(nurses.values()) & _any(prescribers.values())
        starts = to_slots(left, self.slots)
        kept = np.searchsorted(case.starts, starts)
        peak = self.peak_cost(case, starts)
        extra = apart = peak if nudge is None else peak + nudge[kept]
        if case.own_prescriber is not None and case.prescriber_cost:
            own = to_flags(prescribers.get(case.own_prescriber, 0), self.slots)[starts]
            extra = extra + np.where(own, 0, case.prescriber_cost)
        inner = self._ways(case.inner, kept)
        problem = SeriesProblem(
            starts=starts,
            node=np.minimum(case.node[:, kept] + extra, BIG),
            gaps=case.gaps,
            inner=inner,
            last=inner if case.last is case.inner else self._ways(case.last, kept),
            lead=case.lead,
            offsets=None if case.offsets is None else case.offsets[kept],
            last_before=case.last_before,
        )
        return Laid(problem, kept, apart, chairs, nurses, prescribers)

    def propose(self, case: Case, nudge: IntArray | None = None) -> Placement | None:
        """The cheapest placement of the case in what is free now; None when there is none. Books nothing.

        nudge: points added to each of the case's starts for this choice only, to make a search try other
        places.
        """
        laid = self.lay(case, nudge)
        chosen = solve(laid.problem)
        return None if chosen is None else self.place(case, laid, chosen)

    def place(self, case: Case, laid: Laid, chosen: Chosen) -> Placement:
        """People and therapy for a chosen series."""
        problem, picks = laid.problem, np.array(chosen.picks)
        starts = problem.starts[picks].tolist()
        limits = [start - problem.lead for start in (*starts[1:], problem.last_before)]
        wanted = sum(len(specs) for specs in case.specs(len(starts)))
        sittings = self._sit(case, laid, picks, limits)
        nurses: Counter[int] = Counter()
        seats = []
        for start in starts:
            seat = self._seat(case, laid, start, nurses)
            nurses[seat.nurse] += 1
            seats.append(seat)
        cost = chosen.cost - int(laid.apart[picks].sum())
        return Placement(case.key, tuple(seats), tuple(sittings), cost, wanted - len(sittings))

    def _sit(self, case: Case, laid: Laid, picks: IntArray, limits: list[int]) -> list[Sitting]:
        """The sessions after each visit, the later ones of a visit first so that earlier ones end before
        them.
        """
        sittings = []
        last = len(limits) - 1
        until = np.array(limits)
        found = chosen_ways(laid.problem.inner, picks, until)
        at_last = found if case.last is case.inner else chosen_ways(laid.problem.last, picks, until)
        for visit, specs in enumerate(case.specs(len(limits))):
            ways, chosen = (laid.problem.last, at_last) if visit == last else (laid.problem.inner, found)
            way, pick, limit = int(chosen[visit]), int(picks[visit]), limits[visit]
            for index in range(len(specs) - 1, -1, -1):
                if ways.classes[index][way] != LEFT_OUT:
                    spec, earliest = specs[index], int(ways.starts[index, way, pick])
                    kept = int(laid.kept[pick])
                    able = self._as_cheap(
                        spec, earliest, min(limit, int(spec.closes[kept])), int(spec.prime[kept])
                    )
                    rows = spec.rows[:1] if ways.classes[index][way] == OWN else spec.rows[1:]
                    limit, row = self._choose_sitting(spec, rows, able, int(spec.prime[kept]))
                    sittings.append(Sitting(visit, index, limit, row))
        return sittings

    @staticmethod
    def _as_cheap(spec: SessionSpec, earliest: int, until: int, prime: int) -> int:
        """Starts from `earliest` on, over by `until`, that are no later past `prime` in full hours than it."""
        late = max(0, earliest - prime) // PER_HOUR
        last = min(until - spec.length, prime + (late + 1) * PER_HOUR - 1)
        return ones(earliest, last + 1) & spec.patient_free

    def _choose_sitting(
        self, spec: SessionSpec, rows: tuple[int, ...], able: int, prime: int
    ) -> tuple[int, int]:
        """(start, therapist) among equally cheap starts.

        `snug`: against another booking where possible, because a free hour cut at a quarter past is lost to
        everyone else. Otherwise nearest to the target.
        """
        best = (NEVER, 0, 0)
        for row in rows:
            free = self.therapists.fits(row, 0, spec.length) & able
            if free and self.snug:
                best = min(best, _tightest(free, self.therapists.free(row), spec.length, row))
            elif free:
                start = _nearest_bit(free, prime)
                best = min(best, (abs(start - prime), start, row))
        return best[1], best[2]

    def _seat(self, case: Case, laid: Laid, start: int, nurses: Counter[int]) -> Seat:
        """Tightest free chair, the nurse seen most or the busiest, the own prescriber if free, else the
        busiest.
        """
        bit = 1 << start
        chair = max(
            (self.chairs.idle_since(row, start), -row) for row, free in laid.chairs.items() if free & bit
        )
        nurse = min(
            (self.nurses.room(row, start) if self.snug else -nurses[row], n, row)
            for n, (row, free) in enumerate(laid.nurses.items())
            if free & bit
        )
        own = case.own_prescriber
        if own is None or not laid.prescribers.get(own, 0) & bit:
            own = min(
                (self.prescribers.room(row, start), n, row)
                for n, (row, free) in enumerate(laid.prescribers.items())
                if free & bit
            )[2]
        return Seat(start, -chair[1], nurse[2], own)

    def take(self, case: Case, placement: Placement) -> None:
        """Book a placement."""
        for pool, row, start, length, load in self._bookings(case, placement):
            pool.take(row, start, start + length, load)
        self._after(case, placement, 1)

    def give_back(self, case: Case, placement: Placement) -> None:
        """Free everything a placement has booked."""
        for pool, row, start, length, load in self._bookings(case, placement):
            pool.give_back(row, start, start + length, load)
        self._after(case, placement, -1)

    def _bookings(self, case: Case, placement: Placement) -> Iterator[tuple[Pool, int, int, int, int]]:
        """(pool, row, start, length, load) of everything a placement occupies."""
        for start, chair, nurse, prescriber in placement.seats:
            yield self.chairs, chair, start, case.chair_length, 1
            for offset, length, load in case.nurse_parts:
                yield self.nurses, nurse, start + offset, length, load
            for offset, length, load in case.prescriber_parts:
                yield self.prescribers, prescriber, start + offset, length, load
        last = len(placement.seats) - 1
        for visit, nth, start, therapist in placement.sittings:
            spec = (case.last if visit == last else case.inner)[nth]
            yield self.therapists, therapist, start, spec.length, 1

    def _after(self, case: Case, placement: Placement, sign: int) -> None:
        for seat in placement.seats:
            self._taken[seat.start : seat.start + case.chair_length] += sign
            self.nurses.mark_start(seat.nurse, seat.start)

    def snapshot(self) -> Snapshot:
        """The present bookings, to come back to."""
        return tuple(pool.snapshot() for pool in self._pools()), self._taken.copy()

    def restore(self, snapshot: Snapshot) -> None:
        """Come back to a snapshot of this clinic."""
        parts, taken = snapshot
        for pool, part in zip(self._pools(), parts, strict=True):
            pool.restore(part)
        self._taken = taken.copy()

    def peak_cost(self, case: Case, starts: IntArray) -> IntArray:
        """What one more chair at each start adds to the squares of the daily peaks."""
        if not case.peak_cost or not starts.size:
            return np.zeros(starts.size, dtype=np.int64)
        there = self._taken[starts[:, None] + np.arange(case.chair_length)].max(axis=1)
        before = self.peaks()[self.day_of[starts]]
        after = np.maximum(before, there + 1)
        cost: IntArray = case.peak_cost * (after * after - before * before)
        return cost

    def _ways(self, specs: tuple[SessionSpec, ...], kept: IntArray) -> TherapyWays:
        return therapy_ways([self._window(spec, kept) for spec in specs], kept.size)

    def _window(self, spec: SessionSpec, kept: IntArray) -> TherapyWindow:
        free = self.free_therapists(spec)
        return TherapyWindow(
            opens=spec.opens[kept],
            closes=spec.closes[kept],
            prime=spec.prime[kept],
            length=spec.length,
            own=with_end(to_slots(_any(free[:1]), self.slots)),
            other=with_end(to_slots(_any(free[1:]), self.slots)),
            late_cost=spec.late_cost,
            other_cost=spec.other_cost,
            missing_cost=spec.missing_cost,
        )


def _tightest(able: int, free: int, length: int, row: int) -> tuple[int, int, int]:
    """(holes, start, row) of the best start in `able`: 0 fills a free stretch, 1 keeps whole sessions free, 2
    does not.
    """
    left = able & ~(free << 1)
    right = able & ~(free >> length)
    for rank, bits in ((0, left & right), (1, left | right)):
        if bits:
            return rank, (bits & -bits).bit_length() - 1, row
    return 2, (able & -able).bit_length() - 1, row


def _any(rows: Iterable[int]) -> int:
    bits = 0
    for row in rows:
        bits |= row
    return bits


def _all_parts(pool: Pool, rows: tuple[int, ...] | None, parts: tuple[Part, ...]) -> dict[int, int]:
    """For each row the slots at which it can take every part."""
    free = {}
    for row in range(len(pool)) if rows is None else rows:
        bits = ones(0, pool.slots)
        for part in parts:
            bits &= pool.fits(row, *part)
        free[row] = bits
    return free


def _nearest_bit(bits: int, wished: int) -> int:
    """The set bit nearest to `wished`, the lower of two equally near; bits must not be 0."""
    low, high = bits & ones(0, wished), bits >> wished
    below = low.bit_length() - 1
    above = wished + (high & -high).bit_length() - 1 if high else NEVER
    return below if low and wished - below <= above - wished else above
