"""Planning many series together: large-neighbourhood search over the exact planner of one. Pure module,
numpy.

Anytime, in two parts. Opening: all series one after another, each at its exact optimum in what is left; those
that found no place, or lost therapy, come earlier in the next pass. Then ruin and recreate: a few series are
taken out and put back one by one; worse results are accepted with falling likelihood. A series that stays
left out is now and then forced in at the expense of others and held there for a while, so that the others
arrange themselves around it. Where the bound has found prices for dear room (`guides`), a series is often placed
with what its place costs the others. The caller says how much of its time is spent and is told of every improvement.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from scheduling.domain.clinic import Clinic
from scheduling.domain.clinic_types import Case, Placement
from scheduling.domain.occupancy import ones
from scheduling.domain.series_core import solve
from scheduling.domain.slots import IntArray

OPENING = 0.12  # share of the time for passes over all series
# A worsening of so many points is accepted with probability 1/e: at the start, at the end.
HOT, COLD = 400.0, 8.0
SIZES = (0.18, 0.37, 0.25, 0.12, 0.05, 0.03)  # how often one, two, ... series are taken out at once
MOST_FOR_ONE = 6  # series taken out at most, less one, for one that is left out
TROUBLED_FIRST = 0.5  # how often a ruin begins with a series that lacks a place or therapy
AT_RANDOM = 0.3  # how often the others of a ruin are any, not those in the way
GUIDED = 0.75  # how often, once prices are known, starts are chosen with what they cost the others
MOST_GUIDED = 1.2  # by how much of it at most
NUDGED, NUDGE = 0.3, 60  # how often, and by how many points at most, starts are made unlike at random
FORCE_EVERY, HOLD = 20, 200  # rounds between forcing a series in, and for which it then stays
FORCE_UNTIL = 0.7  # share of the time after which nothing is forced in any more


@dataclass(frozen=True)
class Progress:
    """Where a search stands. cost includes the peak and the series left out."""

    cost: int
    placed: int
    wanted: int
    rounds: int


@dataclass(frozen=True)
class JointPlan:
    """Placements by key, their cost with the peak and the series left out, and which those are."""

    placements: Mapping[str, Placement]
    cost: int
    left_out: tuple[str, ...]


def bound(clinic: Clinic, cases: Sequence[Case]) -> int:
    """What no joint plan can undercut: each series alone at its optimum, or left out if that is cheaper.

    Several series share the daily peaks, which therefore count for a single series only.
    """
    if len(cases) == 1:
        return alone(clinic, cases[0], with_peak=True)
    return sum(alone(clinic, case) for case in cases)


def alone(clinic: Clinic, case: Case, *, with_peak: bool = False) -> int:
    """What one series costs at least in this clinic, without the peak; what leaving it out costs, if less."""
    chosen = solve(clinic.lay(case if with_peak else replace(case, peak_cost=0)).problem)
    return case.unplanned_cost if chosen is None else min(chosen.cost, case.unplanned_cost)


class Search:
    """One search over one clinic. The clinic is changed while it runs; `best` is the best plan so far.

    guides: for each series points for each of its case's starts, see `bounds.Bound.guides`; empty = not known.
    """

    def __init__(self, clinic: Clinic, cases: Sequence[Case], seed: int = 0) -> None:
        clinic.snug = True
        self._clinic, self._empty, self._nothing = clinic, clinic.copy(), clinic.snapshot()
        self._cases = {case.key: case for case in cases}
        self._keys = list(self._cases)
        self._peak_cost = max((case.peak_cost for case in cases), default=0)
        self._placed: dict[str, Placement] = {}
        self._held: dict[str, int] = {}
        self._rounds = self._forced = 0
        top = max((case.unplanned_cost for case in cases), default=0) or 1
        self._trouble = {
            case.key: 2 * case.unplanned_cost / top - 10 * case.starts.size / clinic.slots for case in cases
        }
        self.guides: Mapping[str, IntArray] = {}
        self._floor = {case.key: alone(clinic, case) for case in cases}
        self._wheel = np.cumsum(SIZES) / sum(SIZES)
        self.reseed(seed)
        self.best = self._plan()
        self._now = self.best.cost

    def reseed(self, seed: int) -> None:
        """Draw from now on as a search with that seed would."""
        self._random = np.random.default_rng(seed)

    def adopt(self, plan: JointPlan) -> None:
        """Go on from a plan of the same series."""
        self._clinic.restore(self._nothing)
        self._placed = {}
        for placement in plan.placements.values():
            self._insert(placement)
        self._note()

    def opening(self) -> None:
        """One pass over all series, the troubled first; its result is kept when it is the best."""
        self._clinic.restore(self._nothing)
        self._placed = {}
        for key in sorted(self._keys, key=lambda key: 0.3 * self._random.random() - self._trouble[key]):
            if self._put(key):
                self._trouble[key] += 0.02 * self._placed[key].missing
        self._note()

    def run(self, spent: Callable[[], float], report: Callable[[Progress], None] | None = None) -> JointPlan:
        """Search until `spent()`, the share of the time used, reaches 1; every improvement is reported."""
        while self._keys and spent() < OPENING:
            if self._improved(self.opening) and report is not None:
                report(self._progress())
        self.adopt(self.best)
        forcing = True
        while self._keys and (share := spent()) < 1:
            self._rounds += 1
            if forcing and share >= FORCE_UNTIL:
                forcing = False
                self.adopt(self.best)
            heat = HOT * (COLD / HOT) ** share
            act = self._force_in if forcing and self._time_to_force() else partial(self._round, heat)
            if self._improved(act) and report is not None:
                report(self._progress())
        return self.best

    def _round(self, heat: float) -> None:
        """One ruin and recreate; undone as soon as it is sure to be too much worse."""
        limit = self._now - heat * math.log(1.0 - self._random.random())
        before, placed = self._clinic.snapshot(), dict(self._placed)
        if self._recreate(self._ruin(), limit):
            self._note()
        else:
            self._clinic.restore(before)
            self._placed = placed

    def _recreate(self, order: Sequence[str], limit: float) -> bool:
        """Put series back in that order; False, half done, once the plan must cost more than `limit`."""
        to_come = sum(self._floor[key] for key in order)
        left = sum(self._cases[key].unplanned_cost for key in order)
        cost = self._cost() - left + to_come
        for key in order:
            case, nudge = self._cases[key], self._nudge(key)
            laid = self._clinic.lay(case, nudge)
            chosen = solve(laid.problem)
            cost -= self._floor[key]
            if chosen is None:
                self._trouble[key] += 1.0
                cost += case.unplanned_cost
            else:
                cost += chosen.cost
                if nudge is not None:
                    cost -= int(nudge[laid.kept[np.array(chosen.picks)]].sum())
            if cost > limit:
                return False
            if chosen is not None:
                self._insert(self._clinic.place(case, laid, chosen))
        return True

    def _improved(self, act: Callable[[], object]) -> bool:
        before = self.best.cost
        act()
        return self.best.cost < before

    def _progress(self) -> Progress:
        return Progress(self.best.cost, len(self.best.placements), len(self._keys), self._rounds)

    def _cost(self) -> int:
        own = sum(placement.cost for placement in self._placed.values())
        left = sum(case.unplanned_cost for key, case in self._cases.items() if key not in self._placed)
        return own + left + self._peak_cost * self._clinic.peak_rise()

    def _plan(self) -> JointPlan:
        left = tuple(key for key in self._keys if key not in self._placed)
        return JointPlan(dict(self._placed), self._cost(), left)

    def _note(self, cost: int | None = None) -> None:
        """Go on from the present plan, and keep it if it is the best."""
        self._now = self._cost() if cost is None else cost
        if self._now < self.best.cost:
            self.best = self._plan()

    def _insert(self, placement: Placement) -> None:
        self._clinic.take(self._cases[placement.key], placement)
        self._placed[placement.key] = placement

    def _remove(self, key: str) -> None:
        self._clinic.give_back(self._cases[key], self._placed.pop(key))

    def _put(self, key: str, nudge: IntArray | None = None) -> bool:
        placement = self._clinic.propose(self._cases[key], nudge)
        if placement is None:
            self._trouble[key] += 1.0
            return False
        self._insert(placement)
        return True

    def _nudge(self, key: str) -> IntArray | None:
        guide = self.guides.get(key)
        if guide is not None and self._random.random() < GUIDED:
            return np.asarray((self._random.random() * MOST_GUIDED * guide).astype(np.int64))
        if self._random.random() >= NUDGED:
            return None
        return np.asarray(self._random.integers(0, NUDGE, self._cases[key].starts.size))

    def _ruin(self) -> list[str]:
        """Take some series out; all that are to be put back, in that order."""
        out = self._choose()
        for key in out:
            if key in self._placed:
                self._remove(key)
        if self._random.random() < TROUBLED_FIRST:
            spread = float(np.std([self._trouble[key] for key in out])) or 1.0
            out.sort(key=lambda key: 0.5 * spread * self._random.normal() - self._trouble[key])
        return out

    def _choose(self) -> list[str]:
        left = [key for key in self._keys if key not in self._placed]
        troubled = left or [key for key in self._keys if self._placed[key].missing]
        pool = troubled if troubled and self._random.random() < TROUBLED_FIRST else self._keys
        first = pool[int(self._random.integers(len(pool)))]
        others = [key for key in self._placed if key != first and self._held.get(key, 0) < self._rounds]
        if first in self._placed:
            count = int(np.searchsorted(self._wheel, self._random.random()))
        else:
            count = int(self._random.integers(MOST_FOR_ONE))
        count = min(count, len(others))
        if not count:
            return [first]
        weights = np.full(len(others), 1.0)
        if self._random.random() >= AT_RANDOM:
            weights += 20.0 * self._in_the_way(first, others)
        chosen = self._random.choice(len(others), size=count, replace=False, p=weights / weights.sum())
        return [first, *(others[int(number)] for number in chosen)]

    def _in_the_way(self, key: str, others: Sequence[str]) -> NDArray[np.float64]:
        """How much each other series stands where this one would like to be.

        A series left out wants any start it could have; one that lacks therapy wants its therapists in the
        windows in which it has none; one that lacks nothing, in all its windows, or its days' chairs.
        """
        case, placement = self._cases[key], self._placed.get(key)
        if placement is None:
            wanted = case.possible
            return np.array(
                [sum(wanted >> seat.start & 1 for seat in self._placed[other].seats) for other in others],
                np.float64,
            )
        there = (
            {(sitting.visit, sitting.nth) for sitting in placement.sittings} if placement.missing else set()
        )
        wishes: dict[int, int] = {}
        if there or self._random.random() >= 0.5:
            wishes = self._windows(case, placement, there)
        if not wishes:
            near = 0
            for seat in placement.seats:
                near |= ones(max(0, seat.start - case.chair_length), seat.start + case.chair_length)
            return np.array(
                [sum(near >> seat.start & 1 for seat in self._placed[other].seats) for other in others], float
            )
        return np.array(
            [
                sum(
                    wishes.get(sitting.therapist, 0) >> sitting.start & 1
                    for sitting in self._placed[other].sittings
                )
                for other in others
            ],
            np.float64,
        )

    @staticmethod
    def _windows(case: Case, placement: Placement, there: set[tuple[int, int]]) -> dict[int, int]:
        """For each therapist of the series the slots (as bits) of its windows, without those that are `there`."""
        found: dict[int, int] = {}
        for visit, specs in enumerate(case.specs(len(placement.seats))):
            at = int(case.starts.searchsorted(placement.seats[visit].start))
            for nth, spec in enumerate(specs):
                if (visit, nth) not in there:
                    span = ones(int(spec.opens[at]) - spec.length + 1, int(spec.closes[at]))
                    for row in spec.rows:
                        found[row] = found.get(row, 0) | span
        return found

    def _time_to_force(self) -> bool:
        return len(self._placed) < len(self._keys) and self._rounds - self._forced >= FORCE_EVERY

    def _force_in(self) -> None:
        """Put a left-out series where it would like to be, with few others in the way, and hold it there."""
        self._forced = self._rounds
        left = [key for key in self._keys if key not in self._placed]
        key = left[int(self._random.integers(len(left)))]
        case = self._cases[key]
        shut = np.ones(case.starts.size, dtype=np.bool_)
        shut[self._clinic.lay(case).kept] = False
        price = self._random.integers(100, 3000)
        guide = self.guides.get(key)
        nudge = np.where(shut, price, 0) + self._random.integers(0, 200, shut.size)
        wish = self._empty.propose(case, nudge if guide is None else nudge + guide)
        if wish is None:
            return
        out = [other for seat in wish.seats for other in self._make_room(case, seat.start)]
        if self._put(key):
            self._held[key] = self._rounds + HOLD
        for other in sorted(out, key=lambda other: -self._trouble[other]):
            self._put(other)
        self._note()

    def _make_room(self, case: Case, start: int) -> list[str]:
        """Take out series around `start`, any one first, until a visit of the case fits there."""
        out: list[str] = []
        while not self._clinic.has_room(case, start):
            near = [
                key
                for key, placement in self._placed.items()
                if any(abs(seat.start - start) < case.chair_length for seat in placement.seats)
            ]
            if not near:
                break
            out.append(near[int(self._random.integers(len(near)))])
            self._remove(out[-1])
        return out
