"""Two people edited one draft: their boxes joined with mine, and where both changed the same one. Pure module.

Three-way: a box that only one of us changed since the common base takes that change; where both changed it to
different values, a person chooses. Rows are the same row when their `key` is (a follow-up's code, a part's name, else
the row's own id); a row that one removed and the other changed is a clash as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocols.sheet import Sheet
from protocols.sheet_acts import fresh_id
from protocols.sheet_boxes import NOTE, Rows, boxes, lists

GONE = "removed"


@dataclass(frozen=True)
class Clash:
    """A box that both changed. `key` names the choice; values as they stand in the boxes."""

    key: str
    where: str
    mine: str
    theirs: str


@dataclass(frozen=True)
class Change:
    """A box that one of us changed alone."""

    where: str
    before: str
    after: str


@dataclass(frozen=True)
class Merged:
    """The joined sheet (clashes as `picks` say, else theirs), the clashes, and what each of us changed alone."""

    sheet: Sheet
    clashes: tuple[Clash, ...]
    mine_only: tuple[Change, ...]
    theirs_only: tuple[Change, ...]


def merge_sheets(base: Sheet, mine: Sheet, theirs: Sheet, picks: Mapping[str, str] | None = None) -> Merged:
    """Join both. `picks`: clash key -> "mine" or "theirs". merge(b, m, b) is m, merge(b, b, t) is t."""
    work = _Work(picks or {})
    sheet: Sheet = {}
    for path, box in {NOTE.path: NOTE, **boxes()}.items():
        sheet[path] = work.value(
            path, box.label, base.get(path, ""), mine.get(path, ""), theirs.get(path, "")
        )
    for path, rows in lists().items():
        sheet[path] = work.rows(rows, base.get(path, []), mine.get(path, []), theirs.get(path, []))
    return Merged(sheet, tuple(work.clashes), tuple(work.mine_only), tuple(work.theirs_only))


class _Work:
    def __init__(self, picks: Mapping[str, str]) -> None:
        self.picks = picks
        self.clashes: list[Clash] = []
        self.mine_only: list[Change] = []
        self.theirs_only: list[Change] = []

    def value(self, key: str, where: str, base: Any, mine: Any, theirs: Any) -> Any:
        """One box."""
        if mine == theirs:
            return mine
        if mine == base:
            self.theirs_only.append(Change(where, words(base), words(theirs)))
            return theirs
        if theirs == base:
            self.mine_only.append(Change(where, words(base), words(mine)))
            return mine
        self.clashes.append(Clash(key, where, words(mine), words(theirs)))
        return mine if self.picks.get(key) == "mine" else theirs

    def rows(self, rows: Rows, base: list[Any], mine: list[Any], theirs: list[Any]) -> list[Any]:
        """A list of records, in the order of whoever changed the order; theirs when both did."""
        b, m, t = (_keyed(rows, items) for items in (base, mine, theirs))
        order = list(m) if list(t) == list(b) else [*t, *(key for key in m if key not in t)]
        found: list[Any] = []
        for key in [*order, *(key for key in t if key not in order)]:
            row = self._row(rows, key, b.get(key), m.get(key), t.get(key))
            if row is not None:
                taken = any(item["id"] == row["id"] for item in found)
                found.append({**row, "id": fresh_id(found)} if taken else row)
        return found

    def _row(self, rows: Rows, key: str, base: Any, mine: Any, theirs: Any) -> Any:
        where = f"{rows.label}, {_name(rows, mine or theirs or base)}"
        if mine is None or theirs is None:
            return self._one_side(f"{rows.path}.{key}", where, base, mine, theirs)
        old = base or {}
        values = {
            box.name: self.value(
                f"{rows.path}.{key}.{box.name}", f"{where}, {box.label.lower()}",
                old.get(box.name, ""), mine.get(box.name, ""), theirs.get(box.name, ""),
            )
            for box in rows.boxes
        }  # fmt: skip
        return {"id": theirs["id"]} | values

    def _one_side(self, key: str, where: str, base: Any, mine: Any, theirs: Any) -> Any:
        """A row that only one of us has: added by that one, or removed by the other."""
        kept = mine if theirs is None else theirs
        if kept is None:
            return None
        changes = self.mine_only if theirs is None else self.theirs_only
        if base is None:
            changes.append(Change(where, "not there", "added"))
            return kept
        if _content(kept) == _content(base):
            gone = self.theirs_only if theirs is None else self.mine_only
            gone.append(Change(where, "there", GONE))
            return None
        sides = ("changed", GONE) if theirs is None else (GONE, "changed")
        self.clashes.append(Clash(key, where, *sides))
        return mine if self.picks.get(key) == "mine" else theirs


def _keyed(rows: Rows, items: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        name = str(item.get("kind") or (item.get("name") if rows.path == "phases" else "") or item["id"])
        while name in found:
            name = f"{name}+"
        found[name] = item
    return found


def _content(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "id"}


def _name(rows: Rows, row: Mapping[str, Any]) -> str:
    return str(row.get(rows.head) or row.get("id"))


def words(value: Any) -> str:
    """A box's value for a person."""
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return str(value) or "empty"
