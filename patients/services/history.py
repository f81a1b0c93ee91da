"""What is known of the patient from before: contraindications, and ketamine or esketamine given elsewhere."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from patients.contraindications import KINDS, OTHER
from patients.models import Contraindication, Patient, PriorExposure
from patients.services.people import locked
from staff.clock import app_now
from staff.errors import InvalidInput, StateConflict
from staff.history import acting
from staff.models import User
from staff.strict import parse_decimal, parse_integer, parse_text

MOST_MG = Decimal(100_000)
MOST_TREATMENTS = 2000
_NOTE, _SOURCE = 300, 200


def record_contraindication(
    *,
    patient: Patient,
    kind: str,
    by: User,
    at: datetime | None = None,
    severity: str = "",
    note: str = "",
) -> Contraindication:
    """Record what speaks against treatment. `severity` defaults to the usual weight of its kind.

    The same kind while one is open: StateConflict.
    """
    if kind not in KINDS:
        raise InvalidInput("Choose one from the list.", field="kind")
    weight = severity or KINDS[kind].severity
    if weight not in Contraindication.Severity.values:
        raise InvalidInput("Choose how it weighs.", field="severity")
    text = parse_text(note, field="note", max_length=_NOTE)
    if kind == OTHER and not text:
        raise InvalidInput("Say what it is.", code="required", field="note")
    with acting(by):
        found = locked(patient, None)
        if found.contraindications.filter(kind=kind, resolved_at__isnull=True).exists():
            raise StateConflict(
                "This is already recorded and still open.", code="already-recorded", field="kind"
            )
        return Contraindication.objects.create(
            patient=found, kind=kind, severity=weight, note=text, recorded_by=by, recorded_at=at or app_now()
        )


def resolve_contraindication(
    *, contraindication: Contraindication, by: User, at: datetime | None = None, reason: str
) -> Contraindication:
    """Say that it no longer applies, and why; the entry stays in the record."""
    text = parse_text(reason, field="reason", max_length=_NOTE)
    if not text:
        raise InvalidInput("Say why it no longer applies.", code="required", field="reason")
    with acting(by, reason=text):
        found = Contraindication.objects.select_for_update(of=("self",)).get(pk=contraindication.pk)
        if found.resolved_at is not None:
            raise StateConflict("This was resolved already.", code="already-resolved")
        found.resolved_at = at or app_now()
        found.save(update_fields=["resolved_at"])
    return found


def record_prior_exposure(
    *,
    patient: Patient,
    route: str,
    count: int,
    source: str,
    by: User,
    at: datetime | None = None,
    first_on: date | None = None,
    last_on: date | None = None,
    total_mg: Decimal | None = None,
) -> PriorExposure:
    """Ketamine or esketamine given elsewhere: how often, by which route, when, how much (None = not known),
    says who.

    An identical row on file is a StateConflict: nothing is counted twice.
    """
    at = at or app_now()
    if route not in PriorExposure.ROUTES:
        raise InvalidInput("Choose a route.", field="route")
    times = parse_integer(count, field="count", min_value=1, max_value=MOST_TREATMENTS)
    said_by = parse_text(source, field="source", max_length=_SOURCE, single_line=True)
    if not said_by:
        raise InvalidInput("Say where this is known from.", code="required", field="source")
    amount = None
    if total_mg is not None:
        amount = parse_decimal(
            total_mg, field="total_mg", min_value=Decimal("0.1"), max_value=MOST_MG, max_places=1, unit="mg"
        )
    _check_days(first_on, last_on, at.astimezone(ZoneInfo(patient.site.time_zone)).date())
    with acting(by):
        found = locked(patient, None)
        row = {
            "route": route,
            "count": times,
            "first_on": first_on,
            "last_on": last_on,
            "total_mg": amount,
            "source": said_by,
        }
        if found.prior_exposures.filter(**row).exists():
            raise StateConflict("Exactly this is on file already.", code="already-recorded")
        return PriorExposure.objects.create(patient=found, recorded_by=by, recorded_at=at, **row)


def _check_days(first_on: date | None, last_on: date | None, today: date) -> None:
    for name, day in (("first_on", first_on), ("last_on", last_on)):
        if day is not None and day > today:
            raise InvalidInput("This day lies in the future.", code="in-the-future", field=name)
    if first_on and last_on and first_on > last_on:
        raise InvalidInput("The last day is before the first.", code="out-of-order", field="last_on")
