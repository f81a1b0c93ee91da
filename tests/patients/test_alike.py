"""Names on one list are compared as the search compares them."""

from __future__ import annotations

from datetime import date

import pytest
from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import Value
from hypothesis import given, settings
from hypothesis import strategies as st

from patients.alike import Named, alikeness, look_alikes
from patients.models import Patient

BORN, OTHER = date(1980, 2, 3), date(1991, 5, 6)
WORDS = st.text(alphabet="abcdefé -'", max_size=18)


def person(key: int, given_name: str, family_name: str, born: date = BORN) -> Named:
    return Named(key, given_name, family_name, born)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (("Anna", "Larsen"), ("Anna", "Larson"), True),
        (("Anna", "Larsen"), ("Ben", "Okafor"), False),
        (("Ben", "Marsh"), ("Ben", "Martin"), True),  # born on the same day: half as alike is enough
    ],
)
def test_who_is_taken_for_whom(one, other, alike):
    found = look_alikes([person(1, *one), person(2, *other), person(1, *one)])
    assert (1 in found) is alike
    assert (2 in found) is alike


def test_another_birth_date_asks_for_more_likeness():
    assert look_alikes([person(1, "Ben", "Marsh"), person(2, "Ben", "Martin", OTHER)]) == {}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(WORDS, WORDS)
def test_alikeness_is_symmetric_and_bounded(one, other):
    assert 0.0 <= alikeness(one, other) == alikeness(other, one) <= 1.0
    assert alikeness(one, one) in (0.0, 1.0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("one", "other"),
    [("Larsen Anna", "Larson Ana"), ("O'Neil Zoe", "Oneill Zoe"), ("Moller-Hagen Eva", "Moller Eva")],
)
def test_it_is_what_the_database_says(clinic, one, other):
    rows = Patient.objects.annotate(alike=TrigramSimilarity(Value(one), other))
    assert alikeness(one, other) == pytest.approx(rows.values_list("alike", flat=True).first(), abs=1e-6)
