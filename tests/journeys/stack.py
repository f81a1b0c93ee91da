"""The whole product as a person meets it: gunicorn, a Celery worker and beat, PostgreSQL, Valkey, an SMTP server.

Every process is real and can be killed. The SMTP server is the judge of what was sent: its mailbox, not our tables.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg2
import redis
from aiosmtpd.controller import Controller

from tests.once import fresh_database, once, prepared_database, psycopg_url, with_database

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a-long-sample-password-7"


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """Poll until `condition()` is truthy and return it. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        select.select([], [], [], 0.1)


class Mailbox:
    """aiosmtpd handler that keeps what it accepted, as parsed messages with their envelope recipients."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], EmailMessage]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        self.messages.append((list(envelope.rcpt_tos), parsed))  # type: ignore[arg-type]  # policy.default gives EmailMessage
        return "250 accepted"

    def to(self, address: str) -> list[EmailMessage]:
        """Messages accepted for `address`, oldest first."""
        return [message for recipients, message in self.messages if address in recipients]


def free_port() -> int:
    """A TCP port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stack:
    """Running servers; `url` is the web address, `mailbox` what the SMTP server accepted."""

    name: str
    folder: Path
    mailbox: Mailbox
    environment: dict[str, str]
    port: int
    owner_url: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str, owner: bool = False, patient: bool = False) -> str:
        """Run a management command as the app role (or the owner) and return what it printed. A `patient` one has all
        the time of the world and takes what the processor has left.
        """
        environment = self.environment | ({"DATABASE_URL": self.owner_url} if owner else {})
        behind = ["nice", "-n", "19"] if patient else []
        done = subprocess.run(
            [*behind, sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=900 if patient else 300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def run_python(self, module: str) -> dict[str, Any]:
        """Run `python -m module` as the app role; its last line of output is JSON."""
        done = subprocess.run(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return result

    def start(self, name: str) -> None:
        """Start `web`, `worker` or `beat`."""
        celery = [sys.executable, "-m", "celery", "-A", "config"]
        commands = {
            "web": [sys.executable, "-m", "gunicorn", "config.wsgi:application", "--bind", f"127.0.0.1:{self.port}",
                    "--workers", "2", "--threads", "4", "--no-control-socket"],
            "worker": [*celery, "worker", "-c", "2", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"],
            "beat": [*celery[:-1], "config.metronome", "beat", "--loglevel", "WARNING", "-s", str(self.folder / "beat")],
        }  # fmt: skip
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                commands[name], cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Kill the whole process group of `name` and wait for its end."""
        process = self.processes.pop(name)
        os.killpg(process.pid, number)
        process.wait(timeout=30)

    def log(self, name: str) -> str:
        """What that process wrote so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def get(self, path: str) -> int:
        """HTTP status of a plain GET; 0 when nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    @contextmanager
    def sql(self, *, owner: bool = False) -> Iterator[Any]:
        """A cursor on a connection of its own, committed at the end; the app role unless `owner`."""
        connection = psycopg2.connect(
            psycopg_url(self.owner_url if owner else self.environment["DATABASE_URL"])
        )
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def rows(self, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        """The rows of a query, read as the app role on a connection of its own."""
        with self.sql() as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())

    def value(self, statement: str, parameters: Any = ()) -> Any:
        """The one value of a query that gives one row."""
        ((value,),) = self.rows(statement, parameters)
        return value

    def waiting_tasks(self) -> int:
        """How many tasks lie at the broker that no worker has fetched."""
        with redis.from_url(self.environment["REDIS_URL"]) as broker:
            return int(broker.llen("celery"))

    def set_clock(self, moment: datetime) -> None:
        """Make `app_now()` run on from `moment`."""
        with self.sql() as cursor:
            cursor.execute(
                "UPDATE staff_clockoffset SET offset_by = %s - clock_timestamp(), frozen_at = NULL", [moment]
            )

    def stop(self) -> None:
        """Stop every process that still runs."""
        for name in list(self.processes):
            self.kill(name, signal.SIGTERM if name == "web" else signal.SIGKILL)


def make_template(name: str, *, sample: bool = False) -> str:
    """Make the database `name` that stacks are copied from, and return its name.

    Migrated and marked as a demo (its clock may be moved); with the sample clinic if `sample`.
    """
    base = os.environ["DATABASE_URL"]
    made = prepared_database(base)
    if sample:
        made = once(base, "sample_once", lambda new: at_database(base, new).manage("seed_demo"), copy_of=made)
    fresh_database(base, name, made)
    return name


def at_database(base: str, name: str) -> Stack:
    """A stack without servers, for commands on that database."""
    return Stack(name, ROOT, Mailbox(), _environment(base, name), 0, with_database(base, name))


def _own_broker(url: str) -> str:
    """The same server, a database for each worker of a run: else the Celery worker of one stack takes the tasks of
    another, which belong to rows that it does not have.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1
    if url.startswith("unix://"):
        return f"{url}?db={number}"
    return f"{url.rstrip('/').removesuffix('/0')}/{number}"


def _environment(base: str, name: str, env: str = "demo") -> dict[str, str]:
    """What the processes of a stack find in their environment; none of it reaches a real person."""
    environment = dict(os.environ) | {
        "DATABASE_URL": with_database(base, name, os.environ.get("DATABASE_APP_ROLE", "clearwindow_app")),
        "DATABASE_OWNER_URL": with_database(base, name),
        "REDIS_URL": _own_broker(os.environ["REDIS_URL"]),
        "CLEARWINDOW_ENV": env,
        "CLEARWINDOW_NO_BOOTSTRAP": "1",
        "TICK_SECONDS": "1",
        "COOKIE_SECURE": "false",
        "REAUTHENTICATION_TIMEOUT": "300",
        "LOG_LEVEL": "WARNING",
    }
    environment.pop("PYTEST_XDIST_WORKER", None)
    return environment


def _as_production(stack: Stack) -> None:
    """Secrets of its own, this host, collected static files and the mark; plain HTTP, as behind a proxy."""
    stack.environment |= {
        "SECRET_KEY": secrets.token_urlsafe(60),
        "FIELD_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "false",
    }
    stack.manage("mark_database", "production", owner=True)
    stack.manage("collectstatic", "--noinput", "-v0")


@contextmanager
def running_stack(name: str, *, template: str, env: str = "demo", **settings: str) -> Iterator[Stack]:
    """Servers of their own on a database called `name`, a copy of `template`; everything is stopped at the end.

    `settings` are environment variables besides the usual ones.
    """
    base = os.environ["DATABASE_URL"]
    fresh_database(base, name, template)
    mailbox, port = Mailbox(), free_port()
    smtp = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    smtp.start()
    environment = (
        _environment(base, name, env)
        | {
            "EMAIL_URL": f"smtp://127.0.0.1:{smtp.port}",
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
        | settings
    )
    with tempfile.TemporaryDirectory(prefix="cw-stack-") as folder:
        environment["STATIC_ROOT"] = f"{folder}/static"
        stack = Stack(name, Path(folder), mailbox, environment, port, with_database(base, name))
        try:
            if env == "production":
                _as_production(stack)
            stack.start("web")
            wait_until(lambda: stack.get("/healthz/live") == 200, seconds=60, what="the web server")
            yield stack
        finally:
            stack.stop()
            smtp.stop()
