"""A scratch database beside the one named, with the product's own tables and roles, dropped when the work is done."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2


def on_server(url: str, statement: str) -> None:
    """One statement outside a transaction."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


@contextmanager
def scratch_database(name: str) -> Iterator[str]:
    """Make a database `name` beside the one of `DATABASE_URL`, whose owner may make databases, and start Django on it.

    Gives its address. What had that name is dropped before, and it is dropped at the end, also after an error.
    """
    url = os.environ["DATABASE_URL"]
    on_server(url, f"DROP DATABASE IF EXISTS {name}")
    on_server(url, f"CREATE DATABASE {name}")
    address = re.sub(r"(@[^/]*/)[^?]*", rf"\g<1>{name}", url)
    os.environ |= {
        "DATABASE_URL": address, "DATABASE_OWNER_URL": address, "DJANGO_SETTINGS_MODULE": "config.settings",
        "CLEARWINDOW_ENV": "test",
    }  # fmt: skip
    try:
        _start()
        yield address
    finally:
        from django.db import connections

        connections.close_all()
        on_server(url, f"DROP DATABASE IF EXISTS {name}")


def _start() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    from staff.services import mark_database, sync_roles

    mark_database("test")
    sync_roles()
