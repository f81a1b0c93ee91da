"""What the services of this app do alike with named values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from staff.errors import InvalidInput
from staff.strict import parse_text


def cleaned(
    values: Mapping[str, Any], allowed: Collection[str], clean_one: Callable[[str, Any], Any]
) -> dict[str, Any]:
    """Each value as it will be stored. Raises InvalidInput at a name that is not `allowed`."""
    unknown = set(values) - set(allowed)
    if unknown:
        raise InvalidInput("This field cannot be changed here.", field=min(unknown))
    return {name: clean_one(name, value) for name, value in values.items()}


def one_line(name: str, value: Any, label: str, longest: int, *, needed: bool) -> str:
    """A text on one line with single spaces. Raises InvalidInput at `name`."""
    text = " ".join(parse_text(value, field=name, max_length=longest, single_line=True).split())
    if needed and not text:
        raise InvalidInput(f"{label} is missing.", code="required", field=name)
    return text
