"""JSON form of a `ProtocolDefinition`: read, check, write, hash. Pure module.

Decimals travel as strings, tuples as lists, moments as `{"elapsed_minutes": n}` or `{"days": n, "clock": "HH:MM"}`.
`dump(load(x))` is canonical: the same definition always gives the same text, and so the same SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from protocols import definition as d
from protocols.definition_rules import check_definition
from staff.errors import InvalidInput

# Values added after versions were signed: left out while they say what the product did before there was a box for them,
# so that no signed text changes its hash.
LATER: dict[type, frozenset[str]] = {
    d.DoseRule: frozenset(
        {
            "titration_step_mg_per_kg", "titration_cap_mg_per_kg", "rate_titration", "low_dose_reason",
            "short_infusion_reason", "route_reason",
        }
    ),
    d.SeriesPhase: frozenset({"long_gap_max_hours", "maintenance"}),
    d.FollowUpRule: frozenset(
        {
            "email_text", "sms_text", "redosed", "tail_gap_hours", "close_redose_hours", "close_latest_hours",
            "merge_within_hours", "expiry",
        }
    ),
    d.Bases: frozenset(item.name for item in fields(d.Bases)),
    d.ProtocolDefinition: frozenset(
        {
            "outcomes", "reviews", "bases", "sources_read_on", "review_by", "fasting_food_hours",
            "fasting_drink_hours", "eligibility", "eligibility_valid_days", "preparation_minutes",
            "most_treatments_in_life", "most_treatments_in_year", "most_mg_in_life", "escalation",
        }
    ),
    d.ClearanceRule: frozenset({"unmodelled_hours"}),
    d.VitalsLimits: frozenset({"max_pause_minutes"}),
    d.DischargeRule: frozenset({"sedative_observe_minutes"}),
}  # fmt: skip


def dump(value: Any, *, whole: bool = False) -> Any:
    """JSON-shaped copy of a definition or any part of it. `whole`: also what `LATER` leaves out, to compare."""
    if isinstance(value, d.Elapsed):
        return {"elapsed_minutes": value.minutes}
    if isinstance(value, d.LocalClock):
        return {"days": value.days, "clock": f"{value.hour:02d}:{value.minute:02d}"}
    if is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: dump(getattr(value, item.name), whole=whole)
            for item in fields(value)
            if whole
            or item.name not in LATER.get(type(value), ())
            or getattr(value, item.name) != _usual(item)
        }
    if isinstance(value, tuple):
        return [dump(item, whole=whole) for item in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    return value


def _usual(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def load(data: Mapping[str, Any]) -> d.ProtocolDefinition:
    """Read a whole definition and check its rules. Raises InvalidInput naming the field; unknown keys are refused."""
    result = read_structure(data)
    check_definition(result)
    return result


def read_structure(data: Mapping[str, Any]) -> d.ProtocolDefinition:
    """Read a whole definition without its rules: for those who want all broken rules, not the first."""
    result: d.ProtocolDefinition = _read(d.ProtocolDefinition, data, "definition")
    return result


def canonical_text(definition: d.ProtocolDefinition) -> str:
    """The one text of a definition: sorted keys, no spaces, UTF-8. Equal definitions give equal text."""
    return json.dumps(dump(definition), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(definition: d.ProtocolDefinition) -> str:
    """SHA-256 (hex) of the canonical text: what approvers sign and series are pinned to."""
    return hashlib.sha256(canonical_text(definition).encode()).hexdigest()


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, vars(d))


def _read(kind: Any, value: Any, path: str) -> Any:
    origin = typing.get_origin(kind)
    if kind == d.Moment:
        return _read_moment(value, path)
    if origin is typing.Literal:
        return _one_of(typing.get_args(kind), value, path)
    if origin in (typing.Union, types.UnionType):
        inner = [item for item in typing.get_args(kind) if item is not type(None)]
        return None if value is None else _read(inner[0], value, path)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise InvalidInput("must be a list", field=path)
        return tuple(_read(typing.get_args(kind)[0], item, f"{path}.{n}") for n, item in enumerate(value))
    if is_dataclass(kind):
        return _read_record(kind, value, path)
    return _read_scalar(kind, value, path)


def _read_record(kind: Any, value: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        raise InvalidInput("must be an object", field=path)
    known = {item.name: item for item in fields(kind)}
    for key in value:
        if key not in known:
            raise InvalidInput("is not known", field=f"{path}.{key}")
    given: dict[str, Any] = {}
    for name, item in known.items():
        if name in value:
            given[name] = _read(_hints(kind)[name], value[name], f"{path}.{name}")
        elif item.default is MISSING and item.default_factory is MISSING:
            raise InvalidInput("is missing", field=f"{path}.{name}")
    return kind(**given)


def _read_moment(value: Any, path: str) -> d.Moment:
    if isinstance(value, Mapping) and set(value) == {"elapsed_minutes"}:
        return d.Elapsed(_read_scalar(int, value["elapsed_minutes"], f"{path}.elapsed_minutes"))
    if isinstance(value, Mapping) and set(value) == {"days", "clock"}:
        hour, minute = read_clock(value["clock"], f"{path}.clock")
        return d.LocalClock(_read_scalar(int, value["days"], f"{path}.days"), hour, minute)
    raise InvalidInput("must be elapsed_minutes, or days with a clock time", field=path)


def read_clock(value: Any, path: str) -> tuple[int, int]:
    """'HH:MM' -> (hour, minute), ASCII digits only."""
    if isinstance(value, str) and len(value) == 5 and value[2] == ":" and value.isascii():
        hours, minutes = value[:2], value[3:]
        if hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60:
            return int(hours), int(minutes)
    raise InvalidInput("must be a clock time such as 20:30", field=path)


def _one_of(allowed: tuple[Any, ...], value: Any, path: str) -> Any:
    if value not in allowed:
        raise InvalidInput(f"must be one of {', '.join(map(str, allowed))}", field=path)
    return value


def _read_scalar(kind: Any, value: Any, path: str) -> Any:
    if kind is Decimal:
        return _read_decimal(value, path)
    if kind is bool:
        if not isinstance(value, bool):
            raise InvalidInput("must be true or false", field=path)
        return value
    if kind is int:
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 1_000_000:
            raise InvalidInput("must be a whole number", field=path)
        return value
    if not isinstance(value, str) or "\x00" in value or len(value) > 20_000:
        raise InvalidInput("must be text of at most 20 000 characters", field=path)
    return value


def _read_decimal(value: Any, path: str) -> Decimal:
    text = value if isinstance(value, str) else "" if isinstance(value, (bool, float)) else str(value)
    plain = text.isascii() and text.replace(".", "", 1).isdigit() and len(text) <= 12
    try:
        number = Decimal(text) if plain else None
    except InvalidOperation:
        number = None
    if number is None:
        raise InvalidInput('must be a plain decimal as text, such as "0.5"', field=path)
    return number
