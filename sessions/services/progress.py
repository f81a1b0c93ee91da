"""What stands beside the severity scores: nights one and two after an infusion, function, practice days, own goal."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from patients.models import Patient
from sessions.models import Infusion, NightReport, ProgressReport
from sessions.services._record import act, moment, not_in_future
from staff.errors import InvalidInput, RuleNotMet
from staff.locks import lock
from staff.models import User

MOST_HOURS = Decimal(24)
RANGES = {"function": 10, "practice_days": 7, "goal_rating": 10}


@act
def record_night(
    *,
    infusion: Infusion,
    night: int,
    hours_slept: Decimal,
    by: User | None,
    quality: int | None = None,
    at: datetime | None = None,
) -> NightReport:
    """Store how the patient slept in night 1 or 2 after the infusion (`by` None = answered through a link).

    A different report of the same night supersedes the one before it; the same one twice is stored once. Raises
    InvalidInput at `night`, `hours_slept` or `quality`; RuleNotMet before the pump has stopped.
    """
    now = moment(at)
    if night not in (1, 2):
        raise InvalidInput("Choose the first or the second night.", code="unknown-night", field="night")
    if not hours_slept.is_finite() or not 0 <= hours_slept <= MOST_HOURS:
        raise InvalidInput("Enter 0 to 24 hours.", code="range", field="hours_slept")
    if quality is not None and quality not in NightReport.QUALITY:
        raise InvalidInput("Choose how good the sleep was, 1 to 5.", code="range", field="quality")
    lock(patients=[infusion.patient_id])
    if infusion.stopped_at is None or infusion.stopped_at > now:
        raise RuleNotMet("The nights count from the end of the infusion.", code="not-stopped", field="night")
    slept = hours_slept.quantize(Decimal("0.1"))
    current = NightReport.objects.current().filter(infusion=infusion, night=night).first()
    if current is not None:
        if (current.hours_slept, current.quality) == (slept, quality):
            return current
        current.superseded_at = now
        current.save(update_fields=["superseded_at"])
    stored: NightReport = NightReport.objects.create(
        patient=infusion.patient, infusion=infusion, night=night, hours_slept=slept, quality=quality,
        entered_at=now, entered_by=by,
    )  # fmt: skip
    return stored


@act
def record_progress(
    *,
    patient: Patient,
    by: User | None,
    function: int | None = None,
    practice_days: int | None = None,
    goal_rating: int | None = None,
    taken_at: datetime | None = None,
    at: datetime | None = None,
) -> ProgressReport:
    """Store daily function (0 to 10), practice days of the last seven, and the rating of the patient's own
    goal (0 to 10).

    What was not asked stays empty and is never counted as 0. Raises InvalidInput at the field, RuleNotMet at
    `taken_at` for a time ahead. The same report twice is stored once.
    """
    now = moment(at)
    values = {"function": function, "practice_days": practice_days, "goal_rating": goal_rating}
    if all(value is None for value in values.values()):
        raise InvalidInput("Enter at least one of the three.", code="required", field="function")
    for name, value in values.items():
        if value is not None and (isinstance(value, bool) or not 0 <= value <= RANGES[name]):
            raise InvalidInput(f"Enter 0 to {RANGES[name]}.", code="range", field=name)
    taken = not_in_future(taken_at or now, now, "taken_at")
    same: ProgressReport | None = patient.progress_reports.filter(
        taken_at=taken, entered_by=by, **values
    ).first()
    if same is not None:
        return same
    stored: ProgressReport = ProgressReport.objects.create(
        patient=patient, taken_at=taken, entered_at=now, entered_by=by, **values
    )
    return stored
