"""Between which starts the gaps to the neighbours leave an infusion. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from scheduling.domain.spacing import gap_bounds
from scheduling.loaders import zone_of
from scheduling.loaders_follow import load_course
from scheduling.models import TreatmentSeries
from scheduling.services.neighbours import neighbours_of_ordinal
from scheduling.services.rules import approved_hours, long_gaps_of


def allowed_starts(
    series: TreatmentSeries, ordinal: int, *, without: Collection[int] = ()
) -> tuple[datetime | None, datetime | None]:
    """Earliest and latest start (both allowed) of infusion `ordinal`; None = no limit on that side.

    without: its own present booking.
    """
    definition, zone = series.protocol_version.read(), zone_of(series.site)
    course = [item for item in load_course(series.patient_id) if item.visit.pk not in without]
    before, after = neighbours_of_ordinal(course, series, ordinal)
    approved = long_gaps_of(series)
    earliest: datetime | None = None
    latest: datetime | None = None
    if before is not None:
        phase = definition.gap_before(ordinal) or definition.phases[0]
        earliest, latest = gap_bounds(before.start, phase, zone, approved.get(ordinal))
        skipped = ordinal - before.ordinal - 1
        latest = None if before.ordinal == 0 else latest + timedelta(hours=phase.gap_max_hours * skipped)
    if after is not None:
        phase = definition.gap_before(after.ordinal) or definition.phases[0]
        most = approved_hours(definition, None, after, approved) or phase.gap_max_hours
        low = after.start - timedelta(hours=most)
        high = after.start - timedelta(hours=phase.gap_min_hours)
        earliest = low if earliest is None else max(earliest, low)
        latest = high if latest is None else min(latest, high)
    return earliest, latest
