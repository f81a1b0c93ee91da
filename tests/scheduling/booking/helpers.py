"""Choices and bookings that several test modules need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from scheduling.models import Appointment, TreatmentSeries
from scheduling.services import series as series_service
from scheduling.services.seating import VisitChoice
from tests.factories import Clinic

WEIGHT = Decimal("70.0")


def local(clinic: Clinic, day: int, hour: int = 9, minute: int = 0, month: int = 3) -> datetime:
    """A wall-clock time of March 2026 at the clinic's site, in UTC."""
    zone = ZoneInfo(clinic.site.time_zone)
    return datetime(2026, month, day, hour, minute, tzinfo=zone).astimezone(UTC)


def choice(clinic: Clinic, ordinal: int, start: datetime, **over: Any) -> VisitChoice:
    """A visit in the first chair, with the only nurse and prescriber."""
    fields = {
        "chair": str(clinic.chairs[0].code),
        "nurse": str(clinic.nurse_lane.code),
        "prescriber": str(clinic.clinician_lane.code),
    }
    return VisitChoice(ordinal=ordinal, start=start, **(fields | over))


def six(clinic: Clinic, first_day: int = 5, hour: int = 9, **over: Any) -> list[VisitChoice]:
    """Six visits Thursday, Monday, ... from Thursday 5 March 2026, at the same wall clock."""
    days = [first_day + n for n in (0, 4, 7, 11, 14, 18)]
    return [choice(clinic, n, local(clinic, day, hour), **over) for n, day in enumerate(days, start=1)]


def book(clinic: Clinic, **over: Any) -> TreatmentSeries:
    """The series of `six`, booked by the coordinator."""
    fields: dict[str, Any] = {
        "patient": clinic.patient,
        "protocol_version": clinic.version,
        "weight_kg": WEIGHT,
        "visits": six(clinic),
        "by": clinic.coordinator,
    }
    return series_service.book_series(**(fields | over))


def visits_of(series: TreatmentSeries) -> list[Appointment]:
    """Infusion visits in order."""
    return list(series.appointments.infusions().order_by("ordinal", "pk"))


def minutes(count: int) -> timedelta:
    """Short for timedelta(minutes=...)."""
    return timedelta(minutes=count)
