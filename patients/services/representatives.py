"""Legal representatives of adult patients: recorded with what shows it, ended with a reason."""

from __future__ import annotations

from datetime import datetime

from patients.models import LegalRepresentative, Patient
from patients.services.contacts import opt_out
from staff.clock import app_now
from staff.errors import InvalidInput
from staff.history import acting
from staff.locks import lock
from staff.models import User
from staff.strict import parse_text


def record_representative(
    *,
    patient: Patient,
    name: str,
    relationship: str,
    authority: str,
    by: User,
    at: datetime | None = None,
) -> LegalRepresentative:
    """Somebody may sign for this patient; `authority` is the paper that was seen. The same person twice is one row."""
    called = parse_text(name, field="name", max_length=120, single_line=True)
    shown = parse_text(authority, field="authority", max_length=200, single_line=True)
    if not called:
        raise InvalidInput("Enter the name.", code="required", field="name")
    if not shown:
        raise InvalidInput("Say which paper you have seen.", code="required", field="authority")
    if relationship not in LegalRepresentative.Relationship.values:
        raise InvalidInput("Choose the legal ground.", code="choice", field="relationship")
    with acting(by):
        lock(patients=[patient.pk])
        same: LegalRepresentative | None = patient.representatives.filter(
            name__iexact=called, relationship=relationship, ended_at__isnull=True
        ).first()
        if same is not None:
            return same
        made: LegalRepresentative = LegalRepresentative.objects.create(
            patient=patient, name=called, relationship=relationship, authority=shown, recorded_by=by,
            recorded_at=at or app_now(),
        )  # fmt: skip
    return made


def end_representative(
    *, representative: LegalRepresentative, reason: str, by: User, at: datetime | None = None
) -> LegalRepresentative:
    """They no longer sign for the patient, and no message goes to their addresses. Twice changes nothing."""
    words = parse_text(reason, field="reason", max_length=200)
    if not words:
        raise InvalidInput("Say why it ended.", code="required", field="reason")
    now = at or app_now()
    with acting(by):
        lock(patients=[representative.patient_id])
        found: LegalRepresentative = LegalRepresentative.objects.get(pk=representative.pk)
        if found.ended_at is None:
            for point in found.contact_points.filter(opted_out_at__isnull=True):
                opt_out(contact_point=point, by=by, at=now)  # first: who is still written to is not ended
            found.ended_at, found.ended_by, found.ended_reason = now, by, words
            found.save(update_fields=["ended_at", "ended_by", "ended_reason"])
    return found
