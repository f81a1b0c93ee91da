"""Infusions so close together that a prescriber has to say why: less than 36 h from start to start, or more than three
within seven days. Pure module.

Source: clinic-day situation 41; the trials of repeated ketamine gave at most three a week. What is lost is named: the
plasticity window of an infusion is cut where the next one begins.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from protocols.definition import WindowRule
from scheduling.domain.intervals import as_utc
from scheduling.domain.localtime import day_in_words, in_words, local_date
from scheduling.domain.windows import plasticity_window

CLOSEST = timedelta(hours=36)
MOST_IN_SEVEN_DAYS = 3


@dataclass(frozen=True)
class Closeness:
    """Why infusion `ordinal` needs a reason. hours: whole elapsed hours to the nearest other start, None when at least
    36; in_seven_days: how many within some seven local days that include it, None when at most three.
    """

    ordinal: int
    hours: int | None
    in_seven_days: int | None
    words: str


def nearest(start: datetime, others: Iterable[datetime]) -> datetime | None:
    """The other start that is closest to `start`, if it is less than 36 elapsed hours away."""
    close = [item for item in others if abs(as_utc(item) - as_utc(start)) < CLOSEST]
    return min(close, key=lambda item: abs(as_utc(item) - as_utc(start)), default=None)


def most_in_seven_days(day: date, days: Iterable[date]) -> int:
    """The largest number of `days`, `day` itself counted too, that lie in seven consecutive days around `day`."""
    every = [*days, day]
    firsts = (day - timedelta(days=n) for n in range(7))
    return max(sum(0 <= (item - first).days < 7 for item in every) for first in firsts)


def hours_lost(
    start: datetime, following: datetime, minutes_to_therapy: int, rule: WindowRule
) -> tuple[int, int]:
    """(hours of the core window after `start` that `following` cuts off, its hours uncut), both rounded up."""
    opens = as_utc(start) + timedelta(minutes=minutes_to_therapy)
    whole = plasticity_window(opens, rule)
    cut = plasticity_window(opens, rule, next_infusion_start=following)
    hour = timedelta(hours=1)
    return (
        math.ceil((whole.core_until - cut.core_until) / hour),
        math.ceil((whole.core_until - whole.opens) / hour),
    )


def closeness(
    ordinal: int,
    start: datetime,
    others: Sequence[datetime],
    *,
    zone: ZoneInfo,
    minutes_to_therapy: int,
    rule: WindowRule,
) -> Closeness | None:
    """What makes this start too close to the patient's other infusions (their starts, in any order); None if nothing.

    minutes_to_therapy: predicted, from start to therapy, for the words about the window.
    """
    near = nearest(start, others)
    count = most_in_seven_days(local_date(start, zone), [local_date(item, zone) for item in others])
    many = count > MOST_IN_SEVEN_DAYS
    if near is None and not many:
        return None
    said, hours = [], None
    if near is not None:
        hours = int(abs(as_utc(start) - as_utc(near)) / timedelta(hours=1))
        said.append(f"{hours} h from the infusion of {in_words(near, zone)}, less than 36 h")
    if many:
        said.append(
            f"infusion {count} within seven days, more than three ({day_in_words(local_date(start, zone))})"
        )
    return Closeness(
        ordinal,
        hours,
        count if many else None,
        f"{_first_up(', and '.join(said))}. {_loss(start, others, minutes_to_therapy, rule)}",
    )


def _loss(start: datetime, others: Sequence[datetime], minutes: int, rule: WindowRule) -> str:
    """What of which window is cut off, by the gap that is shortest."""
    here = as_utc(start)
    before = max((as_utc(item) for item in others if as_utc(item) <= here), default=None)
    after = min((as_utc(item) for item in others if as_utc(item) > here), default=None)
    pairs = [(before, here)] if before else []
    pairs += [(here, after)] if after else []
    earlier, later = min(pairs, key=lambda pair: pair[1] - pair[0])
    lost, whole = hours_lost(earlier, later, minutes, rule)
    if lost <= 0:
        return "No part of a plasticity window is lost."
    if lost >= whole:
        return "The whole plasticity window between the two is lost: no therapy can be held in it."
    return f"{lost} of the {whole} h of the plasticity window between the two are lost."


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]
