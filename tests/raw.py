"""Statements past the services: as the owner of the database, and as somebody who moves encrypted values about."""

from __future__ import annotations

from django.db import connection


def as_owner(sql: str) -> None:
    """Run `sql` with the owner's rights; afterwards the role is what it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        role = cursor.fetchone()[0]
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("RESET ROLE")
        cursor.execute(sql)
        cursor.execute(f'SET ROLE "{role}"')


def swap(table: str, column: str, one: int, other: int) -> None:
    """Two encrypted values change places."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} a SET {column} = b.{column} FROM {table} b "
            "WHERE (a.id, b.id) IN ((%(one)s, %(other)s), (%(other)s, %(one)s))",
            {"one": one, "other": other},
        )
        assert cursor.rowcount == 2
