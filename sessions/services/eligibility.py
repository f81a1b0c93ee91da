"""The signed eligibility checklist: a series starts only with one (decisions 2.9, clinic-day 13)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from patients.models import Patient
from protocols.models import ProtocolVersion
from sessions.eligibility import check_contraindications
from sessions.eligibility_list import ACCEPTED, Line, check_answers, lines, same_checklist
from sessions.models import EligibilitySignOff
from sessions.services._record import act, moment, need_role
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.locks import lock
from staff.models import User

MEANING = "I have gone through this list with the patient's record. Nothing on it rules treatment out."


def eligibility_lines(patient: Patient, version: ProtocolVersion) -> tuple[Line, ...]:
    """What a prescriber answers for this patient: the version's list and what the record adds to it."""
    recorded = dict(
        patient.contraindications.filter(resolved_at__isnull=True).values_list("kind", "severity")
    )
    return lines(version.read(), recorded)


def standing_eligibility(patient: Patient, version: ProtocolVersion) -> EligibilitySignOff | None:
    """The standing signature for this version, run out or not: made on a version with the same list and age."""
    rows = EligibilitySignOff.objects.standing().filter(patient=patient)
    wanted = version.read()
    for row in rows.select_related("protocol_version", "signed_by"):
        if row.protocol_version_id == version.pk or same_checklist(row.protocol_version.read(), wanted):
            return row
    return None


def eligibility_until(signed: EligibilitySignOff, version: ProtocolVersion) -> datetime:
    """When a signature runs out for a version (exclusive): elapsed days, as many as that version says."""
    return signed.signed_at + timedelta(days=version.read().eligibility_days)


def eligibility_in_force(
    patient: Patient, version: ProtocolVersion, at: datetime | None = None
) -> EligibilitySignOff | None:
    """The standing signature that holds for this version at `at` (now): it has not run out."""
    row = standing_eligibility(patient, version)
    return row if row is not None and (at or app_now()) < eligibility_until(row, version) else None


@act
def sign_eligibility(
    *,
    patient: Patient,
    version: ProtocolVersion,
    answers: Mapping[str, str],
    by: User,
    reason: str = "",
    at: datetime | None = None,
) -> EligibilitySignOff:
    """Sign the version's list; the signature for the same list before it is superseded.

    `answers`: absent or accepted by code, for every line. Raises NotAllowed without the prescriber's role,
    StateConflict for a text that was never published, RuleNotMet for what rules treatment out and for an age below
    the version's minimum, InvalidInput for a line that is not answered.
    """
    now = moment(at)
    need_role(by, "infusion.order", "Only a prescriber signs the eligibility checklist.")
    if version.status not in ProtocolVersion.PUBLISHED:
        raise StateConflict("This text is not published yet.", code="not-published")
    lock(patients=[patient.pk])
    definition = version.read()
    for found in check_contraindications(
        {}, age_years=patient.age_on(now.date()), minimum_age=definition.minimum_age_years
    ):
        raise RuleNotMet(f"{found.message} {found.what_to_do}", code="eligibility-age")
    asked = eligibility_lines(patient, version)
    check_answers(asked, answers, reason)
    if len(reason) > 300:
        raise InvalidInput("Use at most 300 characters.", code="too-long", field="reason")
    for row in (
        EligibilitySignOff.objects.standing().filter(patient=patient).select_related("protocol_version")
    ):
        if same_checklist(row.protocol_version.read(), definition):
            row.superseded_at = now
            row.save(update_fields=["superseded_at"])
    signed: EligibilitySignOff = EligibilitySignOff.objects.create(
        patient=patient,
        protocol_version=version,
        answers={line.code: answers[line.code] for line in asked},
        accepted=sorted(code for code, answer in answers.items() if answer == ACCEPTED),
        reason=reason.strip(),
        signed_at=now,
        signed_by=by,
        signed_name=by.full_name,
    )
    return signed


@act
def withdraw_eligibility(
    *, sign_off: EligibilitySignOff, reason: str, by: User, at: datetime | None = None
) -> EligibilitySignOff:
    """A prescriber no longer stands by it: no series starts and nobody is checked in on it. Twice changes nothing."""
    now = moment(at)
    need_role(by, "infusion.order", "Only a prescriber withdraws a signed eligibility checklist.")
    if not reason.strip():
        raise InvalidInput("Say why it no longer holds.", code="required", field="reason")
    lock(patients=[sign_off.patient_id])
    found: EligibilitySignOff = EligibilitySignOff.objects.select_for_update(of=("self",)).get(pk=sign_off.pk)
    if found.withdrawn_at is None:
        found.withdrawn_at, found.withdrawn_by, found.withdrawn_reason = now, by, reason.strip()[:300]
        found.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])
    return found


def was_withdrawn(patient: Patient, version: ProtocolVersion) -> EligibilitySignOff | None:
    """The latest signature for this list, when a prescriber took it back and none was given since."""
    wanted = version.read()
    rows = EligibilitySignOff.objects.filter(patient=patient, superseded_at__isnull=True)
    for row in rows.select_related("protocol_version").order_by("-signed_at", "-pk"):
        if same_checklist(row.protocol_version.read(), wanted):
            return row if row.withdrawn_at is not None else None
    return None
