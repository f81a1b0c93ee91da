"""Planning many series together: large-neighbourhood search over the exact planner of one. Pure module,
numpy.

Anytime, in two parts. Opening: all series one after another, each at its exact optimum in what is left; those
that found no place, or lost therapy, come earlier in the next pass. Then ruin and recreate: a few series are
taken out and put back one by one; worse results are accepted with falling likelihood. A series that stays
left out is now and then forced in at the expense of others and held there for a while, so that the others
arrange themselves around it. The caller says how much of its time is spent and is told of every improvement.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from scheduling.domain.clinic import Case, Clinic, Placement
from scheduling.domain.series_core import solve
from scheduling.domain.slots import IntArray

OPENING = 0.12  # share of the time for passes over all series
HOT, COLD = (
    400.0,
    8.0,
)  # a worsening of so many points is accepted with probability 1/e: at the start, at the end
MOST_OUT = 6  # series taken out at once
TROUBLED_FIRST = 0.5  # how often a ruin begins with a series that lacks a place or therapy
AT_RANDOM = 0.3  # how often the others of a ruin are any, not those in the way
NUDGED, NUDGE = 0.3, 60  # how often, and by how many points at most, starts are made unlike at random
FORCE_EVERY, HOLD = 60, 200  # rounds between forcing a series in, and for which it then stays
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
    """What no joint plan can undercut: each series alone at its optimum, without the peak, or left out if
    cheaper.
    """
    total = 0
    for case in cases:
        chosen = solve(clinic.lay(replace(case, peak_cost=0)).problem)
        total += case.unplanned_cost if chosen is None else min(chosen.cost, case.unplanned_cost)
    return total


class Search:
    """One search over one clinic. The clinic is changed while it runs; `best` is the best plan so far."""

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
        """One ruin and recreate; undone when it is too much worse."""
        before, placed = self._clinic.snapshot(), dict(self._placed)
        for key in self._ruin():
            self._put(key, self._nudge(key))
        cost = self._cost()
        if cost <= self._now or self._random.random() < math.exp((self._now - cost) / heat):
            self._note(cost)
        else:
            self._clinic.restore(before)
            self._placed = placed

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
        count = min(int(self._random.integers(MOST_OUT)), len(others))
        if not count:
            return [first]
        weights = np.full(len(others), 1.0)
        if self._random.random() >= AT_RANDOM:
            in_the_way = self._shared_days if first not in self._placed else self._shared_therapists
            weights = np.array([0.05 + in_the_way(first, other) for other in others])
        chosen = self._random.choice(len(others), size=count, replace=False, p=weights / weights.sum())
        return [first, *(others[int(number)] for number in chosen)]

    def _shared_days(self, key: str, other: str) -> int:
        """Visits of the other that begin where this one could."""
        possible = self._cases[key].possible
        return sum(possible >> seat.start & 1 for seat in self._placed[other].seats)

    def _shared_therapists(self, key: str, other: str) -> int:
        """Sessions of the other with a therapist of this one."""
        rows = {row for spec in self._cases[key].inner for row in spec.rows}
        return sum(sitting.therapist in rows for sitting in self._placed[other].sittings)

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
        wish = self._empty.propose(case, np.where(shut, price, 0) + self._random.integers(0, 200, shut.size))
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
