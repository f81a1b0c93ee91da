"""A draft as it stands in the boxes of the editor: texts, also wrong ones, so that nothing typed is lost. Pure module.

A sheet is JSON-shaped: {"dose.mg_per_kg": "0.5", ..., "phases": [{"id": "r1", "name": "Induction", ...}], ...}.
Values are texts, or lists of texts where several may be ticked; a row has an `id` of its own that outlives reordering.
`read_sheet` gives the definition when every box is right and every hard rule holds, else all that is wrong, by box:
"dose.mg_per_kg", "follow_ups.r3.target", or "phases" for the list as a whole.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from protocols.definition import ProtocolDefinition
from protocols.definition_codec import dump, load, read_structure
from protocols.definition_rules import broken_rules
from protocols.library import SIX_IN_THREE_WEEKS
from protocols.sheet_boxes import MOST_ROWS, NOTE, Box, Rows, boxes, lists
from staff.errors import InvalidInput
from staff.strict import parse_date, parse_decimal, parse_integer, parse_text

Sheet = dict[str, Any]
LARGEST_SHEET = 150_000  # characters of all boxes together
ROW_ID = re.compile(r"[a-z0-9]{1,12}", re.ASCII)
CLOCK = re.compile(r"(\d{1,2}):(\d{2})\s*(?:(?:the )?(same day|next day)|after (\d{1,3}) days?)?", re.ASCII)
ELAPSED = re.compile(r"(-?\d{1,6})\s*(min|minutes?|h|hours?|d|days?)(?: later)?", re.ASCII)
MINUTES_OF = {"m": 1, "h": 60, "d": 1440}


@dataclass(frozen=True)
class Reading:
    """What a sheet says: the definition, or None and the words of every fault by box.

    `missing` are those of `errors` that are only empty so far: to fill in, not to mend.
    """

    definition: ProtocolDefinition | None
    errors: dict[str, str]
    missing: frozenset[str] = frozenset()


def to_sheet(definition: ProtocolDefinition, change_note: str = "") -> Sheet:
    """The boxes of a definition. `read_sheet(to_sheet(d)).definition == d`."""
    data = dump(definition)
    sheet: Sheet = {NOTE.path: change_note} | {
        path: show(box, _at(data, path)) for path, box in boxes().items()
    }
    for path, rows in lists().items():
        sheet[path] = [
            {"id": f"r{number}"} | {box.name: show(box, item.get(box.name)) for box in rows.boxes}
            for number, item in enumerate(_at(data, path) or (), start=1)
        ]
    return sheet


def read_sheet(sheet: Mapping[str, Any]) -> Reading:
    """Read every box; then, when all can be read, every hard rule. Never raises for what a person typed."""
    data, errors, missing = _read_boxes(sheet)
    if errors:
        return Reading(None, {**errors, **_rules_beside(sheet, errors)}, missing)
    try:
        whole = read_structure(data)
    except InvalidInput as refusal:
        return Reading(None, {box_of(refusal.field or "", sheet): sentence(refusal.message)})
    errors = {box_of(path, sheet): sentence(words) for path, words in reversed(broken_rules(whole))}
    if errors:
        return Reading(None, errors)
    return Reading(load(data), {})


def _rules_beside(sheet: Mapping[str, Any], errors: Mapping[str, str]) -> dict[str, str]:
    """Broken rules among the boxes that can be read: nobody mends one fault only to be told of the next.

    What cannot be read is stood in for by the product's own text, and what is then said about that is left out.
    """
    stand_in, patched = to_sheet(SIX_IN_THREE_WEEKS), dict(sheet)
    patched |= {path: stand_in[path] for path in errors if path in stand_in}
    wrong = {".".join(name.split(".")[:2]) for name in errors if name.split(".")[0] in lists()}
    for path in lists():
        patched[path] = [
            {**stand_in[path][0], "id": row["id"], "kind": f"stand_in_{row['id']}"}
            if f"{path}.{row['id']}" in wrong
            else row
            for row in patched.get(path, [])
        ]
    try:
        whole = read_structure(_read_boxes(patched)[0])
    except InvalidInput:
        return {}
    found = {box_of(path, sheet): sentence(words) for path, words in reversed(broken_rules(whole))}
    return {
        name: words
        for name, words in found.items()
        if name not in errors and ".".join(name.split(".")[:2]) not in wrong
    }


def as_far_as_right(sheet: Mapping[str, Any], last: ProtocolDefinition) -> ProtocolDefinition | None:
    """What a sample can be drawn from while some boxes are wrong: those of the `last` right text, wrong rows out.

    None while the dose or the series is still to be filled in: no sample of numbers that nobody wrote.
    """
    reading = read_sheet(sheet)
    if reading.definition is not None:
        return reading.definition
    if any(name.startswith(("dose.", "phases", "clearance.")) for name in reading.missing):
        return None
    before, patched = to_sheet(last), dict(sheet)
    for name in reading.errors:
        path = name.split(".")[0] if name.split(".")[0] in lists() else name
        if path not in lists():
            patched[path] = before.get(path, "")
            continue
        row = name.removeprefix(f"{path}.").split(".")[0]
        patched[path] = [item for item in patched[path] if item["id"] != row]
    if not patched.get("phases"):
        patched["phases"] = before["phases"]
    return read_sheet(patched).definition


def _read_boxes(sheet: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str], frozenset[str]]:
    data: dict[str, Any] = {}
    errors: dict[str, str] = {}
    missing: set[str] = set()

    def read(box: Box, raw: Any, name: str, holder: dict[str, Any]) -> None:
        try:
            holder[box.name] = parse(box, raw)
        except InvalidInput as refusal:
            errors[name] = refusal.message
            if refusal.code == "required":
                missing.add(name)

    read(NOTE, sheet.get(NOTE.path, ""), NOTE.path, {})
    for path, box in boxes().items():
        read(box, sheet.get(path, ""), path, _holder(data, path))
    for path, rows in lists().items():
        given = sheet.get(path, [])
        _holder(data, path)[path.rpartition(".")[2]] = records = []
        if len(given) > MOST_ROWS:
            errors[path] = f"At most {MOST_ROWS} can be listed."
        for row in given[:MOST_ROWS]:
            record: dict[str, Any] = {}
            for box in rows.boxes:
                read(box, row.get(box.name, ""), f"{path}.{row['id']}.{box.name}", record)
            records.append(record)
    if not sheet.get("phases"):
        errors["phases"] = "Add at least one part of the series."
        missing.add("phases")
    _name_kinds(data)
    return data, errors, frozenset(missing)


def _name_kinds(data: dict[str, Any]) -> None:
    """A follow-up that has no code yet gets one from its title: it is only asked for its title."""
    taken = {row.get("kind") for row in data.get("follow_ups", ())}
    for row in data.get("follow_ups", ()):
        if row.get("kind"):
            continue
        base = re.sub(r"[^a-z0-9]+", "_", row.get("title", "").lower()).strip("_")[:36] or "follow_up"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        row["kind"] = name


def box_of(path: str, sheet: Mapping[str, Any]) -> str:
    """The box that a path such as `definition.follow_ups.3.earliest` is about; "" when there is none."""
    plain = path.removeprefix("definition.")
    if plain in boxes() or plain in lists():
        return plain
    for name, rows in lists().items():
        parts = plain.removeprefix(f"{name}.").split(".")
        if not plain.startswith(f"{name}.") or not parts[0].isdigit():
            continue
        given = sheet.get(name, [])
        if int(parts[0]) >= len(given):
            return name
        row = given[int(parts[0])]["id"]
        wanted = parts[1] if len(parts) > 1 else rows.head
        shown = next((box for box in rows.boxes if box.name == wanted and not box.hidden), None)
        return f"{name}.{row}.{shown.name if shown else rows.head}"
    return ""


def sentence(words: str) -> str:
    """A rule's words as a sentence of its own."""
    text = words.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def parse(box: Box, raw: Any) -> Any:
    """One box as the definition's JSON has it. Raises InvalidInput with words for a person."""
    if box.kind == "several":
        return _several(box, raw)
    if box.kind == "yes":
        return raw == "on"
    if not isinstance(raw, str):
        raise InvalidInput("Enter text.", field=box.path)
    text = parse_text(raw, field=box.path, max_length=max(box.longest, 20), single_line=not box.lines)
    if not text:
        return _empty(box)
    if box.kind == "decimal":
        low, high = (None if limit is None else Decimal(limit) for limit in (box.low, box.high))
        number = parse_decimal(
            text, field=box.path, min_value=low or Decimal(0), max_value=high, max_places=3, unit=box.unit
        )
        return format(number, "f")
    if box.kind == "integer":
        low_n = -1_000_000 if box.low is None else int(box.low)
        high_n = 1_000_000 if box.high is None else int(box.high)
        return parse_integer(text, field=box.path, min_value=low_n, max_value=high_n, unit=box.unit)
    if box.kind == "choice":
        if text not in dict(box.choices):
            raise InvalidInput("Choose one of the list.", field=box.path)
        return text
    if box.kind == "numbers":
        return _numbers(box, text)
    if box.kind == "moment":
        return read_moment(text)
    if box.kind == "date":
        return parse_date(text, field=box.path).isoformat()
    if box.kind == "lines":
        return [line.strip() for line in text.split("\n") if line.strip()]
    return _kept(box, text) if box.kind == "kept" else text


def _kept(box: Box, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput("This cannot be read.", field=box.path) from error


def _empty(box: Box) -> Any:
    """What an empty box means: nothing, where that is allowed."""
    if box.kind == "choice" and "" in dict(box.choices):
        return ""
    if box.usual is not None:
        return box.usual
    if box.required:
        raise InvalidInput(f"{box.label} is missing.", code="required", field=box.path)
    if box.kind in ("kept", "lines", "numbers"):
        return []
    return "" if box.kind in ("text", "choice", "date") else None


def _several(box: Box, raw: Any) -> list[Any]:
    given = raw if isinstance(raw, list) else [raw] if raw else []
    known = [key for key, _ in box.choices]
    for item in given:
        if item not in known:
            raise InvalidInput("Choose from the list.", field=box.path)
    ordered = [key for key in known if key in given]
    if box.required and not ordered:
        raise InvalidInput(f"{box.label}: tick at least one.", code="required", field=box.path)
    return [int(key) for key in ordered] if all(key.isdigit() for key in known) else ordered


def _numbers(box: Box, text: str) -> list[int]:
    parts = [part for part in re.split(r"[,;\s]+", text) if part]
    if len(parts) > 100:
        raise InvalidInput("Enter at most 100 numbers.", field=box.path)
    return [parse_integer(part, field=box.path, min_value=-100_000, max_value=100_000) for part in parts]


def read_moment(text: str) -> dict[str, Any]:
    """`20 h`, `3 d`, `45 min`, `at once`, `20:30 same day`, `09:00 next day` as the JSON of a moment."""
    plain = " ".join(text.lower().split())
    if plain in ("at once", "0"):
        return {"elapsed_minutes": 0}
    elapsed = ELAPSED.fullmatch(plain)
    if elapsed:
        return {"elapsed_minutes": int(elapsed[1]) * MINUTES_OF[elapsed[2][0]]}
    clock = CLOCK.fullmatch(plain)
    if clock and int(clock[1]) < 24 and int(clock[2]) < 60:
        days = int(clock[4]) if clock[4] else 1 if clock[3] == "next day" else 0
        return {"days": days, "clock": f"{int(clock[1]):02d}:{clock[2]}"}
    raise InvalidInput(
        "Write it like 20 h, 3 d, 45 min, at once, 20:30 same day or 09:00 next day.", code="moment"
    )


def show_moment(value: Mapping[str, Any]) -> str:
    """The text that `read_moment` reads back as `value`."""
    if "clock" in value:
        days = value["days"]
        words = {0: "same day", 1: "next day"}.get(days, f"after {days} days")
        return f"{value['clock']} {words}"
    minutes = value["elapsed_minutes"]
    if minutes == 0:
        return "at once"
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0 and abs(minutes) >= size * (2 if unit == "d" else 1):
            return f"{minutes // size} {unit}"
    return f"{minutes} min"


def show(box: Box, value: Any) -> Any:
    """A value of the definition's JSON as it stands in its box."""
    if box.kind == "several":
        return [str(item) for item in value or ()]
    if box.kind == "yes":
        return "on" if value else ""
    if value is None:
        value = box.usual
    if value is None:
        return ""
    if box.kind == "numbers":
        return ", ".join(str(item) for item in value)
    if box.kind == "moment":
        return show_moment(value)
    if box.kind == "lines":
        return "\n".join(value)
    return json.dumps(value, ensure_ascii=False) if box.kind == "kept" else str(value)


def tidy(sheet: Mapping[str, Any]) -> Sheet:
    """Only what a sheet may hold: known boxes, rows with an id, storable text. Raises InvalidInput otherwise."""
    clean: Sheet = {path: _tidy_value(sheet.get(path, "")) for path in (NOTE.path, *boxes())}
    for path, rows in lists().items():
        given = sheet.get(path, [])
        if not isinstance(given, list):
            raise InvalidInput("must be a list", field=path)
        clean[path] = [_tidy_row(row, rows) for row in given[: MOST_ROWS + 1]]
        names = [row["id"] for row in clean[path]]
        if len(set(names)) < len(names):
            raise InvalidInput("has a row twice", field=path)
    if len(json.dumps(clean)) > LARGEST_SHEET:
        raise InvalidInput(
            "This is too long to keep. Nothing was saved; shorten the longest text.", code="too-long"
        )
    return clean


def _tidy_row(row: Any, rows: Rows) -> dict[str, Any]:
    if not isinstance(row, Mapping) or not ROW_ID.fullmatch(str(row.get("id", ""))):
        raise InvalidInput("has a row that cannot be read", field=rows.path)
    return {"id": str(row["id"])} | {box.name: _tidy_value(row.get(box.name, "")) for box in rows.boxes}


def _tidy_value(value: Any) -> Any:
    if isinstance(value, list):
        return [str(item)[:60] for item in value[:60] if isinstance(item, str)]
    if not isinstance(value, str):
        return ""
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))


def _at(data: Mapping[str, Any], path: str) -> Any:
    found: Any = data
    for part in path.split("."):
        if found is None:
            return None
        found = found.get(part)  # values added after versions were signed are left out while they are usual
    return found


def _holder(data: dict[str, Any], path: str) -> dict[str, Any]:
    for part in path.split(".")[:-1]:
        data = data.setdefault(part, {})
    return data
