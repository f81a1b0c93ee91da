"""`python3 manage.py test`: every test, in three lanes, each on servers of its own; or one pytest run as
asked.

Arguments go to pytest. With a path, `-k`, `-m`, or an option that only tells something, there is one run
with just these arguments; otherwise three lanes run one after the other, and their counts are added up in
one closing line.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from config.launcher import chromium
from config.launcher.state import PROJECT, TEST_SNAPSHOTS_VARIABLE
from config.pytest_embedded import REPORT_VARIABLE

_NO_TESTS = 5
_SELECTING = ("-k", "-m", "--keyword", "--markexpr", "--lf", "--last-failed", "--pyargs", "--deselect")
_TELLING = {"-h", "--help", "-V", "--version", "--markers", "--fixtures", "--collect-only", "--co"}


@dataclass(frozen=True)
class Lane:
    """One pytest run; `marker` is the mark its tests carry, empty for the tests that carry neither."""

    title: str
    arguments: tuple[str, ...]
    marker: str = ""


LANES = (
    Lane("unit and database", ("tests", "-n", "2", "-m", "not journey and not fault")),
    Lane(
        "journeys",
        ("tests", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-m", "journey"),
        "journey",
    ),
    Lane("faults and races", ("tests", "-m", "fault"), "fault"),
)


@dataclass
class Outcome:
    """What one lane ended with."""

    title: str
    status: int
    seconds: float = 0
    counts: dict[str, int] = field(default_factory=dict)
    remark: str = ""

    @property
    def failed(self) -> int:
        """Failures and errors; at least 1 for a lane that did not end well."""
        found = self.counts.get("failed", 0) + self.counts.get("error", 0)
        return max(found, 1) if self.status else found


def main(arguments: list[str]) -> int:
    """Run the tests; 0 only when all of them passed."""
    if not is_selection(arguments):
        return _all_lanes(arguments)
    if any("journey" in argument for argument in arguments):
        os.environ[chromium.VARIABLE] = chromium.find(may_install=True)
    return Pytest().run(arguments, {})


def is_selection(arguments: Sequence[str]) -> bool:
    """Whether the arguments themselves choose tests, so that lanes would change what was asked for."""
    return any(
        argument.startswith(_SELECTING) or argument in _TELLING or _is_path(argument)
        for argument in arguments
    )


def _is_path(argument: str) -> bool:
    return not argument.startswith("-") and (PROJECT / argument.split("::", 1)[0]).exists()


def _all_lanes(arguments: list[str]) -> int:
    found = chromium.find(may_install=True)
    os.environ[chromium.VARIABLE] = found
    with tempfile.TemporaryDirectory(prefix="cw-lanes-") as snapshots:
        os.environ[TEST_SNAPSHOTS_VARIABLE] = snapshots
        try:
            return _each_lane(arguments, found)
        finally:
            del os.environ[TEST_SNAPSHOTS_VARIABLE]


def _each_lane(arguments: list[str], found: str) -> int:
    """Run lane after lane; `found` is the browser, empty without one."""
    outcomes: list[Outcome] = []
    pytest = Pytest()
    for lane in LANES:
        if lane.marker == "journey" and not found:
            outcomes.append(_without_chromium(lane))
            continue
        print(f"\n=== {lane.title} ===", file=sys.stderr, flush=True)
        outcomes.append(_run_lane(pytest, lane, arguments))
        if pytest.interrupted:
            break
    print(closing_lines(outcomes), flush=True)
    if pytest.interrupted:
        return 130
    return 0 if all(outcome.status == 0 for outcome in outcomes) else 1


def _without_chromium(lane: Lane) -> Outcome:
    needed = os.environ.get("CI") == "true"
    remark = "LEFT OUT: no Chromium here, and Playwright could not bring one"
    print(f"\n*** {lane.title}: {remark} ***", file=sys.stderr, flush=True)
    return Outcome(lane.title, 1 if needed else 0, remark=remark)


def _run_lane(pytest: Pytest, lane: Lane, arguments: list[str]) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="cw-lane-") as folder:
        report = Path(folder) / "counts.json"
        began = time.monotonic()
        status = pytest.run([*lane.arguments, *arguments], {REPORT_VARIABLE: str(report)})
        outcome = Outcome(lane.title, status, time.monotonic() - began)
        if report.exists():
            outcome.counts = json.loads(report.read_text(encoding="utf-8"))
    if status == _NO_TESTS and lane.marker:
        if is_marked(lane.marker, PROJECT / "tests"):
            outcome.remark = f"tests are marked {lane.marker}, but none was collected"
        else:
            outcome.status, outcome.remark = 0, "there are none"
    return outcome


def is_marked(marker: str, folder: Path) -> bool:
    """Whether any test below the folder carries the mark."""
    pattern = re.compile(rf"\bmark\.{marker}\b")
    return any(pattern.search(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py"))


class Pytest:
    """pytest in this window; an interrupt is passed on, and pytest's own clean-up is waited for."""

    def __init__(self) -> None:
        self.interrupted = False
        self.command = [sys.executable, "-m", "pytest", "-p", "config.pytest_embedded"]

    def run(self, arguments: Sequence[str], extra: dict[str, str]) -> int:
        """One run to its end; pytest's exit status."""
        process = subprocess.Popen([*self.command, *arguments], cwd=PROJECT, env={**os.environ, **extra})

        def on_signal(number: int, _frame: FrameType | None) -> None:
            self.interrupted = True
            if number == signal.SIGTERM:  # Ctrl-C reaches pytest by itself: same window
                process.send_signal(signal.SIGINT)

        previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            return process.wait()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def closing_lines(outcomes: Sequence[Outcome]) -> str:
    """One line for each lane, then the sum."""
    lines = ["", "=== all lanes ==="]
    for outcome in outcomes:
        counts = ", ".join(f"{number} {kind}" for kind, number in sorted(outcome.counts.items()))
        said = "; ".join(filter(None, (counts, outcome.remark)))
        lines.append(
            f"{outcome.title} ({outcome.seconds:.0f} s, status {outcome.status}): {said or 'no result'}"
        )
    passed = sum(outcome.counts.get("passed", 0) for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.counts.get("skipped", 0) for outcome in outcomes)
    lines.append(f"total: {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return "\n".join(lines)
