"""After the key of the encrypted columns was changed: what an old key sealed is sealed anew, so that it can go.

For the role that owns the tables: the history tables are append-only for everybody else, and a signed row lets its
sealed text be sealed anew by its owner alone (`private_note_is_fixed`). Nothing is shown, and no text changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pgtrigger
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, connection, models, transaction

from staff.fields import (
    ROW_MARK,
    RowSealedTextField,
    Unreadable,
    blind_index,
    key_id,
    open_sealed,
    seal,
)

BATCH = 500  # rows locked at a time


@dataclass(frozen=True)
class Column:
    """One column of values sealed to their rows. `index`: its column of check values, or ""."""

    model: type[models.Model]
    field: RowSealedTextField
    index: str

    @property
    def name(self) -> str:
        """`table.column`."""
        return f"{self.model._meta.db_table}.{self.field.column}"


@dataclass
class Count:
    """What became of one column: `sealed` anew (or to be), `left` because they do not open or stand twice."""

    column: str
    sealed: int = 0
    left: int = 0


def sealed_columns() -> list[Column]:
    """Every sealed column of every table, the history tables with them, in the order of their names."""
    found = []
    for model in apps.get_models():
        names = {item.name for item in model._meta.local_fields}
        for item in model._meta.local_fields:
            if isinstance(item, RowSealedTextField):
                index = f"{item.name}_index"
                found.append(Column(model, item, index if index in names else ""))
    return sorted(found, key=lambda column: column.name)


def reseal(*, dry_run: bool = False) -> list[Count]:
    """Seal every value of an old key with the present one, in short transactions; again is harmless.

    What does not open in its row (moved there, or its key is not configured) is left and counted, never replaced.
    """
    return [_reseal_column(column, dry_run=dry_run) for column in sealed_columns()]


def _reseal_column(column: Column, *, dry_run: bool) -> Count:
    count = Count(column.name)
    after: int | None = 0
    while after is not None:
        with (
            transaction.atomic(),
            pgtrigger.ignore(),
        ):  # no history row: who was reached where has not changed
            after = _reseal_batch(column, after, count, dry_run=dry_run)
    return count


def _reseal_batch(column: Column, after: int, count: Count, *, dry_run: bool) -> int | None:
    """Rows of an old key behind the primary key `after`; the last one looked at, None when there was none."""
    last = None
    for key, row, stored in _old_rows(column, after):
        last = key
        try:
            plain = open_sealed(stored, place=column.field.place, row=row)
            if not dry_run:
                with transaction.atomic():
                    _write(column, key, seal(plain, place=column.field.place, row=row), plain)
        except (Unreadable, IntegrityError):
            count.left += 1
        else:
            count.sealed += 1
    return last


def _old_rows(column: Column, after: int) -> Iterator[tuple[int, str, str]]:
    """Primary key, identity and stored value of up to BATCH rows not sealed with the present key, locked."""
    table, pk, text = _names(column)
    columns = ", ".join([pk, text, *(_quoted(name) for name in column.field.bound_to)])
    words = (
        f"SELECT {columns} FROM {table}"  # noqa: S608 - quoted names of the models
        f" WHERE {pk} > %s AND {text} <> '' AND NOT starts_with({text}, %s)"
        f" ORDER BY {pk} LIMIT {BATCH} FOR UPDATE"
    )
    with connection.cursor() as cursor:
        cursor.execute(words, [after, f"{ROW_MARK}{key_id(settings.FIELD_KEY)}."])
        for key, stored, *parts in cursor.fetchall():
            yield key, ":".join(str(part) for part in parts), stored


def _write(column: Column, key: int, stored: str, plain: str) -> None:
    table, pk, text = _names(column)
    values = {text: stored}
    if column.index:
        values[_quoted(column.index)] = blind_index(plain)
    words = ", ".join(f"{name} = %s" for name in values)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {words} WHERE {pk} = %s", [*values.values(), key])  # noqa: S608


def _names(column: Column) -> tuple[str, str, str]:
    """Table, primary key and sealed column, quoted."""
    meta = column.model._meta
    return _quoted(meta.db_table), _quoted(meta.pk.column), _quoted(column.field.column)


def _quoted(name: str | None) -> str:
    return str(connection.ops.quote_name(name or ""))
