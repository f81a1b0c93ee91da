"""What a clinic learns from its own treatments: pure calculation on values, nothing of the database.

Response and remission are stated per course, the infusions of one series at one protocol version:

- Start: the last total of the instrument at or before the start of infusion 1 and not older than 60 days.
- Result: the last total after that start and not after the end of the course's last window (its tail included); of
  a course without a signed window, not after 14 days from its last infusion.
- Response: the result is at most half of the start. Remission: the result is at or below the published cut-off and
  the start was above it; a course that started at or below it is counted apart and in no percentage of remission.
- A course without a start or without a result is missing. It is shown, and it is in no percentage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from sessions.scoring import Instrument

OLDEST_START = timedelta(days=60)
WITHOUT_WINDOW = timedelta(days=14)
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Course:
    """One series: its version in words, the start of infusion 1, until when a result counts (inclusive), and its totals
    by instrument as (taken at, total) in order of time."""

    version: str
    began: datetime
    until: datetime
    totals: dict[str, Sequence[tuple[datetime, int]]]


@dataclass(frozen=True)
class Share:
    """`part` of `whole`, with the 95 % interval of Wilson in percent; None when there is nothing to divide by."""

    part: int
    whole: int

    @property
    def percent(self) -> float | None:
        """0 to 100."""
        return 100 * self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Lower and upper bound in percent (Wilson 1927), which stays within 0 to 100 for few courses too."""
        if not self.whole:
            return None
        n, p = self.whole, self.part / self.whole
        middle = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
        half = Z95 * sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2)) / (1 + Z95**2 / n)
        return max(0.0, 100 * (middle - half)), min(100.0, 100 * (middle + half))


@dataclass(frozen=True)
class Result:
    """One instrument at one version. `remission` is None where no cut-off is published."""

    version: str
    instrument: Instrument
    courses: int
    without_start: int
    without_result: int
    started_low: int
    response: Share
    remission: Share | None

    @property
    def assessed(self) -> int:
        """Courses with a start and a result."""
        return self.courses - self.without_start - self.without_result


def start_and_result(course: Course, instrument: str) -> tuple[int | None, int | None]:
    """The two totals the rule of this module picks; None for what is missing. Without a start there is no result."""
    rows = course.totals.get(instrument, ())
    before = [total for at, total in rows if course.began - OLDEST_START <= at <= course.began]
    after = [total for at, total in rows if course.began < at <= course.until]
    if not before:
        return None, None
    return before[-1], after[-1] if after else None


def results(courses: Iterable[Course], instruments: Sequence[Instrument]) -> list[Result]:
    """One line per version and instrument, versions by name. A line stands there even if every course is missing."""
    by_version: dict[str, list[Course]] = {}
    for course in courses:
        by_version.setdefault(course.version, []).append(course)
    return [_result(name, by_version[name], one) for name in sorted(by_version) for one in instruments]


def _result(version: str, courses: Sequence[Course], about: Instrument) -> Result:
    pairs = [start_and_result(course, about.code) for course in courses]
    known = [(start, end) for start, end in pairs if start is not None and end is not None]
    cut = about.remission_at_most
    above = [(start, end) for start, end in known if cut is not None and start > cut]
    return Result(
        version=version,
        instrument=about,
        courses=len(courses),
        without_start=sum(1 for start, _ in pairs if start is None),
        without_result=sum(1 for start, end in pairs if start is not None and end is None),
        started_low=len(known) - len(above) if cut is not None else 0,
        response=Share(sum(1 for start, end in known if start > 0 and 2 * end <= start), len(known)),
        remission=None if cut is None else Share(sum(1 for _, end in above if end <= cut), len(above)),
    )


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of `n` values."""

    n: int
    lower: float
    median: float
    upper: float


def spread(values: Iterable[float]) -> Spread | None:
    """Quartiles by straight lines between the ordered values (method 7 of Hyndman and Fan); None without a value."""
    row = sorted(values)
    if not row:
        return None
    return Spread(len(row), _quantile(row, 0.25), _quantile(row, 0.5), _quantile(row, 0.75))


def _quantile(row: Sequence[float], share: float) -> float:
    place = (len(row) - 1) * share
    low = int(place)
    high = min(low + 1, len(row) - 1)
    return row[low] + (place - low) * (row[high] - row[low])


def cumulative(hours: Iterable[float], whole: int) -> list[tuple[float, float]]:
    """Steps of (hours, percent of `whole` reached by then), from (0, 0). Empty when `whole` is 0."""
    if whole <= 0:
        return []
    points = [(0.0, 0.0)]
    for reached, value in enumerate(sorted(hours)):
        points += [(value, 100 * reached / whole), (value, 100 * (reached + 1) / whole)]
    return points
