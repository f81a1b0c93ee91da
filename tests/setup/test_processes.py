"""Pid files: only the very process that was started may ever be stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from config.launcher import processes
from config.launcher.processes import (
    INSTANCE_VARIABLE,
    Record,
    record_of,
    start_token,
    stop_groups,
    wait_until,
)
from config.launcher.state import StateFolder
from config.launcher.sweep import LAUNCHER, stop_everything

Starter = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Starter]:
    """Starts programs that lead their own group; whatever is left ends with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*command: str, instance: str = "mine") -> subprocess.Popen[bytes]:
        environment = {**os.environ, INSTANCE_VARIABLE: instance}
        process = subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield run
    for process in started:
        for pid in processes._pids_of_group(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait(timeout=10)
        if process.stdout:
            process.stdout.close()


def group_pids(leader: int) -> list[int]:
    """Everything that runs in the group, whoever started it."""
    return list(processes._pids_of_group(leader))


def has_members(leader: int, number: int) -> bool:
    """Whether that many processes run in the group."""
    return len(group_pids(leader)) == number


def test_a_start_token_is_stable_and_ends_with_the_process(start: Starter) -> None:
    process = start("sleep", "60")
    first = start_token(process.pid)
    assert first is not None
    assert start_token(process.pid) == first
    process.kill()
    process.wait(timeout=10)
    assert start_token(process.pid) is None


def test_a_process_that_ended_but_was_not_collected_counts_as_gone(start: Starter) -> None:
    process = start("true")
    assert wait_until(lambda: start_token(process.pid) is None, 10)


def test_a_record_comes_back_from_its_file(start: Starter, tmp_path: Path) -> None:
    record = record_of("web", start("sleep", "60").pid, "mine", tmp_path / "a log.txt")
    path = processes.write_record(tmp_path / "run", record)
    assert processes.read_record(path) == record
    assert processes.read_records(tmp_path / "run") == [record]
    assert record.pid == record.pgid
    assert processes.is_alive(record)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '"text"',
        json.dumps({"name": "web", "pid": 5}),
        json.dumps({"name": "web", "pid": "5", "pgid": 5, "started": "x", "instance": "y"}),
        json.dumps({"name": "web", "pid": 1, "pgid": 1, "started": "x", "instance": "y"}),
        json.dumps({"name": "web", "pid": 5, "pgid": 0, "started": "x", "instance": "y"}),
        json.dumps({"name": "web", "pid": 5, "pgid": 5, "started": "x", "instance": ""}),
    ],
)
def test_a_damaged_pid_file_names_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / "web.json").write_text(content, encoding="utf-8")
    assert processes.read_records(tmp_path) == []


def test_a_group_is_stopped_whole(start: Starter) -> None:
    process = start("sh", "-c", "sleep 60 & sleep 60 & wait")
    assert wait_until(partial(has_members, process.pid, 3), 10)
    record = record_of("worker", process.pid, "mine")
    assert stop_groups([record], grace_seconds=5) == ["worker"]
    assert group_pids(process.pid) == []


def test_the_leader_is_asked_first_so_that_it_can_end_its_children_in_order(start: Starter) -> None:
    """Its child would tell us if the signal had come to it directly."""
    child = "trap 'echo child was signalled' TERM; sleep 60 & wait"
    process = start("sh", "-c", f"trap 'kill -9 $!; exit 3' TERM; sh -c \"{child}\" & echo up; wait")
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    assert wait_until(partial(has_members, process.pid, 3), 10)
    stop_groups([record_of("worker", process.pid, "mine")], grace_seconds=5)
    assert process.wait(timeout=10) == 3
    assert process.stdout.read() == b""


def test_a_process_that_will_not_end_is_killed(start: Starter) -> None:
    process = start("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done")
    assert process.stdout is not None
    assert process.stdout.readline() == b"deaf\n"
    stop_groups([record_of("worker", process.pid, "mine")], grace_seconds=0.3)
    assert process.wait(timeout=10) == -signal.SIGKILL


def test_somebody_elses_process_with_the_same_number_survives(start: Starter) -> None:
    process = start("sleep", "60", instance="somebody else")
    recycled = replace(record_of("web", process.pid, "mine"), started="another boot:1")
    assert stop_groups([recycled], grace_seconds=0.2) == []
    assert process.poll() is None


def test_of_a_group_without_its_leader_only_our_own_members_are_stopped(start: Starter) -> None:
    stranger = start("sh", "-c", "sleep 60 & exit 0", instance="somebody else")
    ours = start("sh", "-c", "sleep 60 & exit 0")
    records = [Record("web", process.pid, process.pid, "gone", "mine") for process in (stranger, ours)]
    for process in (stranger, ours):
        process.wait(timeout=10)
        assert wait_until(partial(has_members, process.pid, 1), 10)
    stop_groups(records, grace_seconds=5)
    assert group_pids(ours.pid) == []
    assert len(group_pids(stranger.pid)) == 1


def test_marked_processes_end_and_others_stay(start: Starter) -> None:
    marked, other = start("sleep", "60", instance="this run"), start("sleep", "60", instance="another run")
    environment = Path(
        f"/proc/{marked.pid}/environ"
    )  # empty for an instant, while the new program takes over
    assert wait_until(lambda: b"this run" in environment.read_bytes(), 10)
    processes.stop_marked(INSTANCE_VARIABLE, "this run")
    assert marked.wait(timeout=10) == -signal.SIGTERM
    assert other.poll() is None


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """A prepared state folder in a path with a space."""
    folder = StateFolder(tmp_path / "state folder")
    folder.prepare()
    return folder


def test_a_sweep_stops_leftovers_and_spares_the_command_itself(start: Starter, state: StateFolder) -> None:
    command, web, gone = start("sleep", "60"), start("sleep", "60"), start("true")
    gone_record = Record("beat", gone.pid, gone.pid, "another boot:1", "mine")
    for record in (record_of(LAUNCHER, command.pid, "mine"), record_of("web", web.pid, "mine"), gone_record):
        processes.write_record(state.run, record)
    assert stop_everything(state) == ["web"]
    assert web.wait(timeout=10) == -signal.SIGTERM
    assert command.poll() is None
    assert [path.stem for path in state.run.glob("*.json")] == [LAUNCHER]


def test_a_stopping_demo_leaves_a_later_one_alone(start: Starter, state: StateFolder) -> None:
    later = start("sleep", "60", instance="later")
    processes.write_record(state.run, record_of("web", later.pid, "later"))
    assert stop_everything(state, "earlier") == []
    assert later.poll() is None
    assert (state.run / "web.json").exists()
