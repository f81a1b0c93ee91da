"""The same search in several processes at once; the best plan of any is always at hand. Pure module.

Each worker starts from the parent's plan with a seed of its own and sends every better plan through a pipe. The
last worker first tightens the bound and is then guided by its prices; the others search at once. Half way, workers
that have fallen behind go on from the best. POSIX only: workers are forked, the clinic is not sent anywhere.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait

from scheduling.domain.bounds import Bound, tightened
from scheduling.domain.search import JointPlan, Progress, Search

PAUSE = 0.2  # seconds between two looks at the clock and the stop flag
SHARE_AT = 0.5
BOUND_SHARE = 0.1  # share of its time that one worker spends on the bound


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
    try:
        return _gather([pipe for _, pipe in team], search.best, until, seconds, stopped, report, told)
    finally:
        for process, pipe in team:
            process.kill()
            process.join()
            pipe.close()


def _gather(
    pipes: list[Connection],
    best: JointPlan,
    until: float,
    seconds: float,
    stopped: Callable[[], bool],
    report: Callable[[Progress], None] | None,
    told: Callable[[int], None] | None,
) -> JointPlan:
    shared = False
    costs = {id(pipe): best.cost for pipe in pipes}
    while pipes and not stopped() and (left := until - time.monotonic()) > 0:
        for pipe in wait(pipes, timeout=min(left, PAUSE)):
            assert isinstance(pipe, Connection)
            try:
                plan, progress = pipe.recv()
            except EOFError:
                pipes.remove(pipe)
                continue
            if plan is None:
                if told is not None:
                    told(progress)
                continue
            costs[id(pipe)] = plan.cost
            if plan.cost < best.cost:
                best = plan
                if report is not None:
                    report(progress)
        if not shared and left < seconds * (1 - SHARE_AT):
            shared = True
            for pipe in pipes:
                if costs[id(pipe)] > best.cost:
                    pipe.send(best)
    return best


def _work(search: Search, seed: int, seconds: float, pipe: Connection, bound: Bound | None) -> None:
    """One worker: the bound first, if it has one; then search, send what is better, go on from what is sent."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    search.reseed(seed)
    began = time.monotonic()

    def spent() -> float:
        while pipe.poll():
            search.adopt(pipe.recv())
        return (time.monotonic() - began) / seconds

    try:
        if bound is not None:
            tightened(
                bound,
                target=lambda: search.best.cost,
                stop=lambda: spent() >= BOUND_SHARE,
                report=lambda value: pipe.send((None, value)),
            )
            search.guides = bound.guides()
        search.run(spent, lambda progress: pipe.send((search.best, progress)))
    except (BrokenPipeError, EOFError):
        return  # the parent has gone: nobody is waiting for a plan
    finally:
        pipe.close()
