"""A spreadsheet is read strictly, and whatever is wrong says in which row and column."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.domain.booking_csv import LARGEST, Problem, read_sheet
from staff.errors import InvalidInput

ZONE = ZoneInfo("America/Los_Angeles")
SAMPLE = Path(__file__).parents[3] / "scheduling/static/scheduling/bookings-sample.csv"
HEAD = "mrn,family_name,given_name,birth_date,sex,protocol,weight_kg,infusion,start"
ROW = "A1,Ash,Mina,1984-05-17,F,single-infusion,70,1,2026-03-05 09:00"


def read(*rows: str, head: str = HEAD, **over):
    return read_sheet("\n".join([head, *rows]).encode(), ZONE, **over)


def test_the_sample_file_has_nothing_wrong():
    sheet = read_sheet(SAMPLE.read_bytes(), ZONE)
    assert sheet.problems == ()
    assert [item.mrn for item in sheet.people] == ["S-1001", "S-1002", "S-1003"]
    assert sheet.people[2].values["family_name"] == "Calder, Jr"
    assert sheet.people[0].visits[0].start == datetime(2027, 1, 12, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_byte_order_mark_separator_and_line_ends_do_not_matter(separator, mark, end):
    text = mark + end.join([HEAD, ROW, ""]).replace(",", separator)
    sheet = read_sheet(text.encode(), ZONE)
    assert (sheet.rows, len(sheet.people), sheet.problems) == (1, 1, ())


WRONG = [
    ("A1,Ash,Mina,1984-05-17,F,single-infusion,70,1,2026-03-08 02:30", "start", "does not exist"),
    ("A1,Ash,Mina,1984-05-17,F,single-infusion,70,1,2026-11-01 01:30", "start", "happens twice"),
    ("A1,Ash,Mina,1984-05-17,F,single-infusion,70,1,05/03/2026 9:00", "start", "Enter a date and time"),
    ("A1,Ash,Mina,1984-05-17,F,single-infusion,7_0,1,2026-03-05 09:00", "weight_kg", ""),
    ("A1,Ash,Mina,1984-05-17,F,single-infusion,NaN,1,2026-03-05 09:00", "weight_kg", ""),
    ("A1,Ash,Mina,1984-05-17,F,single-infusion,,1,2026-03-05 09:00", "weight_kg", "missing"),
    ("A1,Ash,Mina,1984-05-17,F,single-infusion,70,1.5,2026-03-05 09:00", "infusion", ""),
    ("A1,Ash,Mina,1984-02-30,F,single-infusion,70,1,2026-03-05 09:00", "birth_date", "does not exist"),
    ("A1,Ash,Mina,1984-05-17,X,single-infusion,70,1,2026-03-05 09:00", "sex", "F or M"),
    (",Ash,Mina,1984-05-17,F,single-infusion,70,1,2026-03-05 09:00", "mrn", "missing"),
    ("A1,=HYPERLINK(1),Mina,1984-05-17,F,single-infusion,70,1,2026-03-05 09:00", "family_name", "formula"),
    ("A1,@SUM(A1),Mina,1984-05-17,F,single-infusion,70,1,2026-03-05 09:00", "family_name", "formula"),
    ("A1,-cmd,Mina,1984-05-17,F,single-infusion,70,1,2026-03-05 09:00", "family_name", "formula"),
    ("A1,Ash,Mi\u202ena,1984-05-17,F,single-infusion,70,1,2026-03-05 09:00", "given_name", ""),
    (f"{ROW},one,too,many", "", "cells"),
]


@pytest.mark.parametrize(("row", "column", "words"), WRONG)
def test_what_is_wrong_names_row_and_column(row, column, words):
    sheet = read("B1,Oak,Lee,1990-01-01,M,,,,", row)
    (problem,) = sheet.problems
    assert (problem.row, problem.column) == (3, column)
    assert words in problem.message
    assert [item.mrn for item in sheet.people] == ["B1"], "a patient with a problem is left out whole"


def test_one_record_number_is_one_person_and_one_row_per_infusion():
    other = ROW.replace("Ash", "Oak").replace(",1,", ",2,")
    assert read(ROW, other).problems == (
        Problem(3, "family_name", "Row 2 says otherwise for the same record number."),
    )
    twice = read(ROW, ROW.replace("09:00", "12:00"))
    assert twice.problems[0].column == "infusion"
    assert "row 2 already" in twice.problems[0].message
    assert read(ROW, ROW.replace(",1,", ",2,").replace("70", "71")).problems[0].column == "weight_kg"


WHOLE = [
    (b"", "no-header"),
    (b"name,first\n", "unknown-column"),
    (f"{HEAD},mrn\n".encode(), "double-column"),
    (b"mrn,family_name\n", "missing-column"),
    (f"{HEAD}\nA1,\xe4\n".encode("latin-1"), "not-utf-8"),
    (HEAD.encode("utf-16"), "not-utf-8"),
    (b"PK\x03\x04rest", "not-csv"),
    (f'{HEAD}\nA1,"Ash,Mina\n'.encode(), "not-csv"),
    (b"a" * (LARGEST + 1), "body-too-large"),
]


@pytest.mark.parametrize(("raw", "code"), WHOLE)
def test_a_file_that_cannot_be_read_says_why(raw, code):
    with pytest.raises(InvalidInput) as caught:
        read_sheet(raw, ZONE)
    assert (caught.value.code, caught.value.field) == (code, "file")


def test_too_many_rows_are_refused_without_reading_them_all():
    with pytest.raises(InvalidInput) as caught:
        read(*[ROW.replace("A1", f"A{n}") for n in range(12)], most_rows=10)
    assert caught.value.code == "too-many-rows"


@settings(max_examples=80)
@given(st.binary(max_size=400))
def test_whatever_the_bytes_are_it_is_read_or_refused(raw):
    with contextlib.suppress(InvalidInput):
        read_sheet(HEAD.encode() + b"\n" + raw, ZONE)
