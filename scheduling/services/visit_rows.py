"""Rows of visits that were judged, and what each takes of its chair and people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from scheduling.domain.intervals import as_utc
from scheduling.models import Appointment, TreatmentSeries
from scheduling.ranges import as_range
from scheduling.services.lanes import Occupation, occupy
from scheduling.services.rules import (
    VisitRules,
)
from scheduling.services.seating import Seat, VisitChoice, parts_of, stay

Status = Appointment.Status


def write_visits(
    series: TreatmentSeries,
    rules: VisitRules,
    wanted: Sequence[VisitChoice],
    seats: Sequence[Seat],
    *,
    hold_minutes: int = 0,
) -> list[Appointment]:
    """Rows of visits that were judged, with their lanes."""
    rows = [
        Appointment(
            kind=Appointment.Kind.INFUSION,
            status=Status.RESERVED if hold_minutes else Status.BOOKED,
            held_until=rules.at + timedelta(minutes=hold_minutes) if hold_minutes else None,
            patient=series.patient,
            site=series.site,
            series=series,
            ordinal=choice.ordinal,
            during=_range(rules, choice.start),
            predicted_t0=rules.therapy_from(choice.start),
            practitioner=seat.prescriber.row.user,
            booked_by=rules.by,
            booked_at=rules.at,
        )
        for choice, seat in zip(wanted, seats, strict=True)
    ]
    Appointment.objects.bulk_create(rows)
    occupy([item for row, seat in zip(rows, seats, strict=True) for item in occupations(row, rules, seat)])
    return rows


def _range(rules: VisitRules, start: datetime) -> Any:
    during = stay(rules.definition, as_utc(start))
    return as_range(during.start, during.end)


def occupations(visit: Appointment, rules: VisitRules, seat: Seat) -> list[Occupation]:
    """What a visit takes of its chair and people; `during` of the row is already the wanted one."""
    return [
        Occupation(visit, part.resource.row, part.during, part.load)
        for part in parts_of(rules.definition, seat, visit.during.lower)
    ]
