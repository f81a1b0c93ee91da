"""The infusions that happen just before and after one of a series."""

from __future__ import annotations

from collections.abc import Iterable

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
