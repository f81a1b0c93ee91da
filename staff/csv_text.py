"""Comma separated values that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # and in full width, which some read alike
BREAKS = ("\t", "\r", "\n")


def harmless(value: object) -> object:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it; anything else is as it was."""
    if not isinstance(value, str):
        return value
    return f"'{value}" if value.startswith(BREAKS) or value.lstrip().startswith(FORMULA) else value


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A line of names and one line per row; None is empty."""
    text = StringIO()
    out = csv.writer(text)
    out.writerow(columns)
    out.writerows(["" if value is None else harmless(value) for value in row] for row in rows)
    return text.getvalue()
