"""The same search in several processes at once; the best plan of any is always at hand. Pure module.

Each worker starts from the parent's plan with a seed of its own and sends every better plan through a pipe. The
last worker first tightens the bound; its prices then guide all of them. Half way, workers that have fallen behind go
on from the best. POSIX only: workers are forked, the clinic is not sent anywhere.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from scheduling.domain.bounds import Bound, tightened
from scheduling.domain.search import JointPlan, Progress, Search
from scheduling.domain.slots import IntArray

PAUSE = 0.2  # seconds between two looks at the clock and the stop flag
SHARE_AT = 0.5
BOUND_SHARE = 0.1  # share of its time that one worker spends on the bound


@dataclass(frozen=True)
class Found:
    """What goes through a pipe, in either direction; fields that are None say nothing."""

    plan: JointPlan | None = None
    progress: Progress | None = None
    bound: int | None = None
    guides: Mapping[str, IntArray] | None = None


def search_together(
    search: Search,
    *,
    seconds: float,
    workers: int,
    stopped: Callable[[], bool] = lambda: False,
    report: Callable[[Progress], None] | None = None,
    bound: Bound | None = None,
    told: Callable[[int], None] | None = None,
) -> JointPlan:
    """Run the search in `workers` processes for that long or until `stopped()`; the best plan found.

    `bound` is tightened by the last worker, `told` hears of every better value.
    """
    until = time.monotonic() + seconds
    context = multiprocessing.get_context("fork")
    team = []
    for seed in range(workers):
        here, there = context.Pipe()
        mine = bound if seed == workers - 1 else None
        process = context.Process(target=_work, args=(search, seed, seconds, there, mine), daemon=True)
        process.start()
        there.close()
        team.append((process, here))
    gathering = _Gathering([pipe for _, pipe in team], search.best, report, told)
    try:
        return gathering.run(until, seconds, stopped)
    finally:
        for process, pipe in team:
            process.kill()
            process.join()
            pipe.close()


class _Gathering:
    """The parent's side: takes in what workers find, and passes on what helps the others."""

    def __init__(
        self,
        pipes: list[Connection],
        best: JointPlan,
        report: Callable[[Progress], None] | None,
        told: Callable[[int], None] | None,
    ) -> None:
        self._pipes, self._best, self._report, self._told = pipes, best, report, told
        self._costs = {id(pipe): best.cost for pipe in pipes}
        self._shared = False

    def run(self, until: float, seconds: float, stopped: Callable[[], bool]) -> JointPlan:
        """The best plan when the time is over, all workers have gone, or a stop is asked for."""
        while self._pipes and not stopped() and (left := until - time.monotonic()) > 0:
            for pipe in wait(self._pipes, timeout=min(left, PAUSE)):
                assert isinstance(pipe, Connection)
                try:
                    self._take_in(pipe, pipe.recv())
                except EOFError:
                    self._pipes.remove(pipe)
            if not self._shared and left < seconds * (1 - SHARE_AT):
                self._shared = True
                behind = [pipe for pipe in self._pipes if self._costs[id(pipe)] > self._best.cost]
                self._send(behind, Found(plan=self._best))
        return self._best

    def _take_in(self, pipe: Connection, found: Found) -> None:
        if found.bound is not None and self._told is not None:
            self._told(found.bound)
        if found.guides is not None:
            self._send([other for other in self._pipes if other is not pipe], Found(guides=found.guides))
        if found.plan is not None:
            self._costs[id(pipe)] = found.plan.cost
            if found.plan.cost < self._best.cost:
                self._best = found.plan
                if self._report is not None and found.progress is not None:
                    self._report(found.progress)

    def _send(self, pipes: list[Connection], found: Found) -> None:
        for pipe in pipes:
            try:
                pipe.send(found)
            except BrokenPipeError:
                self._pipes.remove(pipe)


def _work(search: Search, seed: int, seconds: float, pipe: Connection, bound: Bound | None) -> None:
    """One worker: the bound first, if it has one; then search, send what is better, go on from what is sent."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    search.reseed(seed)
    began = time.monotonic()

    def spent() -> float:
        while pipe.poll():
            found = pipe.recv()
            if found.guides is not None:
                search.guides = found.guides
            if found.plan is not None:
                search.adopt(found.plan)
        return (time.monotonic() - began) / seconds

    try:
        if bound is not None:
            _tighten(bound, search, spent, pipe)
        search.run(spent, lambda progress: pipe.send(Found(plan=search.best, progress=progress)))
    except (BrokenPipeError, EOFError):
        return  # the parent has gone: nobody is waiting for a plan
    finally:
        pipe.close()


def _tighten(bound: Bound, search: Search, spent: Callable[[], float], pipe: Connection) -> None:
    """Tighten the bound for its share of the time, and let its prices guide every search."""
    tightened(
        bound,
        target=lambda: search.best.cost,
        stop=lambda: spent() >= BOUND_SHARE,
        report=lambda value: pipe.send(Found(bound=value)),
    )
    search.guides = bound.guides()
    pipe.send(Found(guides=search.guides))
