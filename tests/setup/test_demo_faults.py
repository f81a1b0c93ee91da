"""`manage.py demo` as a person uses and breaks it: real processes, killed and started again.

All tests share one state folder, so the clinic is seeded once; each test leaves no demo running.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from config.launcher.environment import _connect
from config.launcher.processes import is_alive, read_records, start_token
from config.launcher.state import PROJECT, STATE_VARIABLE, TEST_STATE_VARIABLE, StateFolder
from config.launcher.web import is_ready

pytestmark = pytest.mark.fault

FIRST_START_SECONDS = 240
GROUPS = {"beat", "launcher", "postgresql", "valkey", "web", "worker"}


class DemoRun:
    """One `manage.py demo` process."""

    def __init__(self, state: StateFolder, *arguments: str, **extra: str) -> None:
        self.errors = state.root.parent / f"stderr-{time.monotonic_ns()}"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", *arguments], cwd=PROJECT, env=environment(state) | extra,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
            )  # fmt: skip
        self.lines: list[str] = []

    def stderr(self) -> str:
        """What it said beside its output."""
        return self.errors.read_text(encoding="utf-8", errors="replace")

    def ready(self, seconds: float = FIRST_START_SECONDS) -> int:
        """Wait for the Ready line; the port it names."""
        deadline = time.monotonic() + seconds
        assert self.process.stdout is not None
        output = b""
        while b"Ready: " not in output or not output.endswith(b"\n"):
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert readable, f"not ready after {seconds} s: {self.stderr()}"
            more = os.read(self.process.stdout.fileno(), 65_536)  # unbuffered, so that select tells the truth
            assert more, f"ended before it was ready: {self.stderr()}"
            output += more
        self.lines = output.decode().splitlines()
        return int(self.lines[-1].removeprefix("Ready: http://127.0.0.1:").removesuffix("/"))

    def end(self, seconds: float = 60) -> int:
        """Wait for its end; the exit status. Nothing may follow the Ready line."""
        rest, _ = self.process.communicate(timeout=seconds)
        assert rest == b""
        return self.process.returncode


def environment(state: StateFolder) -> dict[str, str]:
    """A person's environment: no server named; this interpreter; a state folder of the test's own."""
    hidden = (
        "DATABASE",
        "REDIS",
        "SECRET_KEY",
        "FIELD_KEY",
        "OUTBOX_DIR",
        "CLEARWINDOW_ENV",
        "DJANGO_",
        "PYTEST",
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    return kept | {STATE_VARIABLE: str(state.root), "CLEARWINDOW_NO_BOOTSTRAP": "1"}


def processes_of(state: StateFolder) -> set[int]:
    """Every process that belongs to this state folder: by its environment, or by the data folder it works
    on.
    """
    found: set[int] = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            ours = process.environ().get(STATE_VARIABLE) == str(state.root)
            if (ours or any(str(state.root) in part for part in process.cmdline())) and start_token(
                process.pid
            ):
                found.add(process.pid)
    return found


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """Poll with a bound."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        select.select([], [], [], 0.1)


def pids(state: StateFolder) -> dict[str, int]:
    """The pid of each group, by its pid file; all of them must run."""
    records = read_records(state.run)
    assert all(map(is_alive, records))
    return {record.name: record.pid for record in records}


def stop(state: StateFolder) -> subprocess.CompletedProcess[str]:
    """`demo --stop`."""
    return subprocess.run(
        [sys.executable, "manage.py", "demo", "--stop"], cwd=PROJECT, env=environment(state), text=True,
        check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def shared() -> Iterator[StateFolder]:
    """The state folder of this module, in a path with a space."""
    root = Path(tempfile.mkdtemp(prefix="a demo ", dir=os.environ[TEST_STATE_VARIABLE]))
    root.chmod(0o711)
    yield StateFolder(root / "state folder")
    shutil.rmtree(root)


@pytest.fixture
def state(shared: StateFolder) -> Iterator[StateFolder]:
    """The same, with nothing running before and after the test."""
    yield shared
    stop(shared)
    wait_for(lambda: not processes_of(shared), 20, "every process of the demo to end")


def test_the_whole_way(state: StateFolder) -> None:
    """First start, second start beside it, Ctrl-C, and the data is still there."""
    first = DemoRun(state, "--port", "0")
    port = first.ready()
    said = first.stderr().splitlines()
    assert [line[:4] for line in said] == ["1/4 ", "2/4 ", "3/4 ", "4/4 "]
    assert first.lines[0] == f"Clearwindow demo: http://127.0.0.1:{port}/"
    assert any("@" in line for line in first.lines[1:-2]), "the sample sign-ins"
    assert is_ready(port)
    before = pids(state)
    assert set(before) == GROUPS
    assert stat.S_IMODE((state.root / "info.json").stat().st_mode) == 0o600

    second = DemoRun(state, "--port", str(port))
    assert second.ready(60) == port
    assert second.end() == 0
    assert second.lines == first.lines
    assert pids(state) == before

    first.process.send_signal(signal.SIGINT)
    assert first.end() == 0
    wait_for(lambda: not processes_of(state), 10, "every process to end")
    assert read_records(state.run) == []
    assert state.remembered_sockets() is None
    assert "No demo is running" in stop(state).stderr


def test_after_kill_of_everything_the_next_start_is_whole_and_alone(state: StateFolder) -> None:
    """Then one process of it dies: the demo names it and ends as a whole."""
    demo = DemoRun(state, "--port", "0")
    port = demo.ready()
    secrets = state.secrets()
    rows = count_people(state)
    for pid in pids(state).values():
        os.kill(pid, signal.SIGKILL)
    demo.process.wait(timeout=20)

    again = DemoRun(state, "--port", str(port))
    assert again.ready(90) == port
    assert set(pids(state)) == GROUPS
    names = [name for pid in processes_of(state) for name in servers_in(pid)]
    assert sorted(names) == ["postgres", "valkey-server"], "one of each, none left over"
    assert state.secrets() == secrets
    assert count_people(state) == rows > 0

    os.kill(pids(state)["worker"], signal.SIGKILL)
    assert again.end() == 1
    assert "The process `worker` ended" in again.stderr()
    assert str(state.logs / "worker.log") in again.stderr()
    assert processes_of(state) == set()


def servers_in(pid: int) -> list[str]:
    """`postgres` for a postmaster, `valkey-server` for a Valkey; nothing for anything else."""
    with suppress(psutil.Error):
        command = psutil.Process(pid).cmdline()
        return [name for name in ("postgres", "valkey-server") if command and command[0].endswith(f"/{name}")]
    return []


def count_people(state: StateFolder) -> int:
    """Rows of a table that the seed fills."""
    with (
        closing(_connect(state.read_json("info.json")["app_url"])) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT count(*) FROM staff_user")
        return int(cursor.fetchone()[0])


def test_what_a_killed_command_left_is_replaced_or_stopped(state: StateFolder) -> None:
    """By the next start; and, killed once more, by `--stop`."""
    demo = DemoRun(state, "--port", "0")
    demo.ready()
    left = pids(state)
    demo.process.kill()
    demo.process.wait(timeout=20)
    assert is_alive(next(record for record in read_records(state.run) if record.name == "web"))

    again = DemoRun(state, "--port", "0")
    again.ready(90)
    assert "Stopped what an earlier run left behind" in again.stderr()
    assert set(left.values()).isdisjoint(pids(state).values())
    assert not any(start_token(pid) for pid in left.values())

    again.process.kill()
    again.process.wait(timeout=20)
    done = stop(state)
    assert done.returncode == 0
    assert "stopped; its data is kept" in done.stderr
    assert processes_of(state) == set()


def test_two_starts_at_once_on_a_taken_port_make_one_demo(state: StateFolder) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = taken.getsockname()[1]
        both = [DemoRun(state, "--port", str(wanted)), DemoRun(state, "--port", str(wanted))]
        ports = {run.ready() for run in both}
    assert len(ports) == 1
    port = ports.pop()
    assert port > wanted
    assert all(f"Not on port {wanted} but on {port}" in run.stderr() for run in both)
    assert set(pids(state)) == GROUPS
    wait_for(lambda: any(run.process.poll() is not None for run in both), 20, "the second start to end")
    ended = next(run for run in both if run.process.poll() is not None)
    assert ended.end() == 0
    assert stop(state).returncode == 0
    assert [run.end() for run in both if run is not ended] == [0]


def test_ctrl_c_while_it_starts_leaves_nothing(state: StateFolder) -> None:
    demo = DemoRun(state, "--port", "0")
    wait_for(lambda: "3/4" in demo.stderr(), 60, "the servers to be started")
    demo.process.send_signal(signal.SIGINT)
    assert demo.end() == 128 + signal.SIGINT
    assert processes_of(state) == set()
    assert read_records(state.run) == []


def test_a_database_of_ones_own_with_other_tables_is_not_touched(state: StateFolder) -> None:
    with other_database() as url:
        demo = DemoRun(state, "--port", "0", DATABASE_URL=url)
        assert demo.end(120) == 1
        assert "holds other data" in demo.stderr()
        assert processes_of(state) == set()
        with closing(_connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            assert cursor.fetchall() == [("invoices",)]


class other_database:
    """A database of this lane's server with one table in it; dropped afterwards."""

    def __init__(self) -> None:
        self.name = f"other_{os.getpid()}"
        self.server = os.environ["DATABASE_OWNER_URL"]

    def _run(self, statement: str) -> None:
        with closing(_connect(self.server)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def __enter__(self) -> str:
        self._run(f"CREATE DATABASE {self.name}")
        head, _, query = self.server.partition("?")
        url = f"{head.rsplit('/', 1)[0]}/{self.name}" + (f"?{query}" if query else "")
        with closing(_connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE invoices ()")
            connection.commit()
        return url

    def __exit__(self, *_: object) -> None:
        with suppress(psycopg2.Error):
            self._run(f"DROP DATABASE {self.name} WITH (FORCE)")


SLOW_TEST = """
import signal

def test_waits(record_property):
    print("started", flush=True)
    signal.pause()
"""


@pytest.fixture
def waiting_run(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A test run of its own in the middle of a test that waits, and the mark of all its processes."""
    hidden = ("DATABASE", "REDIS", "PYTEST", "CLEARWINDOW_TEST", "CLEARWINDOW_LANE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    waiting = tmp_path / "test_waiting.py"
    waiting.write_text(SLOW_TEST, encoding="utf-8")
    mark = f"guarded-{os.getpid()}-{time.monotonic_ns()}"
    plugins = ["-p", "config.pytest_embedded", "-p", "no:cacheprovider"]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-s", *plugins, str(waiting)], cwd=PROJECT,
        env=kept | {"CLEARWINDOW_MARK": mark}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield run, mark
    finally:
        run.kill()
        run.communicate(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_test_run_that_is_killed_leaves_no_server(
    waiting_run: tuple[subprocess.Popen[bytes], str], number: signal.Signals
) -> None:
    """The guardian ends servers, and what the tests started, when the run is gone."""
    run, mark = waiting_run
    assert run.stdout is not None
    assert any(b"started" in line for line in run.stdout)
    marked = {process.pid for process in psutil.process_iter() if has_mark(process, mark)}
    assert len(marked) >= 3, "pytest, its guardian and at least Valkey"
    run.send_signal(number)
    wait_for(lambda: not any(start_token(pid) for pid in marked), 60, "the servers of the killed run to end")


def has_mark(process: psutil.Process, mark: str) -> bool:
    """Whether the process was started by that run."""
    with suppress(psutil.Error, OSError):
        return bool(process.environ().get("CLEARWINDOW_MARK") == mark)
    return False
