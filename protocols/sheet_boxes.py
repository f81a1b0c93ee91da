"""The boxes of the protocol editor: one per value of a definition, with its words, unit and kind. Pure module.

Which boxes exist follows from the dataclasses of `protocols/definition.py`, so a value that is added there has a box
here at once; `sheet_words.py` gives it a better label, `PLACES` a better place.
Paths are dotted from the definition ("dose.mg_per_kg"); boxes of a list of records are named by their record
("follow_ups.target").
"""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, dataclass, fields, is_dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from protocols import definition as d
from protocols.sheet_words import WORDS

Kind = Literal[
    "text", "decimal", "integer", "yes", "choice", "several", "numbers", "lines", "moment", "date", "kept"
]
MOST_ROWS = 30


@dataclass(frozen=True)
class Box:
    """One box. `path` names the value; `low` and `high` are inclusive hard limits shown in the refusal.

    `usual`: what an empty box means. `folded`: boxes of one such name stand together, closed until they are wanted.
    """

    path: str
    kind: Kind
    label: str
    unit: str = ""
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    lines: int = 0
    longest: int = 300
    required: bool = True
    low: int | Decimal | None = None
    high: int | Decimal | None = None
    hidden: bool = False
    usual: int | str | None = None
    folded: str = ""

    @property
    def name(self) -> str:
        """The last part of the path: the name of the value in its record."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True)
class Rows:
    """A list of records: its boxes, what one of them is called, and the value that heads a row."""

    path: str
    label: str
    one: str
    head: str
    boxes: tuple[Box, ...]
    usual: str = ""


@dataclass(frozen=True)
class Section:
    """One card of the form: boxes and lists in the order of the work."""

    code: str
    title: str
    about: str
    items: tuple[Box | Rows, ...]


# code, title, about, paths in order; a path ending in ".*" takes what is left of that record
PLACES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("about", "What it is for", "", (
        "title", "indication", "minimum_age_years", "source", "evidence", "sources_read_on", "review_by",
    )),
    ("dose", "Dose rule", "", (
        "dose.mg_per_kg", "dose.infusion_minutes", "dose.ceiling_mg", "dose.rounding_mg", "dose.route", "dose.*",
        "bases.dose.*", "bases.route.*", "bases.duration.*",
    )),
    ("series", "Series", "Hours between the starts of two infusions. The calendar shows the outcome.", (
        "phases", "reviews.after_infusions", "reviews.every_maintenance", "reviews.at_end", "bases.series.*",
        "bases.reviews.*",
    )),
    ("before", "Before the infusion", "", (
        "eligibility", "eligibility_valid_days", "preparation_minutes", "preinfusion_checks", "fasting_food_hours",
        "fasting_drink_hours",
        "most_treatments_in_year", "most_treatments_in_life", "most_mg_in_life",
        "limits.block_systolic", "limits.block_diastolic", "bases.consent.*",
    )),
    ("during", "During the infusion", "", (
        "staffing", "chair_minutes", "turnover_minutes", "vitals_minutes", "limits.pause_systolic",
        "limits.pause_diastolic", "limits.pause_heart_rate", "limits.pause_spo2", "limits.stop_systolic",
        "limits.stop_diastolic", "limits.stop_spo2", "limits.*", "bases.limits.*",
    )),
    ("leaving", "Ready to leave", "", (
        "discharge.observe_from_start_minutes", "discharge.observe_from_stop_minutes", "discharge.criteria",
        "discharge.*", "bases.observation.*", "bases.discharge.*",
    )),
    ("cleared", "Drug cleared (estimate)", "Therapy waits for this and for the sign-off, the later of the two.", (
        "clearance.*", "bases.clearance.*",
    )),
    ("window", "Window after the infusion", "Counted from the end of the no-therapy period.", (
        "window.*", "bases.window.*",
    )),
    ("escalation", "Not booked, not signed", "Who hears of it, and when.", (
        "escalation.*", "bases.escalation.*",
    )),
    ("after", "Follow-ups", "Safety follow-ups hang on the pump stop and go out signed or not. Therapy waits.", (
        "therapy_minutes", "weekly_session_cap", "follow_ups", "outcomes", "bases.outcomes.*",
    )),
)  # fmt: skip

# Beside the definition: what the approver of a revision reads first.
NOTE = Box("change_note", "text", "What changed, and why", lines=3, longest=500, required=False)


@cache
def hints(kind: type) -> dict[str, Any]:
    """Resolved types of a record's values."""
    return typing.get_type_hints(kind, vars(d))


@cache
def all_boxes() -> dict[str, Box | Rows]:
    """Every box and list of the definition by path, in the order of the dataclasses."""
    return dict(_walk(d.ProtocolDefinition, ""))


@cache
def sections() -> tuple[Section, ...]:
    """The form: sections in workflow order; what no section names stands in its record's section or the last."""
    known, used = all_boxes(), set[str]()
    explicit = {path for *_, paths in PLACES for path in paths}
    found = []
    for code, title, about, paths in PLACES:
        items = []
        for path in paths:
            group = path.removesuffix("*")
            names = [path] if not path.endswith(".*") else [
                key for key in known if key.startswith(group) and key not in explicit and key not in used
            ]  # fmt: skip
            items += [known[name] for name in names if name in known]
            used |= set(names)
        found.append(Section(code, title, about, tuple(items)))
    rest = tuple(item for path, item in known.items() if path not in used)
    return (*found, Section("further", "Further values", "", rest)) if rest else tuple(found)


def boxes() -> dict[str, Box]:
    """Boxes outside lists, by path."""
    return {path: item for path, item in all_boxes().items() if isinstance(item, Box)}


def lists() -> dict[str, Rows]:
    """Lists of records, by path."""
    return {path: item for path, item in all_boxes().items() if isinstance(item, Rows)}


def _walk(kind: type, prefix: str) -> list[tuple[str, Box | Rows]]:
    found: list[tuple[str, Box | Rows]] = []
    for item in fields(kind):
        path, hint = f"{prefix}{item.name}", hints(kind)[item.name]
        record = _record_of(hint)
        if is_dataclass(hint) and hint not in (d.Elapsed, d.LocalClock):
            found += _walk(typing.cast("type", hint), f"{path}.")
        elif record is not None:
            boxes_of_row = tuple(typing.cast("Box", box) for _, box in _walk(record, f"{path}."))
            words = {"label": _plain(item.name), "one": "row", "head": fields(record)[0].name} | WORDS.get(
                path, {}
            )
            found.append((path, Rows(path=path, boxes=boxes_of_row, **words)))
        else:
            optional = item.default is not MISSING and item.default in ("", None)
            found.append((path, _box(path, item.name, hint, required=not optional)))
    return found


def _record_of(hint: Any) -> type | None:
    if typing.get_origin(hint) is tuple and is_dataclass(typing.get_args(hint)[0]):
        return typing.cast("type", typing.get_args(hint)[0])
    return None


def _box(path: str, name: str, hint: Any, *, required: bool) -> Box:
    kind = WORDS.get(path, {}).get("kind", _kind(hint))
    given: dict[str, Any] = {"kind": kind, "label": _plain(name), "required": required}
    if kind == "lines":
        given |= {"hint": "One on each line.", "lines": 4, "longest": 2000, "required": False}
    if typing.get_origin(hint) is Literal:
        given["choices"] = tuple((str(item), _plain(str(item))) for item in typing.get_args(hint))
    return Box(path=path, **(given | WORDS.get(path, {})))


def _kind(hint: Any) -> Kind:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint == d.Moment:
        return "moment"
    if origin is Literal:
        return "choice"
    if origin in (typing.Union, types.UnionType):
        return _kind(next(item for item in parts if item is not type(None)))
    if origin is tuple:
        return "numbers" if parts[0] is int else "lines" if parts[0] is str else "kept"
    simple: dict[Any, Kind] = {Decimal: "decimal", int: "integer", bool: "yes", str: "text"}
    return simple.get(hint, "kept")


def _plain(name: str) -> str:
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]
