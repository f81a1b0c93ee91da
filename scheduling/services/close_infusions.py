"""Infusions less than 36 h apart, or more than three within seven days: a prescriber's reason is asked and recorded,
at booking and at every move, and the part of the window that is lost is named. The database asks for the same record.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from protocols.definition import ProtocolDefinition
from scheduling.domain.closeness import Closeness, closeness
from scheduling.domain.intervals import as_utc
from scheduling.models import Appointment, SpacingDecision, TreatmentSeries
from scheduling.services.rules import VisitRules, named
from scheduling.services.seating import VisitChoice
from staff.errors import RuleNotMet

CODE, FIELD = "close-needs-prescriber", "close_reason"
AROUND = timedelta(days=8)
COUNTS = (*sorted(Appointment.BLOCKING), Appointment.Status.COMPLETED)


def other_starts(
    patient_id: int, wanted: Collection[datetime], *, without: Collection[int] = ()
) -> list[datetime]:
    """Starts of the patient's infusions given or booked around these moments, in any series; actual where begun."""
    if not wanted:
        return []
    low, high = min(map(as_utc, wanted)) - AROUND, max(map(as_utc, wanted)) + AROUND
    rows = Appointment.objects.infusions().filter(
        patient=patient_id, status__in=COUNTS, during__overlap=(low, high)
    )
    rows = rows.exclude(pk__in=without).select_related("infusion")
    return [
        row.infusion.started_at if row.infusion and row.infusion.started_at else row.during.lower
        for row in rows
    ]


def close_ones(
    definition: ProtocolDefinition,
    zone: ZoneInfo,
    minutes_to_therapy: int,
    starts: Mapping[int, datetime],
    others: Sequence[datetime],
) -> list[Closeness]:
    """Which of these infusions (start by ordinal) need a reason; of two close ones the later is named."""
    known, found = list(others), []
    for ordinal, start in sorted(starts.items()):
        close = closeness(
            ordinal, start, known, zone=zone, minutes_to_therapy=minutes_to_therapy, rule=definition.window
        )
        found += [close] if close else []
        known.append(start)
    return found


def check_close(
    rules: VisitRules,
    wanted: Sequence[VisitChoice],
    reason: str,
    *,
    series: TreatmentSeries | None = None,
    without: Collection[int] = (),
) -> list[Closeness]:
    """Those to be recorded with `reason`. Raises RuleNotMet unless `rules.by` is a prescriber who gave one.

    A decision recorded for an infusion of `series` before covers it as long as it does not come closer still.
    """
    starts = {item.ordinal: as_utc(item.start) for item in wanted}
    others = other_starts(rules.who.patient.pk, list(starts.values()), without=without)
    found = close_ones(rules.definition, rules.load.zone, rules.predicted.minutes, starts, others)
    if found and series is not None:
        decided = list(SpacingDecision.objects.filter(series=series))
        found = [item for item in found if not any(_covers(row, item) for row in decided)]
    if found and not (rules.by.may("infusion.order") and reason.strip()):
        with named(found[0].ordinal, rules.total, alone=True):
            words = f"{found[0].words} A prescriber decides, with a reason, before this is booked."
            raise RuleNotMet(words, code=CODE, field=FIELD)
    return found


def _covers(row: SpacingDecision, item: Closeness) -> bool:
    near = item.hours is None or (row.hours is not None and row.hours <= item.hours)
    many = item.in_seven_days is None or (
        row.in_seven_days is not None and row.in_seven_days >= item.in_seven_days
    )
    return row.ordinal == item.ordinal and near and many


def write_close(series: TreatmentSeries, found: Sequence[Closeness], reason: str, rules: VisitRules) -> None:
    """Record decisions that were checked."""
    SpacingDecision.objects.bulk_create(
        SpacingDecision(
            series=series,
            ordinal=item.ordinal,
            hours=item.hours,
            in_seven_days=item.in_seven_days,
            lost=item.words[:300],
            reason=reason.strip()[:200],
            decided_by=rules.by,
            decided_at=rules.at,
        )
        for item in found
    )
