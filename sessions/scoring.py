"""Totals and bands of PHQ-9, GAD-7, QIDS-SR16 and MADRS. Pure module.

Ranges and bands: clinical E. Licences decide what is stored: PHQ-9 and GAD-7 are free, of QIDS-SR16 and MADRS
only scores are entered. Partial answers are never totalled: a missing item is an error, not a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from staff.errors import InvalidInput

Change = Literal["response", "remission", "none"]


@dataclass(frozen=True)
class Band:
    """Severity from `low` to `high`, both inclusive."""

    low: int
    high: int
    label: str


@dataclass(frozen=True)
class Instrument:
    """One questionnaire: items, highest item score, bands over the whole range, remission cut-off."""

    code: str
    title: str
    items: int
    highest_item: int
    bands: tuple[Band, ...]
    remission_at_most: int | None
    recall_days: int

    @property
    def highest(self) -> int:
        """Highest total."""
        return self.bands[-1].high


def _bands(*edges: tuple[int, int, str]) -> tuple[Band, ...]:
    return tuple(Band(*edge) for edge in edges)


PHQ9 = Instrument(
    "phq9",
    "PHQ-9",
    9,
    3,
    _bands(
        (0, 4, "Minimal"),
        (5, 9, "Mild"),
        (10, 14, "Moderate"),
        (15, 19, "Moderately severe"),
        (20, 27, "Severe"),
    ),
    remission_at_most=4,
    recall_days=14,
)
GAD7 = Instrument(
    "gad7",
    "GAD-7",
    7,
    3,
    _bands((0, 4, "Minimal"), (5, 9, "Mild"), (10, 14, "Moderate"), (15, 21, "Severe")),
    remission_at_most=None,
    recall_days=14,
)
QIDS_SR16 = Instrument(
    "qids_sr16",
    "QIDS-SR16",
    16,
    3,
    _bands(
        (0, 5, "None"), (6, 10, "Mild"), (11, 15, "Moderate"), (16, 20, "Severe"), (21, 27, "Very severe")
    ),
    remission_at_most=5,
    recall_days=7,
)
MADRS = Instrument(
    "madrs",
    "MADRS",
    10,
    6,
    _bands((0, 6, "Normal"), (7, 19, "Mild"), (20, 34, "Moderate"), (35, 60, "Severe")),
    remission_at_most=10,
    recall_days=7,
)
INSTRUMENTS = {item.code: item for item in (PHQ9, GAD7, QIDS_SR16, MADRS)}

SUICIDE_ITEM = {"phq9": 9, "qids_sr16": 12, "madrs": 10}


def get_instrument(code: object) -> Instrument:
    """The instrument of that code. Raises InvalidInput on `instrument`."""
    if isinstance(code, str) and code in INSTRUMENTS:
        return INSTRUMENTS[code]
    raise InvalidInput(f"Choose one of {', '.join(INSTRUMENTS)}.", field="instrument")


def total(code: str, answers: Sequence[int | None]) -> int:
    """Total of a complete set of answers in item order.

    Raises InvalidInput on `items` for a wrong number of answers and on `items.N` (from 1) for one that is
    missing or out of range.
    """
    instrument = get_instrument(code)
    if len(answers) != instrument.items:
        raise InvalidInput(f"Answer all {instrument.items} items; {len(answers)} were given.", field="items")
    checked = [_answer(instrument, number, answer) for number, answer in enumerate(answers, start=1)]
    return _qids_total(checked) if instrument is QIDS_SR16 else sum(checked)


def _answer(instrument: Instrument, number: int, answer: object) -> int:
    if answer is None:
        raise InvalidInput("Answer this item; partial answers are not totalled.", field=f"items.{number}")
    if isinstance(answer, bool) or not isinstance(answer, int) or not 0 <= answer <= instrument.highest_item:
        raise InvalidInput(
            f"Enter a whole number from 0 to {instrument.highest_item}.", field=f"items.{number}"
        )
    return answer


def _qids_total(items: Sequence[int]) -> int:
    """Nine domains: worst of sleep (1-4), of appetite and weight (6-9), of restless and slowed (15-16)."""
    return max(items[0:4]) + items[4] + max(items[5:9]) + sum(items[9:14]) + max(items[14:16])


def check_total(code: str, value: object) -> int:
    """A total entered by hand. Raises InvalidInput on `total` outside the instrument's range."""
    instrument = get_instrument(code)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= instrument.highest:
        raise InvalidInput(f"Enter a whole number from 0 to {instrument.highest}.", field="total")
    return value


def band(code: str, value: int) -> Band:
    """Severity band of a total."""
    checked = check_total(code, value)
    return next(item for item in get_instrument(code).bands if item.low <= checked <= item.high)


def change(code: str, baseline: int, value: int) -> Change:
    """Remission at or below the cut-off, else response at a fall of at least half, else none."""
    instrument = get_instrument(code)
    start, now = check_total(code, baseline), check_total(code, value)
    if instrument.remission_at_most is not None and now <= instrument.remission_at_most < start:
        return "remission"
    return "response" if start > 0 and 2 * now <= start else "none"


@dataclass(frozen=True)
class SuicideAnswer:
    """How the item on suicidal thoughts is handled: `alert` at once, `review` the same day, or nothing."""

    handling: Literal["none", "review", "alert"]
    message: str


def suicide_item(code: str, answer: int, previous: int | None = None) -> SuicideAnswer:
    """New, raised, or 2 and more: alert at once. Unchanged 1, or lower than before: same-day review. 0:
    nothing.

    It never cancels an infusion; a prescriber decides.
    """
    instrument = get_instrument(code)
    if code not in SUICIDE_ITEM:
        raise InvalidInput("This instrument has no item on suicidal thoughts.", field="instrument")
    value = _answer(instrument, SUICIDE_ITEM[code], answer)
    if value == 0:
        return SuicideAnswer("none", "No suicidal thoughts reported.")
    if value >= 2 or value > (previous or 0):
        return SuicideAnswer("alert", "Suicidal thoughts new, raised or frequent: contact the patient now.")
    return SuicideAnswer("review", "Suicidal thoughts unchanged: review today.")
