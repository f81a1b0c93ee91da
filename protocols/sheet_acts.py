"""What the buttons of the editor do to the rows of a draft: add, remove, up, down, the usual ones. Pure module.

An act is a text: `add:phases`, `remove:phases:r2`, `up:phases:r2`, `down:phases:r2`, `usual:follow_ups`,
`usual:checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protocols import library
from protocols.definition import ProtocolDefinition
from protocols.sheet import Sheet, to_sheet
from protocols.sheet_boxes import MOST_ROWS, lists
from staff.errors import InvalidInput

FRESH_ROWS: dict[str, dict[str, object]] = {
    "phases": {"weekdays": [str(day) for day in range(7)]},
    "staffing": {"role": "nurse", "from_minute": "0", "load": "1"},
    "follow_ups": {
        "audience": "patient", "anchor": "t0", "gate": "window", "scope": "each_infusion", "duration_minutes": "0",
        "night_hours": "8", "required": "on", "repeat_days": "0", "send_from": "08:00", "send_until": "21:30",
        "grade": "D",
    },
}  # fmt: skip
EMPTY_BOXES = (
    "title", "indication", "source", "evidence", "dose.mg_per_kg", "dose.infusion_minutes", "dose.ceiling_mg",
    "dose.rounding_mg", "preinfusion_checks", "chair_minutes",
)  # fmt: skip


def placeholder() -> ProtocolDefinition:
    """What an empty draft holds until its boxes are right: nobody can submit it, because the boxes are not."""
    base = library.SINGLE_INFUSION
    return replace(base, title="Not written yet", indication="Not written yet", source="", evidence="")


def empty_sheet() -> Sheet:
    """An empty protocol: no dose, no series, no staff, no follow-ups. Safety limits stand at their usual values."""
    sheet = to_sheet(placeholder())
    for path in EMPTY_BOXES:
        sheet[path] = [] if isinstance(sheet[path], list) else ""
    for path in lists():
        sheet[path] = []
    return sheet


def apply_act(sheet: Sheet, act: str) -> tuple[Sheet, str]:
    """The sheet after an act, and the name of the box that the person goes on with. Raises InvalidInput."""
    verb, _, rest = act.partition(":")
    path, _, row = rest.partition(":")
    if verb == "usual" and path == "checks":
        return {**sheet, "preinfusion_checks": list(library.DEFAULT_CHECKS)}, "preinfusion_checks"
    if path not in lists() or verb not in ("add", "remove", "up", "down", "usual"):
        raise InvalidInput("This button is not known.", code="unknown-act", field="act")
    rows = list(sheet.get(path, []))
    if verb == "add":
        return _add(sheet, path, rows)
    if verb == "usual":
        return _usual(sheet, path, rows)
    place = next((n for n, item in enumerate(rows) if item["id"] == row), None)
    if place is None:
        return sheet, path
    if verb == "remove":
        del rows[place]
        near = rows[min(place, len(rows) - 1)]["id"] if rows else ""
        return {**sheet, path: rows}, f"{path}.{near}" if near else path
    other = place + (1 if verb == "down" else -1)
    if 0 <= other < len(rows):
        rows[place], rows[other] = rows[other], rows[place]
    return {**sheet, path: rows}, f"{verb}:{path}:{row}"


def _add(sheet: Sheet, path: str, rows: list[dict[str, object]]) -> tuple[Sheet, str]:
    if len(rows) >= MOST_ROWS:
        raise InvalidInput(f"At most {MOST_ROWS} can be listed.", code="too-many", field=path)
    first = lists()[path].boxes[0] if not lists()[path].boxes[0].hidden else lists()[path].boxes[1]
    name = fresh_id(rows)
    empty: dict[str, object] = {
        box.name: [] if box.kind == "several" else "" if box.usual is None else str(box.usual)
        for box in lists()[path].boxes
    }
    fresh = {"id": name} | empty | FRESH_ROWS.get(path, {})
    return {**sheet, path: [*rows, fresh]}, f"{path}.{name}.{first.name}"


def _usual(sheet: Sheet, path: str, rows: list[dict[str, object]]) -> tuple[Sheet, str]:
    """The product's own rows, without those that stand there already."""
    shipped = to_sheet(library.SIX_IN_THREE_WEEKS)[path]
    have = {_sign(path, item) for item in rows}
    for item in shipped:
        if _sign(path, item) not in have and len(rows) < MOST_ROWS:
            rows = [*rows, {**item, "id": fresh_id(rows)}]
    return {**sheet, path: rows}, path


def _sign(path: str, row: Mapping[str, object]) -> object:
    return row.get("kind") if path == "follow_ups" else row.get("role") or row.get("name")


def fresh_id(rows: list[dict[str, object]]) -> str:
    """An id that no row has."""
    taken = {item["id"] for item in rows}
    number = len(rows) + 1
    while f"r{number}" in taken:
        number += 1
    return f"r{number}"
