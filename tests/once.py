"""Databases that are made once and then copied: to copy one takes a second, to migrate one a quarter of a minute.

On one server a database is made once, whichever worker asks first, and copied by PostgreSQL. For the next server of the
same run the finished database is kept as a file of `pg_dump`. Nothing outlives the run, so nothing can be out of date.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2

from config.launcher.errors import LauncherError
from config.launcher.postgres import find_binaries
from config.launcher.state import PROJECT, TEST_SNAPSHOTS_VARIABLE, TEST_STATE_VARIABLE

PREPARED = "prepared_once"


def psycopg_url(url: str) -> str:
    """The same address as PostgreSQL's own tools read it."""
    return url.replace("postgres://", "postgresql://", 1)


def with_database(url: str, name: str, user: str | None = None) -> str:
    """The same server as `url`, another database, perhaps another role (embedded servers trust their socket)."""
    scheme, rest = url.split("://", 1)
    authority, path = rest.split("/", 1)
    query = path.partition("?")[2]
    if user and "@" in authority and ":" not in authority.split("@")[0]:
        authority = user + "@" + authority.split("@", 1)[1]
    return f"{scheme}://{authority}/{name}" + (f"?{query}" if query else "")


def fresh_database(owner_url: str, name: str, template: str = "") -> None:
    """Make the database `name` anew on the server of `owner_url`: empty, or a copy of `template`."""
    with closing(psycopg2.connect(psycopg_url(with_database(owner_url, "postgres")))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            copied = f' TEMPLATE "{template}"' if template else ""
            cursor.execute(f'CREATE DATABASE "{name}"{copied}')


def once(base: str, name: str, fill: Callable[[str], None], copy_of: str = "") -> str:
    """A database of the server of `base`, filled once for this run, however many workers ask for it at once; returns
    its name. `fill` is given the name of the new database.
    """
    name = "_".join(filter(None, (os.environ.get("TEST_DATABASE_NAME"), name)))
    done = Path(os.environ[TEST_STATE_VARIABLE]) / f"{name}.done"
    with done.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not done.exists():
            fresh_database(base, name, copy_of)
            fill(name)
            done.touch()
    return name


def prepared_database(base: str) -> str:
    """The name of a database of this server to copy: migrated, marked as a demo (its clock may be moved), with roles."""
    return once(base, PREPARED, lambda name: prepare(with_database(base, name)))


def prepare(owner_url: str, **settings: str) -> None:
    """Fill an empty database as `prepared_database` says: from the run's snapshot, or as the demo does it.

    `settings` are environment variables besides those of the run.
    """
    snapshot = _snapshot()
    if snapshot is not None and snapshot.exists():
        done = _run(
            "pg_restore", "--exit-on-error", "--no-comments", "-d", psycopg_url(owner_url), str(snapshot)
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return
    environment = (
        dict(os.environ)
        | settings
        | {
            "DATABASE_URL": owner_url,
            "DATABASE_OWNER_URL": owner_url,
            "CLEARWINDOW_ENV": "demo",
            "CLEARWINDOW_NO_BOOTSTRAP": "1",
        }
    )
    command = [sys.executable, "-m", "config.launcher.prepare"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    if snapshot is not None:
        _keep(owner_url, snapshot)


def _snapshot() -> Path | None:
    folder = os.environ.get(TEST_SNAPSHOTS_VARIABLE) or os.environ.get(TEST_STATE_VARIABLE)
    return Path(folder) / f"{PREPARED}.dump" if folder else None


def _keep(owner_url: str, snapshot: Path) -> None:
    """Whole or not at all; without a pg_dump that knows this server the next one is migrated again."""
    draft = snapshot.with_suffix(f".{os.getpid()}")
    try:
        done = _run("pg_dump", "-Fc", "-f", str(draft), psycopg_url(owner_url))
    except (LauncherError, OSError):
        return
    if done.returncode == 0:
        draft.rename(snapshot)


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = find_binaries().folder / program
    return subprocess.run([path, *arguments], capture_output=True, text=True, timeout=300)
