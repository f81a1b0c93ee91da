"""Our consent and education texts say what they must, in clinical words."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from protocols.documents import (
    CONSENT_ELEMENTS,
    Block,
    blocks,
    consent_text,
    education_text,
    missing_elements,
)
from protocols.library import SHIPPED, SIX_IN_THREE_WEEKS

TEXTS = [
    pytest.param(write(definition), id=f"{slug}-{write.__name__}")
    for slug, definition in SHIPPED.items()
    for write in (consent_text, education_text)
]

# The error entries of the clinical lexicon, and the warnings that a text for patients could slip into.
FLAGGED = (
    r"empathogen\w*|empathomimetic|(?:consciousness|mind)[- ]expand\w*|psychedelic\w*|hallucinogen\w*",
    r"entheogen\w*|sacred|plant medicine|ceremon\w+|ritual\w*|shaman\w*|the medicine|journey\w*|voyage\w*",
    r"trip|trips|tripping|set and setting|breakthrough\w*|transformative|mystical|profound|peak experience",
    r"ego (?:death|dissolution)|k-hole|inner (?:healer|wisdom)|higher self|spirit\w*|insights?|download\w*",
    r"intention setting|guide|sitter|facilitator|space holder|opens you up|assisted psychotherapy|kap",
    r"therapeutic dissociation|heroic dose|comedown|come-up|high|buzz|afterglow|energy|vibration\w*|portal",
    r"rewire\w*|reset\w*|reboot\w*|new brain cells|cure\w*|miracle\w*|guarantee\w*|permanent\w*|detox",
    r"plasticity window|integration|microdose|lozenge|lucid|surrender\w*|let go|trust the process",
)


@pytest.mark.parametrize("text", TEXTS)
def test_no_word_of_ours_is_one_that_the_clinic_must_not_use(text):
    found = [
        match.group(0) for entry in FLAGGED for match in re.finditer(rf"\b(?:{entry})\b", text, re.IGNORECASE)
    ]
    assert found == []


@pytest.mark.parametrize("slug", SHIPPED)
def test_the_standard_consent_says_everything_it_must(slug):
    assert missing_elements(consent_text(SHIPPED[slug])) == ()


WITHOUT = {
    "off_label": ("off-label", "usual"),
    "alternatives": ("lternatives", "lternate ways"),
    "blood_pressure": ("lood pressure", "lood flow"),
    "dissociation": ("issociation", "izziness"),
    "misuse": ("Misuse and dependence", "Too much of it"),
    "bladder": ("Bladder and urinary problems", "Problems"),
    "driving": ("Do not drive", "You may drive"),
    "experience": ("it is not necessarily true", "it is true"),
    "plasticity": ("grade", "level"),
    "therapist": ("licensed therapist", "helper"),
    "relapse": ("relapse", "change"),
    "why_vein": ("into a vein has the most evidence", "has been chosen"),
}


@pytest.mark.parametrize("element", CONSENT_ELEMENTS, ids=lambda element: element.code)
def test_each_element_is_missed_when_its_words_are_taken_out(element):
    old, new = WITHOUT[element.code]
    text = consent_text(SIX_IN_THREE_WEEKS)
    assert old in text
    assert element in missing_elements(text.replace(old, new))


def test_line_breaks_and_case_do_not_hide_an_element():
    text = consent_text(SIX_IN_THREE_WEEKS)
    assert missing_elements(text.upper().replace(" ", "\n").replace("GRADE D", "grade D")) == ()
    assert len(missing_elements("")) == len(CONSENT_ELEMENTS)


def test_the_numbers_are_the_versions_own():
    dose = replace(SIX_IN_THREE_WEEKS.dose, mg_per_kg=Decimal("0.75"), infusion_minutes=60)
    text = consent_text(replace(SIX_IN_THREE_WEEKS, dose=dose))
    assert "0.75 mg for each kg of body weight over 60 minutes" in text
    assert "0.5 mg for each kg" not in text
    assert "one infusion of" in consent_text(SHIPPED["single-infusion"])


def test_no_text_clears_anybody_to_drive():
    for definition in SHIPPED.values():
        for text in (consent_text(definition), education_text(definition)):
            assert not re.search(r"you (?:may|can) drive", text, re.IGNORECASE)


def test_the_education_text_ends_with_the_three_questions():
    assert blocks(education_text(SIX_IN_THREE_WEEKS))[-1].lines == (
        "Is what I feel during the infusion needed for the treatment to work?",
        "When does the work happen?",
        "When may I drive?",
    )


def test_a_body_is_cut_into_headings_paragraphs_and_lists():
    body = "## One\nFirst line\nsecond line\n- a\n- b\nafter\n\n\n##Not a heading\n- c\n   \n## Two"
    assert blocks(body) == (
        Block("heading", ("One",)),
        Block("text", ("First line second line",)),
        Block("list", ("a", "b")),
        Block("text", ("after",)),
        Block("text", ("##Not a heading",)),
        Block("list", ("c",)),
        Block("heading", ("Two",)),
    )
    assert blocks("  \n ") == ()
