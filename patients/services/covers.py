"""Who may see a patient for a while because they cover for somebody."""

from __future__ import annotations

from datetime import datetime

from patients.models import Patient, PatientCover
from staff.errors import InvalidInput
from staff.history import acting
from staff.models import User


def grant_cover(
    *, patient: Patient, user: User, until: datetime, reason: str, by: User, at: datetime
) -> PatientCover | None:
    """`user` may see the patient from `at` until `until`. None when they may already, as the patient's own therapist
    or through a cover that lasts at least as long. Raises InvalidInput unless `until` is after `at`.
    """
    if until <= at:
        raise InvalidInput("The cover must end after it starts.", code="order", field="until")
    if patient.therapist_id == user.pk:
        return None
    with acting(by):
        rows = PatientCover.objects.filter(patient=patient, user=user, from_at__lte=at, ended_at__isnull=True)
        if rows.filter(until_at__gte=until).exists():
            return None
        made: PatientCover = PatientCover.objects.create(
            patient=patient,
            user=user,
            from_at=at,
            until_at=until,
            reason=reason[:120],
            granted_by=by,
            granted_at=at,
        )
    return made
