"""Servers of their own that may be killed: PostgreSQL, Valkey, workers in process groups, beats. And a storm on them."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2

from config import embedded
from config.launcher.postgres import find_binaries
from config.launcher.state import StateFolder
from tests.faults.judges import Ledger, MailServer, Provider
from tests.journeys.stack import ROOT, wait_until
from tests.once import prepare, psycopg_url

NOON = datetime(2026, 3, 3, 20, 0, tzinfo=UTC)  # Tuesday noon in Los Angeles: no quiet hours near
CELERY = [sys.executable, "-m", "celery", "-A", "config"]
METRONOME = [sys.executable, "-m", "celery", "-A", "config.metronome", "beat", "--loglevel", "ERROR"]
WORKER = ["worker", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]


@dataclass
class Ground:
    """PostgreSQL and Valkey that belong to the storms alone, with a migrated template database."""

    state: StateFolder
    servers: embedded.Servers

    def sql(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """One statement as the owner, committed."""
        connection = psycopg2.connect(psycopg_url(self.url(database)))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def url(self, database: str, *, app: bool = False) -> str:
        found = self.servers.app_url if app else self.servers.owner_url
        head, _, tail = found.rpartition("/clearwindow?")
        return f"{head}/{database}?{tail}"

    def environment(self, database: str, *, app: bool = True) -> dict[str, str]:
        """What every process of a storm finds. Seconds stand for minutes: tick 1 s, lease 8 s."""
        kept = dict(os.environ) | {
            "DATABASE_URL": self.url(database, app=app),
            "DATABASE_OWNER_URL": self.url(database),
            "DATABASE_APP_ROLE": embedded.APP_ROLE,
            "REDIS_URL": self.servers.redis_url,
            "CLEARWINDOW_ENV": "demo",
            "CLEARWINDOW_NO_BOOTSTRAP": "1",
            "TICK_SECONDS": "1",
            "LEASE_SECONDS": "8",
            "LOG_LEVEL": "ERROR",
        }
        kept.pop("PYTEST_XDIST_WORKER", None)
        return kept

    def tool(self, name: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs, such as pg_dump. Its words are the failure."""
        program = find_binaries().folder / name
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]

    def stop_database(self, number: int = signal.SIGQUIT) -> None:
        """`immediate` by default: no checkpoint, every connection is cut, and it recovers at the next start."""
        process = self.servers.postgres.process
        process.send_signal(number)
        process.wait(timeout=60)

    def start_database(self) -> None:
        self.servers.postgres.start()

    def kill_broker(self) -> None:
        """`kill -9`, nothing saved, and up again."""
        process = self.servers.valkey.process
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
        self.servers.valkey.start()


@contextmanager
def bare_ground(*, want_valkey: bool = True) -> Iterator[Ground]:
    """Own servers with nothing in them, durable as in production (an immediate stop loses nothing that was committed)."""
    state = StateFolder(Path(tempfile.mkdtemp(prefix="cw-storm-")))
    state.prepare()
    around = embedded.Surroundings(
        instance=secrets.token_hex(8), logs=state.logs, place=state.data, note=lambda record: None,
        sockets=state.make_sockets, durable=True,
    )  # fmt: skip
    servers = embedded.start(around, want_valkey=want_valkey)
    try:
        yield Ground(state, servers)
    finally:
        servers.stop()
        shutil.rmtree(state.root, ignore_errors=True)


@contextmanager
def ground() -> Iterator[Ground]:
    """Own servers with a migrated template database."""
    with bare_ground() as found:
        found.sql("CREATE DATABASE storm_template")
        prepare(found.url("storm_template"), **found.environment("storm_template"))
        yield found


@dataclass
class Verdict:
    """What the judges say of one storm."""

    wanted: int
    lost: list[str]
    doubled: list[str]
    unwanted: list[str]
    early: list[str]
    unknown: list[str]
    absorbed: int
    late: list[float]
    drained: float
    states: dict[str, str] = field(default_factory=dict)
    items: int = 0
    by_five: list[int] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)

    @property
    def latest(self) -> float:
        return max(self.late, default=0.0)

    def __str__(self) -> str:
        middle = sorted(self.late)[len(self.late) // 2] if self.late else 0.0
        return (
            f"wanted {self.wanted}, lost {len(self.lost)}, duplicated {len(self.doubled)}, wrongly sent {len(self.unwanted)}, "
            f"early {len(self.early)}, unknown {len(self.unknown)}, repeats absorbed {self.absorbed}, "
            f"late p50 {middle:.1f} s, max {self.latest:.1f} s, drained {self.drained:.1f} s; "
            f"arrivals in each 5 s: {' '.join(map(str, self.by_five))}; "
            f"acts at second+duration: {' '.join(self.acts)}"
        )


@dataclass
class Storm:
    """One database, its processes, and the judges at the other ends."""

    ground: Ground
    name: str
    folder: Path
    provider: Provider
    mail: MailServer
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)
    expiring: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    began: float = 0.0
    acts: list[str] = field(default_factory=list)

    def python(self, *arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return result

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def fill(self, number: int, channel: str, lead: float, spread: float, expiring: int = 0) -> None:
        found = self.python(
            "tests.faults.crowd", "fill", *map(str, (number, channel, int(lead), int(spread), expiring))
        )
        self.due |= found["due"]
        self.expiring += found["expiring"]
        self.began = min(self.due.values()) - lead

    def cancel(self, number: int) -> None:
        self.cancelled += self.python("tests.faults.crowd", "cancel", str(number))["cancelled"]

    def start(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def start_worker(self, name: str, pool: int = 3) -> None:
        self.start(name, [*CELERY, *WORKER, "-c", str(pool), "-n", f"{name}@%h"])

    def start_beat(self, name: str) -> None:
        self.start(name, [*METRONOME, "-s", str(self.folder / name)])

    def start_skewed_worker(self, name: str, hours: float) -> None:
        self.start(
            name,
            [sys.executable, "-m", "tests.faults.skewed", str(hours), *WORKER, "-c", "3", "-n", f"{name}@%h"],
        )

    def start_naive_worker(self, name: str) -> None:
        self.start(
            name,
            [
                sys.executable,
                "-m",
                "celery",
                "-A",
                "tests.faults.naive",
                *WORKER,
                "-c",
                "3",
                "-n",
                f"{name}@%h",
            ],
        )

    def kill(self, name: str) -> None:
        """`kill -9` of the whole process group."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Do it that many seconds after the crowd was made; at once when the machine is behind."""
        moment = self.began + seconds
        wait_until(lambda: time.time() >= moment, seconds=max(moment - time.time(), 0) + 5, what="the moment")
        began = time.time()
        act()
        self.acts.append(f"{began - self.began:.0f}+{time.time() - began:.0f}")

    def settle(self, ledger: Ledger, patience: float) -> float:
        """Wait until nothing is left to send; seconds since the last due time or `self.began`, whichever is later."""
        question = (
            "SELECT count(*) FROM scheduling_message WHERE state IN ('scheduled', 'claimed', 'sending')"
        )
        end = max(self.due.values())

        def empty() -> bool:
            try:
                return self.ground.sql(question, database=self.name)[0][0] == 0
            except psycopg2.OperationalError:
                return False

        wait_until(
            empty, seconds=max(end - time.time(), 0) + patience, what="everything to be in a final state"
        )
        return time.time()

    def judge(self, ledger: Ledger, *, since: float = 0.0, done: float = 0.0) -> Verdict:
        """Lost: wanted, not arrived, and not shown to a person as unknown."""
        told = self.python("tests.faults.crowd", "states")
        states: dict[str, str] = told["by_address"]
        no_more = set(self.cancelled) | set(self.expiring)
        wanted = [address for address in self.due if address not in no_more]
        arrived = ledger.arrived
        unknown = [address for address in wanted if states[address] == "unknown"]
        return Verdict(
            wanted=len(wanted),
            lost=[a for a in wanted if a not in arrived and a not in unknown],
            doubled=[a for a, times in arrived.items() if len(times) > 1],
            unwanted=[a for a in no_more if a in arrived],
            early=[a for a, times in arrived.items() if times[0] < self.due[a] - 0.05],
            unknown=unknown,
            absorbed=ledger.absorbed,
            late=[times[0] - max(self.due[a], since) for a, times in arrived.items() if a in set(wanted)],
            drained=(done or time.time()) - max(since, max(self.due.values())),
            states=states,
            items=told["items"],
            by_five=self.histogram(ledger),
        )

    def histogram(self, ledger: Ledger) -> list[int]:
        """Arrivals in each five seconds since the crowd was made."""
        after = [int((moment - self.began) // 5) for times in ledger.arrived.values() for moment in times]
        return [after.count(n) for n in range(max(after, default=-1) + 1)]

    def stop(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        self.provider.stop()
        self.mail.stop()


@contextmanager
def storm(ground: Ground, name: str) -> Iterator[Storm]:
    """A fresh copy of the template at noon, with judges; every process is gone at the end."""
    ground.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    ground.sql(f'CREATE DATABASE "{name}" TEMPLATE storm_template')
    provider, mail = Provider(), MailServer()
    environment = ground.environment(name) | {
        "EMAIL_URL": mail.url,
        "SMS_BACKEND": "scheduling.sms.WebhookSMSBackend",
        "SMS_WEBHOOK_URL": provider.url,
    }
    with tempfile.TemporaryDirectory(prefix="cw-storm-") as folder:
        found = Storm(ground, name, Path(folder), provider, mail, environment)
        ground.sql(
            f"UPDATE staff_clockoffset SET offset_by = '{NOON.isoformat()}'::timestamptz - clock_timestamp()",
            database=name,
        )
        try:
            yield found
        finally:
            found.stop()
