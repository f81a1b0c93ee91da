"""Rows and sections in which a definition is read. Pure module."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.evidence import EVIDENCE, Evidence


@dataclass(frozen=True)
class Row:
    """One value of the text. `items` lists what does not fit into one line."""

    label: str
    value: str
    evidence: Evidence
    items: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True)
class Section:
    """Rows under one heading; `code` is the anchor on the page."""

    code: str
    title: str
    rows: tuple[Row, ...]
    about: str = ""


def row(label: str, value: str, key: str, items: tuple[str, ...] = ()) -> Row:
    """A row with the product's own grade and source of `key`."""
    return Row(label, value, EVIDENCE[key], items, key)
