"""The environment variables that the product's processes get from the launcher."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2

from config.database_url import read_database_url
from config.launcher.errors import LauncherError
from config.launcher.processes import INSTANCE_VARIABLE
from config.launcher.state import StateFolder
from config.launcher.web import HOST

ADDRESS_FILES = ("DATABASE_URL_FILE", "DATABASE_OWNER_URL_FILE", "REDIS_URL_FILE")
"""Settings prefer NAME_FILE to NAME; once an address has been chosen, these must not override it."""
_LEFT_OUT = {"DJANGO_DEBUG", "PYTHONDONTWRITEBYTECODE", *ADDRESS_FILES}


@dataclass(frozen=True)
class Addresses:
    """Where the database (as its owner, and as the role that runs) and Redis are reached."""

    owner_url: str
    app_url: str
    redis_url: str


def named_by_caller(name: str) -> str:
    """An address that the caller's environment gives, directly or as NAME_FILE; empty where it gives none."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        with open(path, encoding="utf-8") as handle:
            return handle.read().strip()
    return os.environ.get(name, "")


def demo_environment(
    state: StateFolder, addresses: Addresses, instance: str, *, owner: bool = False
) -> dict[str, str]:
    """A child's whole environment. `owner=True` is for the steps that change tables."""
    kept = {
        key: value for key, value in os.environ.items() if key not in _LEFT_OUT and not key.startswith("PG")
    }
    secrets = {} if "SECRET_KEY" in kept and "FIELD_KEY" in kept else state.secrets()
    chosen = {
        "CLEARWINDOW_ENV": "demo",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": addresses.owner_url if owner else addresses.app_url,
        "DATABASE_OWNER_URL": addresses.owner_url,
        "REDIS_URL": addresses.redis_url,
        INSTANCE_VARIABLE: instance,
        "PYTHONUNBUFFERED": "1",
    }
    defaults = {**secrets, "ALLOWED_HOSTS": f"{HOST},localhost"}
    if not kept.get("EMAIL_URL"):
        defaults["OUTBOX_DIR"] = str(state.outbox)
    return {**defaults, **kept, **chosen}


def require_demo_database(owner_url: str) -> None:
    """Refuse to fill a database of the caller's own that holds something else. Raises LauncherError."""
    try:
        kind = _database_kind(owner_url)
    except psycopg2.Error as error:
        raise LauncherError(f"The database in DATABASE_URL does not answer: {str(error).strip()}") from error
    if kind not in ("empty", "demo"):
        raise LauncherError(
            f"The database in DATABASE_URL holds {kind} data, and the demo fills only an empty one or one "
            "that its owner marked with `python3 manage.py mark_database demo`. Nothing was changed."
        )


def _database_kind(url: str) -> str:
    """`empty`, the mark of a Clearwindow database (production, demo, test), or `other`."""
    with closing(_connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class c WHERE c.relkind IN ('r', 'p')"
            " AND c.relnamespace = 'public'::regnamespace"
        )
        if not cursor.fetchone()[0]:
            return "empty"
        cursor.execute("SELECT to_regclass('public.staff_databaseenvironment') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return "other"
        cursor.execute("SELECT kind FROM public.staff_databaseenvironment")
        row = cursor.fetchone()
        return str(row[0]) if row else "other"


def _connect(url: str) -> Any:
    """A connection to a database address as settings read it (django-environ's form)."""
    found = read_database_url(url)
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    given = {key: found[name] for key, name in names.items() if found.get(name)}
    return psycopg2.connect(**{"connect_timeout": 10, **given, **found.get("OPTIONS", {})})
