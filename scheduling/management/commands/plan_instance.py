"""`plan_instance INSTANCE.json [--patient ID] [--seconds N]`: plan a benchmark instance. Needs no database.

One solution as JSON on standard output, progress on standard error. With `--patient` that series alone, exactly, the
other patients removed; without it all together, for that much wall time from the start of the process to its exit.
SIGTERM prints the best plan so far. Nothing possible is `"plans": []` and status 0; a file that cannot be read, or an
unknown patient, is status 2.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import psutil
from django.core.management.base import BaseCommand, CommandError

from scheduling.domain.bounds import Bound
from scheduling.domain.instances import Laid, check_instance, lay_out, solution
from scheduling.domain.search import Progress, Search, bound
from scheduling.domain.workers import search_together
from staff.errors import InvalidInput

DEFAULT_SECONDS = 10.0
TO_FINISH = 0.35  # seconds kept for stopping the workers, printing and leaving, on an idle machine
BUSY = 0.4  # and at least this share of what starting took: a busy machine is as slow at the end
LEAST = 0.2
MOST_SECONDS = 24 * 3600.0
MOST_WORKERS = 8


class Command(BaseCommand):
    """A solution that the benchmark's scorer accepts, by the planner that the pages use."""

    help = "Plan a series-planning instance: one solution as JSON on standard output."
    requires_system_checks: ClassVar[list[str]] = []  # type: ignore[misc]  # the base class declares an instance attribute
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, one patient or all, and the time."""
        parser.add_argument("instance", metavar="INSTANCE.json")
        parser.add_argument("--patient", metavar="ID", help="plan this patient alone, exactly")
        parser.add_argument(
            "--seconds",
            type=_seconds,
            default=DEFAULT_SECONDS,
            help="wall time from start to exit (default 10)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the solution; CommandError with status 2 for a bad file or an unknown patient."""
        until = _until(options["seconds"])
        stop: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, frame: stop.append(received))
        patient = options["patient"]
        try:
            data = check_instance(_read(options["instance"]))
            laid = lay_out(data, None if patient is None else [patient])
        except InvalidInput as error:
            raise CommandError(f"{error.field or 'instance'}: {error.message}", returncode=2) from error
        answer = _joint(data, laid, until, stop) if patient is None else _single(data, laid)
        self.stdout.write(json.dumps(answer))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise ArgumentTypeError("must be a number of seconds") from error
    if not 0 < value <= MOST_SECONDS:
        raise ArgumentTypeError("must be above 0 and at most a day")
    return value


def _until(seconds: float) -> float:
    """When to stop searching, on the monotonic clock, so that the process has gone `seconds` after it began.

    A process that first had to make its environment counts from now.
    """
    age = max(0.0, _age())
    if age >= DEFAULT_SECONDS:
        age = 0.0
    return time.monotonic() - age + seconds - max(TO_FINISH, BUSY * age)


def _age() -> float:
    """Seconds since the kernel made this process: to a hundredth where it says so, else to a second."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return time.time() - psutil.Process().create_time()


def _read(path: str) -> Any:
    try:
        return json.loads(Path(path).read_bytes().decode("utf-8"), parse_constant=_refuse)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", field="instance") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not readable JSON", field="instance") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _single(data: Mapping[str, Any], laid: Laid) -> dict[str, Any]:
    """The exact optimum of the only series."""
    placement = laid.clinic.propose(laid.cases[0])
    return solution(data, laid, [] if placement is None else [placement])


def _joint(data: Mapping[str, Any], laid: Laid, until: float, stop: list[int]) -> dict[str, Any]:
    """The best plan of all series that the time allows, or so far when told to stop."""
    least = [bound(laid.clinic, laid.cases)]
    relaxed = Bound(laid.clinic, laid.cases)
    search = Search(laid.clinic, laid.cases)
    search.opening()
    latest = [Progress(search.best.cost, len(search.best.placements), len(laid.cases), 0)]
    _tell(latest[0], least[0])

    def better(progress: Progress) -> None:
        latest[0] = progress
        _tell(progress, least[0])

    def tighter(value: int) -> None:
        if value > least[0]:
            least[0] = value
            _tell(latest[0], value)

    best = search_together(
        search,
        seconds=max(LEAST, until - time.monotonic()),
        workers=min(MOST_WORKERS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2),
        stopped=lambda: bool(stop),
        report=better,
        bound=relaxed,
        told=tighter,
    )
    return solution(data, laid, list(best.placements.values()))


def _tell(progress: Progress, least: int) -> None:
    """One line of progress, with how far from the best possible the plan is at most."""
    above = f", at most {progress.cost / least - 1:.1%} above the best possible" if least else ""
    print(
        f"{progress.placed} of {progress.wanted} series, {progress.cost} points{above}",
        file=sys.stderr,
        flush=True,
    )
