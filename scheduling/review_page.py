"""What a prescriber looks at before a review is signed: what was given, and how the scores went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from protocols.wording import INSTRUMENTS, named
from scheduling.models import TreatmentSeries
from sessions.models import AdverseEvent, Infusion, OutcomeScore


@dataclass(frozen=True)
class GivenLine:
    """One infusion of the course: when it started, what was given, hours since the start before it."""

    ordinal: int
    started_at: datetime
    delivered_mg: Decimal | None
    gap_hours: int | None
    events: int
    runs: bool = False


@dataclass(frozen=True)
class ScoreLine:
    """First and last score of an instrument since a fortnight before the course; `fall` in per cent of the first."""

    instrument: str
    first: int
    first_at: datetime
    last: int
    last_at: datetime

    @property
    def fall(self) -> int | None:
        """Per cent; None when the first score was 0 or there is only one."""
        if self.first <= 0 or self.first_at == self.last_at:
            return None
        return round(100 * (self.first - self.last) / self.first)


def given_lines(series: TreatmentSeries) -> list[GivenLine]:
    """The infusions of the course that were started, in order."""
    rows = list(Infusion.objects.started().filter(appointment__series=series).order_by("started_at"))
    found: list[GivenLine] = []
    before: datetime | None = None
    counted: dict[int, int] = {}
    for pk in AdverseEvent.objects.filter(infusion__in=rows, withdrawn_at__isnull=True).values_list(
        "infusion_id", flat=True
    ):
        counted[pk] = counted.get(pk, 0) + 1
    for row in rows:
        start: datetime = row.started_at
        gap = None if before is None else round((start - before).total_seconds() / 3600)
        given = row.delivered_mg if row.stopped_at else None
        found.append(
            GivenLine(row.ordinal, start, given, gap, counted.get(row.pk, 0), row.stopped_at is None)
        )
        before = start
    return found


def score_lines(series: TreatmentSeries) -> list[ScoreLine]:
    """One line for each instrument asked since the course was booked."""
    rows = OutcomeScore.objects.filter(patient=series.patient)
    found: dict[str, ScoreLine] = {}
    for row in rows.order_by("taken_at", "pk"):
        name = named(INSTRUMENTS, row.instrument)
        first = found.get(name)
        if first is None or row.taken_at < series.booked_at:
            found[name] = ScoreLine(name, row.total, row.taken_at, row.total, row.taken_at)
        else:
            found[name] = ScoreLine(name, first.first, first.first_at, row.total, row.taken_at)
    return list(found.values())
