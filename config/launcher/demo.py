"""`python3 manage.py demo`: a whole clinic on one machine, from nothing, until Ctrl-C.

Progress goes to standard error. Standard output carries the address, the sample logins and, last, one line
`Ready: http://127.0.0.1:PORT/`. A second start while a healthy one runs prints the same and ends with 0.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from config import embedded
from config.launcher import interrupts
from config.launcher.environment import Addresses, demo_environment, named_by_caller, require_demo_database
from config.launcher.errors import LauncherError
from config.launcher.processes import Record, is_alive, read_record, record_of, wait_until, write_record
from config.launcher.state import PROJECT, StateFolder, source_fingerprint, state_folder
from config.launcher.sweep import LAUNCHER, launcher_record, remove_sockets, stop_everything
from config.launcher.web import DEFAULT_PORT, address, claim_port, is_live, is_ready

INFO, PREPARED = "info.json", "prepared.json"
_STOP_SECONDS = 45
_READY_SECONDS = 90
_LOG_TAIL_LINES = 20


def main(arguments: list[str], *, fresh: bool) -> int:
    """Run the command. `fresh`: the environment was made a moment ago and lines 1/4 and 2/4 are on the
    screen.
    """
    options = _parser().parse_args(arguments)
    state = state_folder()
    try:
        if options.stop or options.reset:
            stop(state, quiet=options.reset)
        return 0 if options.stop else start(state, options.port, reset=options.reset, fresh=fresh)
    except LauncherError as error:
        _tell(str(error))
        return 1
    except BrokenPipeError:  # whoever read our output is gone; so are we
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="manage.py demo", description="Run a sample clinic on this machine."
    )
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="port to serve on (default 8000; 0: any)"
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--stop", action="store_true", help="stop the running demo and whatever one left behind"
    )
    group.add_argument("--reset", action="store_true", help="stop, delete the sample data, start afresh")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _tell(text: str) -> None:
    with suppress(BrokenPipeError):
        print(text, file=sys.stderr, flush=True)


def stop(state: StateFolder, *, quiet: bool = False) -> None:
    """Stop the running demo, if any, and what a killed one left; data is kept. Raises LauncherError."""
    launcher = launcher_record(state)
    ran = is_alive(launcher)
    if launcher and ran:
        with suppress(ProcessLookupError):
            os.kill(launcher.pid, signal.SIGTERM)
        if not wait_until(lambda: not is_alive(launcher), _STOP_SECONDS):
            with suppress(ProcessLookupError):
                os.kill(launcher.pid, signal.SIGKILL)
    with state.locked():
        left_behind = sweep(state)
    if not quiet:
        _tell("The demo is stopped; its data is kept." if ran or left_behind else "No demo is running.")


def sweep(state: StateFolder) -> list[str]:
    """Stop what a killed demo left behind and forget its addresses. The caller holds the lock."""
    left_behind = stop_everything(state)
    remove_sockets(state)
    state.remove(INFO)
    return left_behind


def running(state: StateFolder) -> int | None:
    """The port of the demo that runs from this state folder and answers; None when none runs.

    Raises LauncherError when one runs but does not answer.
    """
    launcher = launcher_record(state)
    if not is_alive(launcher) or launcher is None or launcher.pid == os.getpid():
        return None
    port = state.read_json(INFO).get("port")
    # A demo that has just woken from a laptop's sleep is live at once and ready a few ticks later.
    if isinstance(port, int) and (wait_until(lambda: is_ready(port), 10) or is_live(port)):
        return port
    raise LauncherError(
        f"A demo runs already (process {launcher.pid}) but does not answer. "
        "`python3 manage.py demo --stop` ends it."
    )


def start(state: StateFolder, wanted_port: int, *, reset: bool, fresh: bool) -> int:
    """Start the demo and stay with it; the exit status of the command."""
    interrupts.install()
    demo = Demo(state)
    try:
        with state.locked(lambda: _tell("Another start is under way; waiting for it.")):
            port = running(state)
            if port is not None:
                _announce(state, port, wanted_port)
                return 0
            if left_behind := sweep(state):
                _tell(f"Stopped what an earlier run left behind: {', '.join(left_behind)}.")
            if reset:
                state.wipe()
                state.prepare()
            demo.bring_up(wanted_port, fresh=fresh)
    except interrupts.Interrupted as interrupt:
        return 128 + interrupt.number
    try:
        _announce(state, demo.port, wanted_port)
        return demo.watch()
    except interrupts.Interrupted:
        return 0
    finally:
        interrupts.ignore()
        demo.leave()
        with state.locked():
            demo.stop()


def _announce(state: StateFolder, port: int, wanted_port: int) -> None:
    """The address, the logins and, as the last line of all, Ready."""
    if wanted_port not in (0, port):
        _tell(f"Not on port {wanted_port} but on {port}: the other is taken, or a demo runs already.")
    lines = [f"Clearwindow demo: {address(port)}"]
    with suppress(OSError):
        lines += state.logins.read_text(encoding="utf-8").rstrip().splitlines()
    lines += [
        "Ctrl-C in the window that started it stops all (or: python3 manage.py demo --stop).",
        f"Ready: {address(port)}",
    ]
    print("\n".join(lines), flush=True)


class Demo:
    """The processes of one running demo."""

    def __init__(self, state: StateFolder) -> None:
        self.state = state
        self.instance = secrets.token_hex(8)
        self.source = source_fingerprint()
        self.port = 0
        self.servers: embedded.Servers | None = None
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def bring_up(self, wanted_port: int, *, fresh: bool) -> None:
        """Start everything, or leave nothing running. The caller holds the lock."""
        try:
            self.start(wanted_port, fresh=fresh)
        except BaseException:
            interrupts.ignore()
            self.leave()
            self.stop()
            raise

    def start(self, wanted_port: int, *, fresh: bool) -> None:
        """Servers, tables, sample clinic, web, worker, beat. Raises LauncherError naming the log to read."""
        if not fresh:
            _tell("1/4 Environment: ready")
            _tell("2/4 Packages: ready")
        self._note(record_of(LAUNCHER, os.getpid(), self.instance))
        listener = claim_port(wanted_port)
        self.port = listener.getsockname()[1]
        with listener:
            addresses = self._start_servers()
            self._prepare_clinic(addresses)
            self._start_processes(addresses, listener)
        self.state.write_json(
            INFO,
            {
                "port": self.port, "owner_url": addresses.owner_url, "app_url": addresses.app_url,
                "redis_url": addresses.redis_url, "instance": self.instance,
            },
        )  # fmt: skip
        self._wait_until_ready()
        self.state.write_json(PREPARED, {"source": self.source})

    def _note(self, record: Record) -> None:
        write_record(self.state.run, record)

    def _start_servers(self) -> Addresses:
        """Embedded servers, except where the caller's environment names one."""
        database, redis = named_by_caller("DATABASE_URL"), named_by_caller("REDIS_URL")
        given = [name for name, value in (("DATABASE_URL", database), ("REDIS_URL", redis)) if value]
        _tell("3/4 PostgreSQL and Valkey" + (f": from {' and '.join(given)}" if given else ""))
        around = embedded.Surroundings(
            instance=self.instance, logs=self.state.logs, place=self.state.data, note=self._note,
            sockets=self.state.make_sockets,
        )  # fmt: skip
        self.servers = embedded.start(around, want_postgres=not database, want_valkey=not redis)
        owner = named_by_caller("DATABASE_OWNER_URL") or database
        if database:
            require_demo_database(owner)
        return Addresses(
            owner_url=owner if database else self.servers.owner_url,
            app_url=database or self.servers.app_url,
            redis_url=redis or self.servers.redis_url,
        )

    def _prepare_clinic(self, addresses: Addresses) -> None:
        _tell("4/4 Tables and sample clinic")
        owner = demo_environment(self.state, addresses, self.instance, owner=True)
        app = demo_environment(self.state, addresses, self.instance)
        if self._must_prepare():
            self._run("prepare", ["-m", "config.launcher.prepare"], owner)
        logins = self._run("seed", ["manage.py", "seed_demo"], app)
        self.state.logins.write_text(logins, encoding="utf-8")
        self.state.logins.chmod(0o600)

    def _must_prepare(self) -> bool:
        """False only for embedded data with which this very source code has come up before."""
        before = self.state.read_json(PREPARED).get("source")
        self.state.remove(PREPARED)  # written again when this start, too, has come up
        database = self.servers.postgres if self.servers else None
        return database is None or database.is_new or before != self.source

    def _run(self, name: str, arguments: list[str], environment: dict[str, str]) -> str:
        """Run one step to its end and return what it printed. Raises LauncherError with the log's last
        lines.
        """
        log = self.state.logs / f"{name}.log"
        output = self.state.logs / f"{name}.out"
        with output.open("wb") as stdout:
            process = self._spawn(name, arguments, environment, log, stdout=stdout.fileno())
            status = process.wait()
        del self.children[name]
        (self.state.run / f"{name}.json").unlink(missing_ok=True)
        text = output.read_text(encoding="utf-8", errors="replace")
        if status:
            raise LauncherError(f"The step `{name}` failed (status {status}); {log} ends with:\n{_tail(log)}")
        return text

    def _start_processes(self, addresses: Addresses, listener: socket.socket) -> None:
        public = address(listener.getsockname()[1]).rstrip("/")
        environment = {"PUBLIC_URL": public} | demo_environment(self.state, addresses, self.instance)
        descriptor = listener.fileno()
        web = [
            "-m", "gunicorn", "config.wsgi:application", "--bind", f"fd://{descriptor}", "--workers", "2",
            "--worker-class", "gthread", "--threads", "4", "--no-control-socket", "--graceful-timeout", "5",
            "--access-logfile", "-", "--preload",
        ]  # fmt: skip
        for schedule in self.state.root.glob("beat-schedule*"):  # a killed beat may leave half a file
            schedule.unlink()
        celery = ["-m", "celery", "-A", "config"]
        worker = [
            "worker",
            "-c",
            "2",
            "-n",
            f"demo-{self.instance}@%h",
            "--loglevel",
            "INFO",
            "--without-gossip",
            "--without-mingle",
        ]
        beat = [
            "-m",
            "celery",
            "-A",
            "config.metronome",
            "beat",
            "--loglevel",
            "INFO",
            "--schedule",
            str(self.state.root / "beat-schedule"),
        ]
        self._spawn("web", web, environment, self.state.logs / "web.log", pass_fds=(descriptor,))
        self._spawn("worker", [*celery, *worker], environment, self.state.logs / "worker.log")
        self._spawn("beat", beat, environment, self.state.logs / "beat.log")

    def _spawn(
        self,
        name: str,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        *,
        stdout: int | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """Start one of our Python processes in a session of its own, with its pid file."""
        with log.open("wb") as handle, interrupts.uninterrupted():
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL,
                stdout=handle if stdout is None else stdout, stderr=handle,
                start_new_session=True, pass_fds=pass_fds,
            )  # fmt: skip
            self.children[name] = process
            with suppress(ProcessLookupError):  # already over: whoever waits for it sees its status
                self._note(record_of(name, process.pid, self.instance, log))
        return process

    def _wait_until_ready(self) -> None:
        came = wait_until(lambda: self._ended() is not None or is_ready(self.port), _READY_SECONDS)
        log = self.state.logs / "web.log"
        if ended := self._ended():
            raise LauncherError(f"{ended}\n{_tail(log)}")
        if not came:
            raise LauncherError(f"The pages did not become ready; {log} ends with:\n{_tail(log)}")

    def _ended(self) -> str | None:
        """A sentence about the first process that has ended; None while all run."""
        processes = dict(self.children)
        for server in (self.servers.postgres, self.servers.valkey) if self.servers else ():
            if server is not None and server.process is not None:
                processes[server.name] = server.process
        for name, process in processes.items():
            if process.poll() is not None:
                log = self.state.logs / f"{name}.log"
                return f"The process `{name}` ended (status {process.returncode}); see {log}."
        return None

    def watch(self) -> int:
        """Stay until a process ends; then 1. An interrupt ends it from outside."""
        while (ended := self._ended()) is None:
            time.sleep(0.5)
        _tell(f"{ended} Stopping the rest.")
        return 1

    def leave(self) -> None:
        """Take our own pid file away, so that a start from now on does not take us for a running demo."""
        path = self.state.run / f"{LAUNCHER}.json"
        record = read_record(path)
        if record is not None and record.instance == self.instance:
            path.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop what this demo started and nothing else. The caller holds the lock."""
        stop_everything(self.state, self.instance)
        for process in self.children.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
        if self.servers is not None:
            self.servers.stop()
        if self.state.remembered_sockets() is None:
            self.state.remove("sockets.json")
        if self.state.read_json(INFO).get("instance") == self.instance:
            self.state.remove(INFO)
        _tell("Stopped; the data is kept.")


def _tail(log: Path) -> str:
    with suppress(OSError):
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL_LINES:])
    return ""
