"""The editor's boxes as a form that the project's field templates draw. `read_sheet` judges them; this only draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.forms.utils import ErrorDict, ErrorList
from django.http import QueryDict

from protocols.sheet import Sheet
from protocols.sheet_boxes import NOTE, Box, Rows, boxes, lists, sections
from staff.form_fields import Checkboxes, TextArea, UnitInput
from staff.forms import ClinicalForm

NUMBERS = ("decimal", "integer")


@dataclass
class Fold:
    """Boxes that most authors leave as they are: closed, unless something in them is wrong or was written."""

    title: str
    lines: list[list[Any]]
    open: bool = False


@dataclass
class DrawnRow:
    """One record of a list: its name in the form, what heads it, its fields in lines, and whether it stands open."""

    id: str
    heading: str
    lines: list[list[Any]]
    hidden: list[Any]
    head_id: str
    folds: list[Fold] = field(default_factory=list)
    open: bool = False


@dataclass
class DrawnList:
    """A list of records."""

    rows: Rows
    drawn: list[DrawnRow]
    error: str = ""


@dataclass
class DrawnSection:
    """A card: lines of fields and lists, in order; `wrong` counts the faults in it."""

    code: str
    title: str
    about: str
    parts: list[dict[str, Any]] = field(default_factory=list)


class SheetForm(ClinicalForm):
    """Every box of a sheet as a bound field, with the faults found by `read_sheet` beside it."""

    use_required_attribute = False

    def __init__(self, sheet: Mapping[str, Any], errors: Mapping[str, str]) -> None:
        self.sheet, self.found = sheet, dict(errors)
        flat: dict[str, Any] = {}
        wanted: dict[str, forms.Field] = {}
        for path, box in {NOTE.path: NOTE, **boxes()}.items():
            wanted[path], flat[path] = _field(box), sheet.get(path, "")
        for path, rows in lists().items():
            for row in sheet.get(path, []):
                for box in rows.boxes:
                    name = f"{path}.{row['id']}.{box.name}"
                    wanted[name], flat[name] = _field(box), row.get(box.name, "")
        super().__init__(flat)
        self.fields |= wanted

    def full_clean(self) -> None:
        """The faults as they were found; nothing is read again."""
        self._errors = ErrorDict()
        self.cleaned_data = {}
        for name, words in self.found.items():
            self._errors[name if name in self.fields else "__all__"] = ErrorList([words])

    def drawn(self, opened: str = "") -> list[DrawnSection]:
        """The form in workflow order. `opened`: the row that a person is working on."""
        found = []
        for section in sections():
            shown = DrawnSection(section.code, section.title, section.about)
            line: list[Any] = []
            plain = [item for item in section.items if isinstance(item, Rows) or not item.folded]
            for item in plain:
                if isinstance(item, Rows) or item.kind not in NUMBERS:
                    line = _put(shown, line)
                if isinstance(item, Rows):
                    shown.parts.append({"list": self._list(item, opened)})
                elif item.kind in NUMBERS:
                    line.append(self[item.path])
                else:
                    usual = "usual:checks" if item.path == "preinfusion_checks" else ""
                    shown.parts.append({"line": [self[item.path]], "usual": usual})
            _put(shown, line)
            folded = [item for item in section.items if isinstance(item, Box) and item.folded]
            shown.parts += [{"fold": fold} for fold in self._folds(folded, "", self.sheet)]
            found.append(shown)
        return found

    def _folds(self, wanted: list[Box], prefix: str, values: Mapping[str, Any]) -> list[Fold]:
        """`values`: of the sheet by path, or of one row by name when there is a prefix."""
        folds: dict[str, Fold] = {}
        for box in wanted:
            fold = folds.setdefault(box.folded, Fold(box.folded, []))
            name = f"{prefix}.{box.name}" if prefix else box.path
            pair = fold.lines[-1] if fold.lines and _goes_beside(box, fold.lines[-1]) else None
            if pair is None:
                fold.lines.append([self[name]])
            else:
                pair.append(self[name])
            said = values.get(box.name if prefix else box.path, "")
            usual = "" if box.usual is None else str(box.usual)
            fold.open = fold.open or name in self.found or said not in ("", usual)
        return list(folds.values())

    def _list(self, rows: Rows, opened: str) -> DrawnList:
        drawn = []
        for row in self.sheet.get(rows.path, []):
            prefix = f"{rows.path}.{row['id']}"
            wrong = any(name.startswith(f"{prefix}.") for name in self.found)
            visible = [box for box in rows.boxes if not box.hidden and not box.folded]
            drawn.append(
                DrawnRow(
                    id=row["id"],
                    heading=heading(rows, row),
                    lines=[[self[f"{prefix}.{box.name}"] for box in line] for line in _lines(visible)],
                    hidden=[self[f"{prefix}.{box.name}"] for box in rows.boxes if box.hidden],
                    head_id=f"id_{prefix}.{rows.head}",
                    folds=self._folds([box for box in rows.boxes if box.folded], prefix, row),
                    open=wrong or opened == prefix or len(self.sheet.get(rows.path, [])) <= 2,
                )
            )
        return DrawnList(rows, drawn, self.found.get(rows.path, ""))


def _goes_beside(box: Box, line: list[Any]) -> bool:
    """A source stands beside its grade, hours stand beside hours."""
    before = line[0].name
    if box.name == "source":
        return len(line) == 1 and before == f"{box.path.rpartition('.')[0]}.grade"
    hours = before.endswith("_hours")
    return box.kind == "integer" and hours


def _put(section: DrawnSection, line: list[Any]) -> list[Any]:
    if line:
        section.parts.append({"line": line})
    return []


def _lines(wanted: list[Box]) -> list[list[Box]]:
    """Short boxes side by side, long ones alone."""
    found: list[list[Box]] = []
    for box in wanted:
        short = box.kind in (*NUMBERS, "moment")
        if short and found and found[-1][0].kind in (*NUMBERS, "moment"):
            found[-1].append(box)
        else:
            found.append([box])
    return found


def heading(rows: Rows, row: Mapping[str, Any]) -> str:
    """What a closed row says: its head, and what most people look for."""
    box = next(item for item in rows.boxes if item.name == rows.head)
    raw = str(row.get(rows.head, ""))
    return dict(box.choices).get(raw, raw).strip() or f"New {rows.one}"


def read_post(posted: QueryDict) -> Sheet:
    """The sheet that a form sent, rows in the order in which they were sent. Unknown names are ignored."""
    sheet: Sheet = {path: _value(box, posted, path) for path, box in {NOTE.path: NOTE, **boxes()}.items()}
    for path, rows in lists().items():
        sheet[path] = [
            {"id": row} | {box.name: _value(box, posted, f"{path}.{row}.{box.name}") for box in rows.boxes}
            for row in dict.fromkeys(posted.getlist(f"{path}.row"))
        ]
    return sheet


def _value(box: Box, posted: QueryDict, name: str) -> Any:
    if box.kind == "several":
        return posted.getlist(name)
    return (
        "on" if box.kind == "yes" and posted.get(name) else "" if box.kind == "yes" else posted.get(name, "")
    )


def _field(box: Box) -> forms.Field:
    return forms.Field(
        label=f"{box.label}, in {box.unit}" if box.unit else box.label,
        help_text=box.hint,
        required=box.required,
        widget=_widget(box),
    )


def _widget(box: Box) -> forms.Widget:
    if box.hidden:
        return forms.HiddenInput()
    if box.kind == "several":
        return Checkboxes(choices=box.choices)
    if box.kind == "yes":
        return forms.CheckboxInput()
    if box.kind == "choice":
        blank = () if "" in dict(box.choices) else (("", "Choose"),)
        return forms.Select(choices=(*blank, *box.choices))
    if box.kind == "date":
        return forms.DateInput(attrs={"type": "date", "class": "width-date"})
    if box.kind in NUMBERS and box.unit:
        return UnitInput(box.unit, "decimal" if box.kind == "decimal" else "numeric", 5)
    if box.lines:
        return TextArea(box.lines)
    width = {"integer": "width-4", "moment": "width-12"}.get(box.kind, "")
    if box.longest <= 5:
        width = "width-4"
    return forms.TextInput(attrs={"autocomplete": "off", **({"class": width} if width else {})})
