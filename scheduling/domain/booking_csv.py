"""Reading a spreadsheet of patients and future infusion visits. Pure module: bytes in, rows and problems out.

One row per infusion visit, or one row for a patient who has none yet. The first row names the columns, in any order;
the patient's columns may be repeated in each of the patient's rows and must then agree. Everything is read strictly
(staff.strict): a time is a wall clock of the site ("2026-12-04 09:00") or carries its offset, and a wall clock that the
clocks skip or show twice is refused. A cell that a spreadsheet would run as a formula is refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from staff.errors import InvalidInput
from staff.strict import (
    parse_date,
    parse_decimal,
    parse_instant,
    parse_integer,
    parse_local_datetime,
    parse_text,
)

LARGEST = 2 * 1024 * 1024  # bytes
MOST_ROWS = 5000
MOST_PROBLEMS = 200
MOST_BEFORE = 2000
PERSON = ("mrn", "family_name", "given_name", "birth_date", "sex")
PERSON_MORE = ("height_cm", "language", "time_zone", "jurisdiction", "other_person")
VISIT = ("protocol", "weight_kg", "infusion", "start")
VISIT_MORE = ("chair", "nurse", "prescriber")
BEFORE = ("given_before", "last_given_on")
COLUMNS = (*PERSON, *PERSON_MORE, *BEFORE, *VISIT, *VISIT_MORE)
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong where: row counts from 1 with the header as row 1, as a spreadsheet shows it; column may be ''."""

    row: int
    column: str
    message: str


@dataclass(frozen=True)
class VisitRow:
    """One infusion visit as somebody wrote it; names of chair and people are theirs, '' = any that is free."""

    row: int
    protocol: str
    weight_kg: Decimal
    infusion: int
    start: datetime
    chair: str
    nurse: str
    prescriber: str


@dataclass
class PersonRows:
    """One patient with their visits, in the order of the infusions. `row`: the first row that names them;
    `given_before` infusions before this file, the last of them on `last_given_on`.
    """

    row: int
    mrn: str
    values: Mapping[str, object]
    other_person: bool
    given_before: int = 0
    last_given_on: date | None = None
    visits: list[VisitRow] = field(default_factory=list)


@dataclass(frozen=True)
class Sheet:
    """A whole file: patients in order of first appearance, and what could not be read."""

    rows: int
    people: tuple[PersonRows, ...]
    problems: tuple[Problem, ...]


def read_sheet(raw: bytes, zone: ZoneInfo, *, most_rows: int = MOST_ROWS) -> Sheet:
    """The patients and visits of a CSV file (UTF-8, with or without a byte order mark; comma, semicolon or tab).

    A patient with a problem in any row is left out of `people`. Raises InvalidInput when the file as a whole cannot be
    read: too large, too many rows, not UTF-8, no header.
    """
    text = _decoded(raw)
    records = _records(text)
    header = _header(next(records, []))
    people: dict[str, PersonRows] = {}
    problems: list[Problem] = []
    broken: set[str] = set()
    count = 0
    for number, cells in enumerate(records, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        count += 1
        if count > most_rows:
            words = f"The file has more than {most_rows} rows. Split it, and import one part after the other."
            raise InvalidInput(words, code="too-many-rows", field="file")
        found = _read_row(number, cells, header, zone, people)
        if found:
            problems += found
            broken.add(_mrn(cells, header))
    kept = tuple(item for key, item in people.items() if key not in broken)
    return Sheet(count, tuple(map(_in_order, kept)), tuple(sorted(problems)))


def _in_order(person: PersonRows) -> PersonRows:
    person.visits.sort(key=lambda item: item.infusion)
    return person


def _decoded(raw: bytes) -> str:
    if len(raw) > LARGEST:
        raise InvalidInput("The file is larger than 2 MB. Split it.", code="body-too-large", field="file")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InvalidInput(
            "This is UTF-16. Save it as “CSV UTF-8” and try again.", code="not-utf-8", field="file"
        )
    if raw[:2] == b"PK" or b"\0" in raw[:4096]:
        raise InvalidInput(
            "This is no CSV file. In the spreadsheet choose Save as, CSV UTF-8.", code="not-csv", field="file"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        words = f"Line {line} is not UTF-8. Save the file as “CSV UTF-8” and try again."
        raise InvalidInput(words, code="not-utf-8", field="file") from error


def _records(text: str) -> Iterator[list[str]]:
    """The records of the file, split by whatever separates most columns of the first line."""
    first = text.splitlines()[0] if text.strip() else ""
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        words = f"Line {reader.line_num} cannot be read as CSV: a quotation mark may be missing."
        raise InvalidInput(words, code="not-csv", field="file") from error


def _header(cells: list[str]) -> dict[str, int]:
    names = ["_".join(cell.strip().lower().split()) for cell in cells]
    if not any(names):
        raise InvalidInput(
            f"The first row must name the columns: {', '.join(COLUMNS)}.", code="no-header", field="file"
        )
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        words = f"Row 1: the column “{unknown[0][:40]}” is not known. Known are {', '.join(COLUMNS)}."
        raise InvalidInput(words, code="unknown-column", field="file")
    double = [name for name in names if names.count(name) > 1]
    if double:
        raise InvalidInput(f"Row 1 names the column {double[0]} twice.", code="double-column", field="file")
    missing = [name for name in PERSON if name not in names]
    if missing:
        raise InvalidInput(f"Row 1 lacks the column {missing[0]}.", code="missing-column", field="file")
    return {name: index for index, name in enumerate(names)}


def _cell(cells: list[str], header: Mapping[str, int], name: str) -> str:
    index = header.get(name)
    return cells[index].strip() if index is not None and index < len(cells) else ""


def _mrn(cells: list[str], header: Mapping[str, int]) -> str:
    return _cell(cells, header, "mrn").casefold()


def _read_row(
    number: int, cells: list[str], header: Mapping[str, int], zone: ZoneInfo, people: dict[str, PersonRows]
) -> list[Problem]:
    """Add the row to `people`; what is wrong with it comes back."""
    if len(cells) > len(header):
        words = f"This row has {len(cells)} cells, the header {len(header)}. Put text with commas in quotation marks."
        return [Problem(number, "", words)]
    row = {name: _cell(cells, header, name) for name in COLUMNS}
    problems = [
        Problem(number, name, "This looks like a formula. Paste values only.")
        for name, value in row.items()
        if value[:1] in ("=", "@", "+") or (value[:1] == "-" and not value[1:2].isdigit())
    ]
    if problems:
        return problems
    person, problems = _person(number, row)
    known = people.get(row["mrn"].casefold())
    if person is not None and known is not None:
        problems += _disagreements(number, known, person)
    visit, more = _visit(number, row, zone)
    problems += more
    if known is not None and visit is not None:
        problems += _double(number, known, visit)
    if known is not None and visit is None and not more:
        problems.append(Problem(number, "mrn", f"This record number is on row {known.row} already."))
    if person is not None and not problems:
        kept = people.setdefault(row["mrn"].casefold(), person)
        kept.visits += [visit] if visit else []
    return problems


def _person(number: int, row: Mapping[str, str]) -> tuple[PersonRows | None, list[Problem]]:
    problems: list[Problem] = []
    values: dict[str, object] = {}
    for name in ("mrn", "family_name", "given_name"):
        if not row[name]:
            problems.append(Problem(number, name, "This is missing."))
        else:
            _try(
                problems,
                number,
                name,
                values,
                lambda name=name: parse_text(row[name], field=name, max_length=80, single_line=True),
            )
    _try(problems, number, "birth_date", values, lambda: parse_date(row["birth_date"], field="birth_date"))
    sex = {"f": "F", "female": "F", "m": "M", "male": "M"}.get(row["sex"].lower())
    if sex is None:
        problems.append(Problem(number, "sex", "Write F or M, as on the chart."))
    values["sex"] = sex
    if row["height_cm"]:
        _try(
            problems,
            number,
            "height_cm",
            values,
            lambda: parse_decimal(row["height_cm"], field="height_cm", max_places=1),
        )
    for name in ("language", "time_zone", "jurisdiction"):
        if row[name]:
            values[name] = row[name]
    if row["other_person"].lower() not in ("", "yes", "no"):
        problems.append(Problem(number, "other_person", "Write yes, no, or nothing."))
    before: dict[str, object] = {}
    if row["given_before"]:
        _try(
            problems,
            number,
            "given_before",
            before,
            lambda: parse_integer(
                row["given_before"], field="given_before", min_value=0, max_value=MOST_BEFORE
            ),
        )
    if row["last_given_on"]:
        _try(
            problems,
            number,
            "last_given_on",
            before,
            lambda: parse_date(row["last_given_on"], field="last_given_on"),
        )
        if not row["given_before"]:
            problems.append(Problem(number, "given_before", "Say how many infusions that was the last of."))
    if problems:
        return None, problems
    return PersonRows(number, row["mrn"], values, row["other_person"].lower() == "yes", **before), []  # type: ignore[arg-type]  # read above


def _try(problems: list[Problem], number: int, name: str, values: dict[str, object], read: object) -> None:
    try:
        values[name] = read()  # type: ignore[operator]  # a function without arguments
    except InvalidInput as error:
        problems.append(Problem(number, name, error.message))


def _disagreements(number: int, known: PersonRows, person: PersonRows) -> list[Problem]:
    """A record number stands for one person: the same name, birth date and the rest in every row."""
    one, two = ({**item.values, **{name: getattr(item, name) for name in BEFORE}} for item in (known, person))
    return [
        Problem(number, name, f"Row {known.row} says otherwise for the same record number.")
        for name in sorted({*one, *two})
        if one.get(name) != two.get(name)
    ]


def _visit(number: int, row: Mapping[str, str], zone: ZoneInfo) -> tuple[VisitRow | None, list[Problem]]:
    given = [name for name in (*VISIT, *VISIT_MORE) if row[name]]
    if not given:
        return None, []
    problems = [Problem(number, name, "This is missing for a visit.") for name in VISIT if not row[name]]
    values: dict[str, object] = {}
    if row["weight_kg"]:
        _try(
            problems,
            number,
            "weight_kg",
            values,
            lambda: parse_decimal(
                row["weight_kg"],
                field="weight_kg",
                min_value=Decimal(20),
                max_value=Decimal(350),
                max_places=1,
                unit="kg",
            ),
        )
    if row["infusion"]:
        _try(
            problems,
            number,
            "infusion",
            values,
            lambda: parse_integer(row["infusion"], field="infusion", min_value=1, max_value=60),
        )
    if row["start"]:
        _try(problems, number, "start", values, lambda: _start(row["start"], zone))
    if problems:
        return None, problems
    return (
        VisitRow(
            number, row["protocol"], values["weight_kg"], values["infusion"], values["start"],  # type: ignore[arg-type]  # read above
            row["chair"], row["nurse"], row["prescriber"],
        ),
        [],
    )  # fmt: skip


def _start(text: str, zone: ZoneInfo) -> datetime:
    """With an offset, or as the wall clock of the site."""
    has_offset = text[-1:] in ("Z", "z") or text[-6:-5] in ("+", "-")
    return (
        parse_instant(text.replace(" ", "T", 1), field="start")
        if has_offset
        else parse_local_datetime(text, zone, field="start")
    )


def _double(number: int, known: PersonRows, visit: VisitRow) -> list[Problem]:
    problems = [
        Problem(
            number, "infusion", f"Infusion {visit.infusion} of this patient is on row {other.row} already."
        )
        for other in known.visits
        if other.infusion == visit.infusion
    ]
    first = known.visits[0] if known.visits else None
    if first is not None:
        for name in ("protocol", "weight_kg"):
            if getattr(first, name) != getattr(visit, name):
                problems.append(
                    Problem(number, name, f"Row {first.row} says otherwise for the same patient.")
                )
    return problems


def birth_date_of(person: PersonRows) -> date:
    """The birth date of a row that was read."""
    value = person.values["birth_date"]
    if not isinstance(value, date):
        raise InvalidInput("Enter a date.", field="birth_date")
    return value
