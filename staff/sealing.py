"""For migrations: a column of values that were bound to their column alone is bound to its rows, and back.

Both run in the migration's own transaction, and with the keys of the installation: without them they stop (KeyMissing)
before anything is changed. Twice is harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from psycopg2 import sql

from staff.fields import ROW_MARK, KeyMissing, Unreadable, decrypt, encrypt, open_sealed, seal


def seal_rows(cursor: Any, table: str, column: str, identity: Sequence[str]) -> None:
    """Seal every value of `table.column` from before to its row, whose identity is these columns (`bound_to`).

    A value that does not open was moved here from elsewhere: it is marked so that it never opens.
    """
    place = f"{table}.{column}"
    for key, row, stored in _values(cursor, table, column, identity):
        if stored and not stored.startswith(ROW_MARK):
            try:
                fresh = seal(decrypt(stored, context=place), place=place, row=row)
            except KeyMissing:
                raise
            except Unreadable:
                fresh = ROW_MARK + stored
            _write(cursor, table, column, key, fresh)


def unseal_rows(cursor: Any, table: str, column: str, identity: Sequence[str]) -> None:
    """Back to values that are bound to their column alone. One that does not open in its row stays as it is."""
    place = f"{table}.{column}"
    for key, row, stored in _values(cursor, table, column, identity):
        if stored.startswith(ROW_MARK):
            try:
                plain = open_sealed(stored, place=place, row=row)
            except KeyMissing:
                raise
            except Unreadable:
                continue
            fresh = encrypt(plain, context=place)
            _write(cursor, table, column, key, fresh)


def _values(cursor: Any, table: str, column: str, identity: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Primary key, identity as `RowSealedTextField` joins it, and stored value of each row; the rows are locked."""
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in ("id", column, *identity))
    words = sql.SQL("SELECT {columns} FROM {table} ORDER BY id FOR UPDATE")
    cursor.execute(words.format(columns=columns, table=sql.Identifier(table)))
    for key, stored, *parts in cursor.fetchall():
        yield key, ":".join(str(part) for part in parts), stored


def _write(cursor: Any, table: str, column: str, key: int, stored: str) -> None:
    words = sql.SQL("UPDATE {table} SET {column} = %s WHERE id = %s")
    cursor.execute(words.format(table=sql.Identifier(table), column=sql.Identifier(column)), [stored, key])
