"""A definition in the words of the clinic, and what differs between two."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.definition import Elapsed, LocalClock, WindowRule
from protocols.differences import differences
from protocols.evidence import EVIDENCE, GRADES
from protocols.library import SHIPPED, SIX_IN_THREE_WEEKS, SIX_IN_TWELVE_DAYS
from protocols.reading import follow_ups, sections
from protocols.wording import hours_words, minutes_words, moment_words, plain_number, weekday_words

INTERNAL = re.compile(
    r"\b(?:T0|T_pk|T_sign|P95|anchor|firmed|provisional|blackout|held)\b|\bsessions?\b", re.IGNORECASE
)


def words_of(definition):
    for section in sections(definition):
        yield section.title
        yield section.about
        for row in section.rows:
            yield from (row.label, row.value, row.evidence.source, *row.items)
    for item in follow_ups(definition):
        yield from (item.title, item.audience, item.scope, item.after, item.earliest, item.target)
        yield from (item.late_after, item.missed_after, item.waits_for, item.source)


@pytest.mark.parametrize("slug", SHIPPED)
def test_no_internal_name_reaches_the_page(slug):
    assert [words for words in words_of(SHIPPED[slug]) if INTERNAL.search(words)] == []


@pytest.mark.parametrize("slug", SHIPPED)
def test_every_element_has_a_grade_and_a_source(slug):
    rows = [row for section in sections(SHIPPED[slug]) for row in section.rows]
    assert len(rows) >= 30
    assert all(row.evidence.grade in GRADES and row.evidence.source for row in rows)
    assert all(item.grade in GRADES and item.source for item in follow_ups(SHIPPED[slug]))
    assert {item.grade for item in EVIDENCE.values()} <= set(GRADES)


def test_every_number_of_the_window_and_the_dose_is_on_the_page():
    text = replace(
        SIX_IN_THREE_WEEKS,
        dose=replace(SIX_IN_THREE_WEEKS.dose, mg_per_kg=Decimal("0.45"), ceiling_mg=Decimal("57")),
        window=WindowRule(17, 97, 13, 23, 31, 241),
        weekly_session_cap=3,
    )
    page = " ".join(words_of(text))
    for number in (
        "0.45 mg/kg",
        "57 mg",
        "17 h",
        "97 h",
        "day 13",
        "23 h",
        "31 min",
        "4 h 1 min",
        "3 therapy appointments",
    ):
        assert number in page


def test_every_follow_up_is_a_line_in_order():
    lines = follow_ups(SIX_IN_THREE_WEEKS)
    assert [line.title for line in lines] == [rule.title for rule in SIX_IN_THREE_WEEKS.follow_ups]
    first = next(line for line in lines if line.title.startswith("Post-infusion therapy 1"))
    assert first.earliest == "8 h later, and after one night: the next day from 07:00"
    assert (first.target, first.late_after, first.missed_after) == (
        "24 h later",
        "2 days later",
        "4 days later",
    )


def test_the_hours_of_the_night_rule_are_said_when_they_differ():
    first = SIX_IN_THREE_WEEKS.follow_up("integration_1")
    [line] = follow_ups(replace(SIX_IN_THREE_WEEKS, follow_ups=(replace(first, night_hours=10),)))
    assert line.earliest == "8 h later, and after one night: the next day from 07:00, at least 10 h later"


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (Elapsed(0), "at once"),
        (Elapsed(60), "1 h later"),
        (Elapsed(90), "1 h 30 min later"),
        (Elapsed(20 * 60), "20 h later"),
        (Elapsed(4 * 1440), "4 days later"),
        (LocalClock(0, 20, 30), "20:30 the same day"),
        (LocalClock(1, 9, 0), "09:00 the next day"),
        (LocalClock(3, 9, 5), "09:05 3 days later"),
    ],
)
def test_moments_in_words(moment, words):
    assert moment_words(moment) == words


def test_quantities_in_words():
    assert [plain_number(Decimal(text)) for text in ("0.50", "60", "1E+2", "0.125")] == [
        "0.5",
        "60",
        "100",
        "0.125",
    ]
    assert [minutes_words(n) for n in (45, 60, 2880, 2881, -10)] == [
        "45 min",
        "1 h",
        "2 days",
        "48 h 1 min",
        "10 min before",
    ]
    assert [hours_words(n) for n in (24, 48, 84)] == ["24 h", "48 h (2 days)", "84 h (3.5 days)"]
    assert weekday_words((0, 1, 2, 3, 4)) == "Monday to Friday"
    assert weekday_words((0, 3)) == "Monday, Thursday"
    assert weekday_words(range(7)) == "Every day"


def test_equal_definitions_do_not_differ():
    assert differences(SIX_IN_THREE_WEEKS, SIX_IN_THREE_WEEKS) == ()


def test_each_differing_value_is_named_with_both_readings():
    found = {
        item.where: (item.before, item.after) for item in differences(SIX_IN_THREE_WEEKS, SIX_IN_TWELVE_DAYS)
    }
    assert found["Phases, Induction, gap target hours"] == ("84", "56")
    assert set(found) == {
        "Title",
        "Source",
        "Evidence",
        "Phases, Induction, gap min hours",
        "Phases, Induction, gap target hours",
        "Phases, Induction, gap max hours",
    }


def test_an_added_follow_up_does_not_make_the_others_differ():
    fewer = replace(SIX_IN_THREE_WEEKS, follow_ups=SIX_IN_THREE_WEEKS.follow_ups[1:])
    found = differences(SIX_IN_THREE_WEEKS, fewer)
    assert found
    assert all(
        item.where.startswith("Follow ups, no driving") and item.after == "not there" for item in found
    )


@given(hours=st.integers(1, 200), cap=st.none() | st.integers(1, 7))
def test_one_changed_number_is_one_difference(hours, cap):
    changed = replace(
        SIX_IN_THREE_WEEKS, window=WindowRule(practice_from_hours=hours), weekly_session_cap=cap
    )
    wheres = {item.where for item in differences(SIX_IN_THREE_WEEKS, changed)}
    expected = {"Window, practice from hours"} if hours != 16 else set()
    assert wheres == expected | ({"Weekly session cap"} if cap is not None else set())
