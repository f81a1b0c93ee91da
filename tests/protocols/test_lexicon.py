"""The clinical-language check: places, quotes, denials, what is no prose, and our own texts."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.definition_codec import dump
from protocols.documents import consent_text, education_text
from protocols.lexicon import check_text, rules, with_term
from protocols.library import SHIPPED

ROOT = Path(__file__).resolve().parents[2]
PROSE = (ROOT / "tests/protocols/data/clinical_prose.txt").read_text().splitlines()
FLAGGED = (ROOT / "tests/protocols/data/flagged_prose.txt").read_text().splitlines()


def matches(text, **options):
    return [found.match for found in check_text(text, **options)]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.code)
def test_rule_fires_and_passes_where_its_data_says(rule):
    assert len(rule.fires) >= 5
    assert len(rule.passes) >= 5
    silent = [text for text in rule.fires if rule.code not in {found.rule for found in check_text(text)}]
    loud = [(text, found.match, found.rule) for text in rule.passes for found in check_text(text)]
    assert (silent, loud) == ([], [])


def test_clinical_prose_is_left_alone_and_borrowed_words_are_found():
    assert [(line, matches(line)) for line in PROSE if matches(line)] == []
    assert [line for line in FLAGGED if not matches(line)] == []


def test_places_count_code_points_from_one_and_match_is_the_slice():
    text = "Für Sie 😀:\r\nYour \u201cjourney\u201d\r\nand a\tmiracle."
    found = check_text(text)
    assert [(item.line, item.column, item.match, item.severity) for item in found] == [
        (2, 7, "journey", "warning"),
        (3, 7, "miracle", "error"),
    ]
    assert all(text[item.start : item.end] == item.match for item in found)
    assert set(found[0].as_json()) == {"line", "column", "match", "severity", "suggestion", "reason"}


def test_the_longest_match_wins_and_nothing_is_found_twice():
    assert matches("A sacred plant medicine, then a bad trip.") == ["sacred plant medicine", "bad trip"]
    assert matches("Ketamine-assisted psychotherapy") == ["Ketamine-assisted psychotherapy"]


def test_a_phrase_may_be_broken_emphasised_or_written_with_odd_hyphens():
    assert matches("set\n  and setting") == ["set\n  and setting"]
    assert matches("a **bad** _trip_") == ["bad** _trip"]
    assert matches("mind\u2011expanding, \uff4dind-ex\u00adpanding") == [
        "mind\u2011expanding",
        "\uff4dind-ex\u00adpanding",
    ]
    assert matches("<p>the <b>bad</b>&nbsp;trip</p>") == ["bad</b>&nbsp;trip"]
    assert matches("Ends with set.\n\nAnd setting.") == []


@pytest.mark.parametrize(
    "text",
    [
        "Run `trip --high`.",
        "```\nlet journey = cure()\n```\n",
        "See https://example.org/journey/trip and www.trip.example/cure.",
        "[page](journey/cure) and mail trip@example.org or docs/trip.html",
        "<code>journey</code> <a href='/trip' title='journey'>page</a> <!-- miracle -->",
        "{% trip %} {{ journey }} trip_count",
        "<script>var journey = 'miracle';</script>",
    ],
)
def test_code_and_addresses_are_no_prose(text):
    assert matches(text) == []


def test_indented_blocks_are_code_in_markdown_only():
    text = "Text.\n\n    journey = 1\n\nText."
    assert matches(text, markdown=True) == []
    assert matches(text) == ["journey"]
    assert matches("- item\n\n    your journey\n", markdown=True) == ["journey"]


def test_quotation_marks_excuse_only_what_a_patient_said():
    assert matches('The patient said: "It was a trip."') == []
    assert matches("\u201cA real trip,\u201d she told us.") == []
    assert matches('"I felt high all day."') == []
    assert matches('Prepare for your "journey".') == ["journey"]
    assert matches('The nurse says: "Enjoy the trip."') == ["trip"]
    assert matches('She said "no". Then the journey began.') == ["journey"]


def test_a_denial_reaches_what_it_denies_and_no_further():
    assert matches("It is not a cure, a miracle or a detox.") == []
    assert matches("Do not drive after your trip.") == ["trip"]
    assert matches("Not only a treatment but a journey.") == ["journey"]
    assert matches("It is no cure. It is a miracle.") == ["miracle"]
    assert matches("Is it a cure? No.") == []
    assert matches("Is it a cure? Yes.") == ["cure"]


def test_a_page_about_words_leaves_itself_out_by_a_marker_only_where_markers_count():
    text = "A trip.\n<!-- clinical-lexicon: off -->\nA trip.\n<!-- clinical-lexicon: on -->\nA trip."
    assert [found.line for found in check_text(text, markers=True)] == [1, 5]
    assert [found.line for found in check_text(text)] == [1, 3, 5]


def test_one_click_puts_the_clinical_term_in_its_place():
    text = "Journey one. Your journey two."
    for found in reversed(check_text(text)):
        text = with_term(text, found)
    assert text == "Infusion visit one. Your infusion visit two."
    with pytest.raises(ValueError, match="no term"):
        with_term("A cure.", check_text("A cure.")[0])


WORDS = st.sampled_from(
    [
        "trip",
        "journey",
        "not",
        "a",
        "cure",
        '"',
        "'",
        "`",
        "\n",
        "\n\n",
        "- ",
        "<b>",
        "{{",
        ".",
        "?",
        "😀",
        "&nbsp;",
        "*",
        "the",
        "\r\n",
        "|",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=200))
def test_any_text_has_findings_in_order_that_are_slices_of_it(text):
    found = check_text(text, markdown=True, markers=True)
    lines = re.split(r"\r\n|\n|\r", text)
    assert [item.start for item in found] == sorted(item.start for item in found)
    assert all(first.end <= second.start for first, second in itertools.pairwise(found))
    for item in found:
        assert text[item.start : item.end] == item.match
        assert lines[item.line - 1][item.column - 1 :].startswith(re.split(r"\r\n|\n|\r", item.match)[0])


def own_texts():
    for folder, pattern in (
        (".", "*.md"),
        ("docs", "**/*.md"),
        ("templates", "**/*.html"),
        ("templates", "**/*.txt"),
    ):
        for path in sorted((ROOT / folder).glob(pattern)):
            yield path.relative_to(ROOT).as_posix(), path.read_text()
    for slug, text in SHIPPED.items():
        yield f"{slug} consent", consent_text(text)
        yield f"{slug} education", education_text(text)
        yield f"{slug} text", json.dumps(dump(text), indent=1, ensure_ascii=False)


def test_our_own_pages_messages_consent_and_protocol_texts_have_no_findings():
    found = [
        (name, item.line, item.match)
        for name, text in own_texts()
        for item in check_text(text, markdown=name.endswith(".md"), markers=True)
    ]
    assert found == []


def test_the_lexicons_own_page_names_every_rule():
    page = (ROOT / "docs/clinical-lexicon.md").read_text()
    assert [rule.code for rule in rules() if f"`{rule.code}`" not in page or rule.reason not in page] == []
