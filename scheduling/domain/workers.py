"""The same search in several processes at once; the best plan of any is always at hand. Pure module.

Each worker starts from the parent's plan with a seed of its own and sends every better plan through a pipe.
Half way, workers that have fallen behind go on from the best. POSIX only: workers are forked, the clinic is
not sent anywhere.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait

from scheduling.domain.search import JointPlan, Progress, Search

PAUSE = 0.2  # seconds between two looks at the clock and the stop flag
SHARE_AT = 0.5


def search_together(
    search: Search,
    *,
    seconds: float,
    workers: int,
    stopped: Callable[[], bool] = lambda: False,
    report: Callable[[Progress], None] | None = None,
) -> JointPlan:
    """Run the search in `workers` processes for that long or until `stopped()`; the best plan found."""
    until = time.monotonic() + seconds
    context = multiprocessing.get_context("fork")
    team = []
    for seed in range(workers):
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(search, seed, seconds, there), daemon=True)
        process.start()
        there.close()
        team.append((process, here))
    try:
        return _gather([pipe for _, pipe in team], search.best, until, seconds, stopped, report)
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


def _work(search: Search, seed: int, seconds: float, pipe: Connection) -> None:
    """One worker: search, send what is better, and go on from what the parent sends."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    search.reseed(seed)
    began = time.monotonic()

    def spent() -> float:
        while pipe.poll():
            search.adopt(pipe.recv())
        return (time.monotonic() - began) / seconds

    try:
        search.run(spent, lambda progress: pipe.send((search.best, progress)))
    except (BrokenPipeError, EOFError):
        return  # the parent has gone: nobody is waiting for a plan
    finally:
        pipe.close()
