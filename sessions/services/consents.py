"""Consent and education. Withdrawal is accepted at every moment; consent is not taken under the drug."""

from __future__ import annotations

from datetime import datetime, timedelta

from patients.models import LegalRepresentative, Patient
from protocols.models import ProtocolDocument
from sessions import signals
from sessions.models import Consent, EducationRecord, Infusion
from sessions.services._record import act, moment, not_in_future
from sessions.services.estimates import therapy_time
from sessions.services.readiness import consent_in_force, refresh_ready
from staff.errors import InvalidInput, RuleNotMet
from staff.locks import lock
from staff.models import User

VALID_FOR = timedelta(days=365)


@act
def record_consent(
    *,
    patient: Patient,
    document: ProtocolDocument,
    by: User,
    given_at: datetime | None = None,
    valid_until: datetime | None = None,
    representative: LegalRepresentative | None = None,
    at: datetime | None = None,
) -> Consent:
    """Consent to one text, valid for a year unless said otherwise (end exclusive).

    `representative`: who signed for the patient; None = the patient. Raises RuleNotMet when given between the start of
    an infusion and the time from which therapy may begin, and InvalidInput for a text of another kind, an end before
    the beginning, or a representative who does not (or no longer) sign for this patient. The same consent twice is
    stored once.
    """
    now = moment(at)
    given = not_in_future(given_at or now, now, "given_at")
    _need_kind(document, ProtocolDocument.Kind.CONSENT)
    lock(patients=[patient.pk])
    under = drug_effect_at(patient, given)
    if under is not None:
        raise RuleNotMet(
            "Consent is not taken while the drug acts. Ask again after the therapy time.",
            code="consent-under-drug-effect",
            field="given_at",
        )
    until = valid_until or given + VALID_FOR
    if until <= given:
        raise InvalidInput("The end must come after the consent.", code="order", field="valid_until")
    if representative is not None:
        representative = _signs_for(patient, representative)
    same: Consent | None = patient.consents.filter(
        document=document, given_at=given, withdrawn_at=None, representative=representative
    ).first()
    if same is not None:
        return same
    consent: Consent = Consent.objects.create(
        patient=patient,
        document=document,
        given_at=given,
        valid_until=until,
        representative=representative,
        signed_by_name=representative.name if representative else "",
        relationship=representative.get_relationship_display() if representative else "",
        recorded_by=by,
        recorded_at=now,
    )
    _refresh_open_record(patient, now)
    return consent


def _signs_for(patient: Patient, representative: LegalRepresentative) -> LegalRepresentative:
    row: LegalRepresentative | None = patient.representatives.filter(
        pk=representative.pk, ended_at__isnull=True
    ).first()
    if row is None:
        raise InvalidInput(
            "This person does not sign for the patient.", code="unknown-representative", field="signed_by"
        )
    return row


@act
def withdraw_consent(
    *, consent: Consent, by: User, withdrawn_at: datetime | None = None, at: datetime | None = None
) -> Consent:
    """Withdraw it. Accepted at every moment, also while the pump runs; saying it twice changes nothing."""
    now = moment(at)
    lock(patients=[consent.patient_id])
    found: Consent = Consent.objects.select_for_update(of=("self",)).get(pk=consent.pk)
    if found.withdrawn_at is None:
        said = not_in_future(withdrawn_at or now, now, "withdrawn_at")
        found.withdrawn_at = max(said, found.given_at)
        found.save(update_fields=["withdrawn_at"])
        _refresh_open_record(found.patient, now)
        _ask_to_stop(found.patient, by, now)
    return found


def _ask_to_stop(patient: Patient, by: User, now: datetime) -> None:
    """Withdrawn while the pump runs: that is to be stopped at once, and a prescriber is told."""
    for infusion in Infusion.objects.for_record().filter(patient=patient, status__in=Infusion.RUNNING):
        if consent_in_force(infusion, now) is None:
            signals.tell(
                signals.prescriber_asked, infusion=infusion, topic="consent-withdrawn", by=by, at=now
            )


@act
def record_education(
    *,
    patient: Patient,
    document: ProtocolDocument,
    experience_not_needed: bool,
    work_happens_afterwards: bool,
    no_driving_understood: bool,
    by: User,
    taught_at: datetime | None = None,
    at: datetime | None = None,
) -> EducationRecord:
    """Education given, and how the three teach-back questions were answered. The same record twice is stored
    once.
    """
    now = moment(at)
    _need_kind(document, ProtocolDocument.Kind.EDUCATION)
    taught = not_in_future(taught_at or now, now, "taught_at")
    answers = {
        "experience_not_needed": experience_not_needed,
        "work_happens_afterwards": work_happens_afterwards,
        "no_driving_understood": no_driving_understood,
    }
    lock(patients=[patient.pk])
    same: EducationRecord | None = patient.education_records.filter(
        document=document, taught_at=taught, **answers
    ).first()
    if same is not None:
        return same
    record: EducationRecord = EducationRecord.objects.create(
        patient=patient, document=document, taught_at=taught, recorded_by=by, recorded_at=now, **answers
    )
    _refresh_open_record(patient, now)
    return record


def drug_effect_at(patient: Patient, at: datetime) -> Infusion | None:
    """The infusion whose no-therapy period [start, T0) holds `at`; unsigned, until its estimate."""
    for infusion in (
        Infusion.objects.for_record().filter(patient=patient, started_at__lte=at).order_by("-started_at")[:3]
    ):
        ends = therapy_time(infusion).at
        if infusion.status in Infusion.RUNNING or ends is None or at < ends:
            return infusion
    return None


def _need_kind(document: ProtocolDocument, kind: str) -> None:
    if document.kind != kind:
        raise InvalidInput("This text is of another kind.", code="wrong-document", field="document")


def _refresh_open_record(patient: Patient, now: datetime) -> None:
    """A patient already in the chair becomes ready (or not) with what was just recorded."""
    for infusion in (
        Infusion.objects.for_record()
        .select_for_update(of=("self",), no_key=True)
        .filter(patient=patient, status__in=Infusion.BEFORE_START)
    ):
        refresh_ready(infusion, now)
        infusion.save(update_fields=["status"])
