"""What differs between two definitions, value by value. Pure module.

The approver of a revision sees exactly these lines beside the whole text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocols.definition import ProtocolDefinition
from protocols.definition_codec import dump

ABSENT = "not there"


@dataclass(frozen=True)
class Difference:
    """One value: where it stands ("Follow ups, integration 1, target"), and both readings."""

    where: str
    before: str
    after: str


def differences(before: ProtocolDefinition, after: ProtocolDefinition) -> tuple[Difference, ...]:
    """All differing values in the order of the new text, then what only the old one had. Empty when equal."""
    old, new = _flat(dump(before, whole=True)), _flat(dump(after, whole=True))
    keys = [*new, *(key for key in old if key not in new)]
    return tuple(
        Difference(_words(key), old.get(key, ABSENT), new.get(key, ABSENT))
        for key in keys
        if old.get(key) != new.get(key)
    )


def _flat(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    if isinstance(value, Mapping):
        return _merged(_flat(item, (*path, str(key))) for key, item in value.items())
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return _merged(_flat(item, (*path, _name(item, number))) for number, item in enumerate(value, 1))
    if isinstance(value, list):
        return {path: ", ".join(map(str, value)) or "none"}
    return {
        path: {True: "yes", False: "no", None: "none", "": "empty"}.get(value, str(value))
        if _is_word(value)
        else str(value)
    }


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, bool) or value == ""


def _merged(parts: Any) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for part in parts:
        found.update(part)
    return found


def _name(item: Any, number: int) -> str:
    """List members are known by their kind or name, so that one added in front does not change all others."""
    for key in ("kind", "name"):
        if isinstance(item, Mapping) and isinstance(item.get(key), str):
            return str(item[key])
    return str(number)


def _words(path: tuple[str, ...]) -> str:
    text = ", ".join(part.replace("_", " ") for part in path)
    return text[:1].upper() + text[1:]
