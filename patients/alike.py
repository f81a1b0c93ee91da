"""Names on one list that are easily taken for each other (hazard H1). Pure module.

Alikeness is what PostgreSQL's pg_trgm computes, so that a list and the search for a patient agree (letters with accents
count here whatever the server's locale is); a list is compared in memory, without a query for each row.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import combinations

# The same limits as in the search (`querysets.similar_to`): this alike, or half as alike with the same birth date.
SIMILAR_NAME = 0.6
SIMILAR_NAME_SAME_BIRTH_DATE = 0.3


@dataclass(frozen=True)
class Named:
    """Somebody on a list: `key` tells people apart."""

    key: Hashable
    given_name: str
    family_name: str
    birth_date: date

    @property
    def words(self) -> str:
        """As the search compares names."""
        return f"{self.family_name} {self.given_name}"


@lru_cache(maxsize=4096)
def trigrams(text: str) -> frozenset[str]:
    """Three letters at a time of every word, which begins with two blanks and ends with one."""
    found: set[str] = set()
    for word in re.findall(r"[^\W_]+", text.lower()):
        padded = f"  {word} "
        found.update(padded[place : place + 3] for place in range(len(padded) - 2))
    return frozenset(found)


def alikeness(one: str, other: str) -> float:
    """Shared trigrams by all trigrams, 0 to 1."""
    first, second = trigrams(one), trigrams(other)
    union = len(first | second)
    return len(first & second) / union if union else 0.0


def confusable(one: Named, other: Named) -> bool:
    """Two different people whose names are this alike."""
    if one.key == other.key:
        return False
    limit = SIMILAR_NAME_SAME_BIRTH_DATE if one.birth_date == other.birth_date else SIMILAR_NAME
    return alikeness(one.words, other.words) >= limit


def look_alikes(people: Iterable[Named]) -> Mapping[Hashable, tuple[Named, ...]]:
    """For everybody on the list who has one: the others whose name is alike, in the order of the list."""
    distinct = list({one.key: one for one in people}.values())
    found: dict[Hashable, list[Named]] = {}
    for one, other in combinations(distinct, 2):
        if confusable(one, other):
            found.setdefault(one.key, []).append(other)
            found.setdefault(other.key, []).append(one)
    return {key: tuple(others) for key, others in found.items()}
