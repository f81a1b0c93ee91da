"""Processes we started: a pid file for each, and a stop that can only ever hit our own.

A pid alone proves nothing: after a crash the number may belong to somebody else. A record therefore carries
the process's start token as well, and every process we start has our instance token in its environment. A
group is stopped only when its leader's start token still matches, or, where the leader is gone, member by
member, and only those members that carry our instance token.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

INSTANCE_VARIABLE = "CLEARWINDOW_INSTANCE"
"""Environment variable that marks every process of one demo or one test lane."""

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Record:
    """One process group that we started: the pid file's content."""

    name: str
    pid: int
    pgid: int
    started: str
    instance: str
    log: str = ""


def start_token(pid: int) -> str | None:
    """What tells this process from an earlier one with the same number; None when it is gone or a zombie.

    On Linux: the boot's id and the start in clock ticks since boot, which no change of the wall clock can
    move.
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else f"{_boot_id()}:{fields[19]}"
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.Error:
        return None


def _boot_id() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return "boot"


def record_of(name: str, pid: int, instance: str, log: Path | None = None) -> Record:
    """The record of a process that was just started and leads its own group.

    Raises ProcessLookupError when it has already ended.
    """
    token = start_token(pid)
    if token is None:
        raise ProcessLookupError(f"{name} ended at once")
    return Record(name, pid, os.getpgid(pid), token, instance, str(log or ""))


def write_record(folder: Path, record: Record) -> Path:
    """Write the pid file in one step, so that a reader never sees half of it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{record.name}.json"
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(asdict(record)), encoding="utf-8")
    draft.replace(path)
    return path


def read_record(path: Path) -> Record | None:
    """The record in one pid file; None when the file is missing, damaged or not ours."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        record = Record(**content)
    except (OSError, ValueError, TypeError):
        return None
    whole = (
        isinstance(record.pid, int) and isinstance(record.pgid, int) and record.pid > 1 and record.pgid > 1
    )
    return record if whole and record.instance and record.started else None


def read_records(folder: Path) -> list[Record]:
    """Every readable pid file of a folder, by name."""
    return [record for path in sorted(folder.glob("*.json")) if (record := read_record(path))]


def is_alive(record: Record | None) -> bool:
    """True only while the very process of the record runs."""
    return record is not None and start_token(record.pid) == record.started


def members(record: Record) -> list[int]:
    """The pids of the record's group that are certainly ours and still run, the leader first."""
    leader_runs = is_alive(record)
    found = [pid for pid in _pids_of_group(record.pgid) if pid != record.pid]
    ours = (
        found
        if leader_runs
        else [pid for pid in found if _is_marked(pid, INSTANCE_VARIABLE, record.instance)]
    )
    return [record.pid, *ours] if leader_runs else ours


def _pids_of_group(pgid: int) -> Iterator[int]:
    for pid in psutil.pids():
        with suppress(OSError):
            if os.getpgid(pid) == pgid and start_token(pid) is not None:
                yield pid


def _is_marked(pid: int, variable: str, value: str) -> bool:
    """Whether the process was started with that environment variable."""
    try:
        return bool(psutil.Process(pid).environ().get(variable) == value)
    except (psutil.Error, OSError):
        return False


def stop_marked(variable: str, value: str, grace_seconds: float = 5) -> None:
    """End every process that was started with that environment variable, except this one."""

    def found() -> list[int]:
        return [
            pid
            for pid in psutil.pids()
            if pid != os.getpid() and _is_marked(pid, variable, value) and start_token(pid) is not None
        ]

    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in found():
            with suppress(OSError):
                os.kill(pid, number)
        if wait_until(lambda: not found(), grace_seconds):
            return


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds; False when the time ran out first."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _signal(record: Record, number: signal.Signals, *, leader_only: bool = False) -> None:
    pids = members(record)
    if leader_only and record.pid in pids:
        pids = [record.pid]
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, number)


def stop_groups(
    records: list[Record], first: signal.Signals = signal.SIGTERM, grace_seconds: float = 10
) -> list[str]:
    """Ask the groups to end, wait for all of them together, then kill what is left.

    The leader is asked first, alone: gunicorn and Celery end their own children in good order, and a task
    that is under way is finished. Returns the names of the groups that ran.
    """
    running = [record for record in records if members(record)]
    for record in running:
        _signal(record, first, leader_only=True)
    wait_until(lambda: not any(map(is_alive, running)), grace_seconds)
    for record in running:
        _signal(record, first)
    if not wait_until(lambda: not any(map(members, running)), min(grace_seconds, 2)):
        for record in running:
            _signal(record, signal.SIGKILL)
        wait_until(lambda: not any(map(members, running)), 5)
    return [record.name for record in running]
