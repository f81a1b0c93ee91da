"""`manage.py test`: which arguments choose tests themselves, and how three lanes are added up."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from config.launcher import chromium, lanes
from config.launcher.lanes import LANES, Lane, Outcome, Pytest, closing_lines, is_marked, is_selection


@pytest.mark.parametrize(
    "arguments",
    [
        ["tests/setup"],
        ["tests/setup/test_lanes.py::test_x"],
        ["-k", "clock"],
        ["-kclock"],
        ["-m", "fault"],
        ["-x", "--lf"],
        ["--collect-only"],
        ["--help"],
    ],
)
def test_arguments_that_choose_are_one_run(arguments: list[str]) -> None:
    assert is_selection(arguments)


@pytest.mark.parametrize("arguments", [[], ["-x"], ["-q", "--maxfail=1"], ["--durations", "10"], ["-vv"]])
def test_other_arguments_go_to_each_lane(arguments: list[str]) -> None:
    assert not is_selection(arguments)


def test_the_lanes_share_the_tests_out_without_overlap() -> None:
    assert [lane.marker for lane in LANES] == ["", "journey", "fault"]
    assert LANES[0].arguments[-1] == "not journey and not fault"


def test_the_sum_counts_failures_errors_and_lanes_that_broke() -> None:
    text = closing_lines(
        [
            Outcome("one", 0, 12.4, {"passed": 10, "skipped": 2}),
            Outcome("two", 1, 3, {"passed": 4, "failed": 1, "error": 2}),
            Outcome("three", 4, 1),
        ]
    )
    assert text.splitlines()[-1] == "total: 14 passed, 4 failed, 2 skipped"
    assert "one (12 s, status 0): 10 passed, 2 skipped" in text
    assert "three (1 s, status 4): no result" in text


def test_a_clean_sum() -> None:
    assert (
        closing_lines([Outcome("one", 0, 1, {"passed": 3})]).splitlines()[-1] == "total: 3 passed, 0 failed"
    )


class Recorded(Pytest):
    """Stands for pytest: a given exit status, no process."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    def run(self, arguments: object, extra: object) -> int:
        return self.status


@pytest.mark.parametrize(("marked", "status"), [(False, 0), (True, 5)])
def test_a_lane_without_tests_fails_only_where_tests_carry_its_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marked: bool, status: int
) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("@pytest.mark.journey\n" if marked else "def test(): ...\n")
    monkeypatch.setattr(lanes, "PROJECT", tmp_path)
    assert lanes._run_lane(Recorded(5), Lane("journeys", (), "journey"), []).status == status


def test_a_first_lane_without_tests_always_fails() -> None:
    assert lanes._run_lane(Recorded(5), LANES[0], []).status == 5


def test_marks_are_found_in_the_source(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("pytestmark = pytest.mark.fault\n")
    assert is_marked("fault", tmp_path)
    assert not is_marked("journey", tmp_path)


@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_without_a_browser_the_journeys_are_left_out_loudly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, status: int
) -> None:
    monkeypatch.setenv("CI", ci)
    outcome = lanes._without_chromium(LANES[1])
    assert outcome.status == status
    assert outcome.failed == status
    assert "*** journeys: LEFT OUT" in capsys.readouterr().err


def test_an_interrupt_of_the_command_reaches_pytest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM to us becomes Ctrl-C to pytest, so that its servers end; its own status comes back."""
    waits = "import os, signal; os.kill(os.getppid(), signal.SIGTERM); signal.pause()"
    script = f"import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(2)); {waits}"
    monkeypatch.setattr(lanes, "PROJECT", tmp_path)
    runner = Pytest()
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(runner, "command", [sys.executable, "-c", script])
    assert runner.run([], {}) == 2
    assert runner.interrupted
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what the test puts there, and no other browser."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    monkeypatch.delenv(chromium.VARIABLE, raising=False)
    monkeypatch.setattr(chromium, "_PLACES", ())
    return tmp_path


def program(folder: Path, name: str, says: str, status: int = 0) -> Path:
    """A small program that prints a version."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
    path.chmod(0o755)
    return path


def test_a_real_browser_is_found_and_a_stub_is_passed_over(programs: Path) -> None:
    program(programs, "chromium", "Command requires the snap to be installed", status=1)
    program(programs, "chromium-browser", "please install it")
    assert chromium.find(may_install=False) == ""
    real = program(programs, "google-chrome", "Google Chrome 150.0")
    assert chromium.find(may_install=False) == str(real)


def test_the_environment_names_the_browser_but_a_dead_name_is_not_believed(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = program(programs, "my-browser", "Chromium 150.0")
    monkeypatch.setenv(chromium.VARIABLE, str(named))
    assert chromium.find(may_install=False) == str(named)
    named.unlink()
    assert chromium.find(may_install=False) == ""


def test_a_browser_that_playwright_brought_is_used(programs: Path) -> None:
    (programs / "browsers" / "chromium-1").mkdir(parents=True)
    assert chromium.find(may_install=False) == ""
    (programs / "browsers" / "chromium-1" / "INSTALLATION_COMPLETE").touch()
    assert chromium.find(may_install=False) == chromium.PLAYWRIGHTS_OWN
    assert "executable_path" not in chromium.launch_arguments(chromium.PLAYWRIGHTS_OWN)


def test_the_sandbox_is_switched_off_for_root_only() -> None:
    arguments = chromium.launch_arguments("/usr/bin/chromium")
    assert arguments["executable_path"] == "/usr/bin/chromium"
    assert ("--no-sandbox" in arguments["args"]) is (os.geteuid() == 0)
