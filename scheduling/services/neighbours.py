"""The infusions that happen just before and after one of a series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from scheduling.loaders_follow import VisitFacts
from scheduling.models import TreatmentSeries
from scheduling.services.rules import Neighbour


def neighbours_of_ordinal(
    course: Iterable[VisitFacts], series: TreatmentSeries, ordinal: int
) -> tuple[Neighbour | None, Neighbour | None]:
    """The visits that happen just before and after number `ordinal` of a series.

    An infusion of an earlier series comes back with ordinal 0: after it only the minimum gap counts.
    """
    before: Neighbour | None = None
    after: Neighbour | None = None
    for item in course:
        number = item.visit.ordinal or 0
        if not item.happens:
            continue
        if item.visit.series_id != series.pk:
            given = item.infusion is not None and item.infusion.started_at is not None
            if given and (before is None or before.ordinal == 0):
                before = Neighbour(0, item.starts_at)
        elif number < ordinal:
            before = Neighbour(number, item.starts_at)
        elif number > ordinal and after is None:
            after = Neighbour(number, item.starts_at)
    return before, after


def neighbours_among(
    course: Iterable[VisitFacts], series: TreatmentSeries, ordinal: int, starts: Mapping[int, datetime]
) -> tuple[Neighbour | None, Neighbour | None]:
    """As `neighbours_of_ordinal`, where the visits in `starts` (UTC by ordinal) are judged together; `course` is
    without them.
    """
    before, after = neighbours_of_ordinal(course, series, ordinal)
    earlier = max((number for number in starts if number < ordinal), default=None)
    later = min((number for number in starts if number > ordinal), default=None)
    if earlier is not None and (before is None or before.ordinal < earlier):
        before = Neighbour(earlier, starts[earlier])
    if later is not None and (after is None or after.ordinal > later):
        after = Neighbour(later, starts[later])
    return before, after
