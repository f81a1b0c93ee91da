"""A protocol text as a file: versioned JSON that comes back byte for byte, and its published JSON Schema. Pure module.

The file holds the definition and its documents, not names of a clinic or its people. `read_file(write_file(t))` is `t`,
and `write_file(read_file(f))` is `f` for every file written here.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from decimal import Decimal
from typing import Any

from protocols import definition as d
from protocols.definition import ProtocolDefinition
from protocols.definition_codec import digest, dump, load
from staff.errors import InvalidInput
from staff.strict import load_json, parse_text

FORMAT, FORMAT_VERSION = "clearwindow-protocol", 1
SCHEMA_ID = "urn:clearwindow:protocol:1"
KINDS, CHANGES = ("consent", "education"), ("material", "notice")
LONGEST_BODY, LONGEST_TITLE = 40_000, 160


@dataclass(frozen=True)
class Leaflet:
    """One document of a file."""

    kind: str
    title: str
    body: str
    change: str


@dataclass(frozen=True)
class ProtocolFile:
    """What a file says; documents in the order of KINDS."""

    definition: ProtocolDefinition
    documents: tuple[Leaflet, ...]


def write_file(content: ProtocolFile) -> str:
    """The one text of this content: sorted keys, two spaces, a new line at the end."""
    data = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "sha256": digest(content.definition),
        "definition": dump(content.definition),
        "documents": [
            vars(item) for item in sorted(content.documents, key=lambda item: KINDS.index(item.kind))
        ],
    }
    return json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def read_file(raw: bytes) -> ProtocolFile:
    """A file from outside, read strictly. Raises InvalidInput naming what is wrong and where."""
    data = load_json(raw)
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise InvalidInput(f'This is not a protocol file: "format" must be "{FORMAT}".', field="file")
    if data.get("format_version") != FORMAT_VERSION:
        raise InvalidInput(f"Only format_version {FORMAT_VERSION} can be read.", field="file")
    unknown = sorted(set(data) - {"format", "format_version", "sha256", "definition", "documents"})
    if unknown:
        raise InvalidInput(f'"{unknown[0][:40]}" is not part of a protocol file.', field="file")
    if not isinstance(data.get("definition"), Mapping):
        raise InvalidInput('The file has no "definition".', field="file")
    try:
        definition = load(data["definition"])
    except InvalidInput as refusal:
        raise InvalidInput(
            f"{refusal.field}: {refusal.message}", code=refusal.code, field="file"
        ) from refusal
    if data.get("sha256") != digest(definition):
        raise InvalidInput(
            "The fingerprint does not belong to this text: the file was changed on the way.",
            code="other-text",
            field="file",
        )
    return ProtocolFile(definition, _documents(data.get("documents")))


def _documents(value: Any) -> tuple[Leaflet, ...]:
    if not isinstance(value, list) or len(value) > len(KINDS):
        raise InvalidInput('"documents" must be a list of consent and education.', field="file")
    found: dict[str, Leaflet] = {}
    for item in value:
        if not isinstance(item, Mapping) or set(item) != {"kind", "title", "body", "change"}:
            raise InvalidInput("A document needs kind, title, body and change.", field="file")
        if item["kind"] not in KINDS or item["change"] not in CHANGES or item["kind"] in found:
            raise InvalidInput("A document's kind or change is not known, or comes twice.", field="file")
        title = parse_text(item["title"], field="file", max_length=LONGEST_TITLE, single_line=True)
        body = parse_text(item["body"], field="file", max_length=LONGEST_BODY)
        if not title or not body:
            raise InvalidInput("A document needs a title and a text.", field="file")
        found[item["kind"]] = Leaflet(item["kind"], title, body, item["change"])
    return tuple(found[kind] for kind in KINDS if kind in found)


# --- JSON Schema (draft 2020-12) ----------------------------------------------------------------------------------

DECIMAL = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$", "maxLength": 12}
MOMENT = {
    "oneOf": [
        {
            "type": "object", "required": ["elapsed_minutes"], "additionalProperties": False,
            "properties": {"elapsed_minutes": {"type": "integer"}},
        },
        {
            "type": "object", "required": ["days", "clock"], "additionalProperties": False,
            "properties": {
                "days": {"type": "integer"},
                "clock": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
            },
        },
    ]
}  # fmt: skip


def json_schema() -> dict[str, Any]:
    """The schema of a protocol file, from the dataclasses themselves; rules between values are not part of it."""
    leaflet = {
        "type": "object",
        "required": ["kind", "title", "body", "change"],
        "additionalProperties": False,
        "properties": {
            "kind": {"enum": list(KINDS)},
            "title": {"type": "string", "minLength": 1, "maxLength": LONGEST_TITLE},
            "body": {"type": "string", "minLength": 1, "maxLength": LONGEST_BODY},
            "change": {"enum": list(CHANGES)},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Clearwindow protocol file",
        "type": "object",
        "required": ["format", "format_version", "sha256", "definition", "documents"],
        "additionalProperties": False,
        "properties": {
            "format": {"const": FORMAT},
            "format_version": {"const": FORMAT_VERSION},
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "definition": {"$ref": "#/$defs/ProtocolDefinition"},
            "documents": {"type": "array", "maxItems": len(KINDS), "items": leaflet},
        },
        "$defs": {"Moment": MOMENT} | _records(ProtocolDefinition),
    }


def _records(kind: Any) -> dict[str, Any]:
    """The schema of a record and of every record inside it, by name."""
    hints = typing.get_type_hints(kind, vars(d))
    own: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for item in fields(kind):
        own[item.name] = _value(hints[item.name], found)
    found[kind.__name__] = {
        "type": "object",
        "description": (kind.__doc__ or "").split("\n")[0],
        "required": [i.name for i in fields(kind) if i.default is MISSING and i.default_factory is MISSING],
        "additionalProperties": False,
        "properties": own,
    }
    return found


def _value(hint: Any, found: dict[str, Any]) -> dict[str, Any]:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint == d.Moment:
        return {"$ref": "#/$defs/Moment"}
    if origin is typing.Literal:
        return {"enum": list(parts)}
    if origin in (typing.Union, types.UnionType):
        inner = next(item for item in parts if item is not type(None))
        return {"anyOf": [_value(inner, found), {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _value(parts[0], found)}
    if is_dataclass(hint):
        found.update(_records(hint))
        return {"$ref": f"#/$defs/{typing.cast('type', hint).__name__}"}
    simple: dict[Any, dict[str, Any]] = {
        Decimal: DECIMAL, int: {"type": "integer"}, bool: {"type": "boolean"},
        str: {"type": "string", "maxLength": 20_000},
    }  # fmt: skip
    return dict(simple[hint])
