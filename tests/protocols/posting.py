"""What the editor's form sends for a sheet."""

from __future__ import annotations

from typing import Any

from protocols.sheet import Sheet


def form_of(sheet: Sheet, **more: Any) -> dict[str, Any]:
    """The boxes as a browser posts them, rows in their order."""
    data: dict[str, Any] = {}
    for path, value in sheet.items():
        rows = value if isinstance(value, list) and value and isinstance(value[0], dict) else None
        if rows is None:
            data[path] = value
            continue
        data[f"{path}.row"] = [row["id"] for row in rows]
        for row in rows:
            data |= {f"{path}.{row['id']}.{name}": item for name, item in row.items() if name != "id"}
    return {name: value for name, value in data.items() if value not in ("", [])} | more
