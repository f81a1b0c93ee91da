"""The sixty sample patients: registered, reachable (most of them), consented and taught (most of them)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from patients import services as people
from patients.models import Patient
from protocols.models import ProtocolDocument, ProtocolVersion
from scheduling.demo import cast
from scheduling.demo.answers import add_escort, add_representative
from scheduling.demo.premises import House
from sessions import services as facts
from staff import roles

NO_CONTACT_EVERY, TEXT_EVERY, UNASSIGNED_EVERY, ESCORT_EVERY = 15, 6, 7, 4
INTERPRETER_EVERY, REPRESENTED_EVERY = 13, 17


@dataclass(frozen=True)
class Registered:
    """A patient and the weight, in kg, that the story uses for them."""

    patient: Patient
    weight_kg: Decimal


def register(house: House, number: int, random: Random) -> Registered:
    """Patient `number` of the cast, with an address and a team. Every seventh has no therapist yet."""
    given, family = cast.GIVEN[number], cast.FAMILY[number]
    sex = "M" if random.random() < 0.45 else "F"
    height = Decimal(random.randint(158, 172) if sex == "F" else random.randint(170, 188))
    weight = Decimal(random.randint(56, 84) if sex == "F" else random.randint(66, 96))
    coordinator = house.person(roles.COORDINATOR)
    patient = people.create_patient(
        site=house.site,
        mrn=f"{house.site.short_name[:2].upper()}-{1040 + 7 * number}",
        given_name=given,
        family_name=family,
        birth_date=date(random.randint(1958, 2002), random.randint(1, 12), random.randint(1, 28)),
        sex=sex,
        height_cm=height,
        by=coordinator,
        interpreter="Spanish" if number % INTERPRETER_EVERY == 5 else "",
        therapist=None if number % UNASSIGNED_EVERY == 0 else house.person(roles.THERAPIST, number + 1),
        prescriber=house.person(roles.CLINICIAN, number),
        confirm_different=True,
    )
    if number % NO_CONTACT_EVERY:
        _make_reachable(house, patient, number)
    if number % ESCORT_EVERY == 1:
        add_escort(house, patient, number)
    if number % REPRESENTED_EVERY == 3:
        add_representative(house, patient, number)
    return Registered(patient, weight)


def _make_reachable(house: House, patient: Patient, number: int) -> None:
    coordinator = house.person(roles.COORDINATOR)
    if number % TEXT_EVERY == 0:
        channel, address = "sms", f"+1503555{1000 + number:04d}"
    else:
        channel, address = "email", f"{patient.given_name}.{patient.family_name}@mail.example".lower()
    point = people.add_contact_point(
        patient=patient, channel=channel, address=address, by=coordinator, preferred=True
    )
    people.verify_contact_point(contact_point=point, address_again=address, by=coordinator)
    people.consent_contact_point(contact_point=point, by=coordinator)


def prepare(house: House, patient: Patient, version: ProtocolVersion, at: datetime) -> None:
    """Eligibility signed, consent and education for this version, all at `at`."""
    sign_eligible(house, patient, version, at)
    documents = {document.kind: document for document in version.documents.all()}
    clinician, nurse = house.person(roles.CLINICIAN), house.person(roles.NURSE)
    facts.record_consent(
        patient=patient,
        document=documents[ProtocolDocument.Kind.CONSENT],
        by=clinician,
        given_at=at,
        representative=patient.representatives.first(),
    )
    facts.record_education(
        patient=patient,
        document=documents[ProtocolDocument.Kind.EDUCATION],
        experience_not_needed=True,
        work_happens_afterwards=True,
        no_driving_understood=True,
        by=nurse,
        taught_at=at + timedelta(minutes=20),
        at=at + timedelta(minutes=20),
    )


def sign_eligible(house: House, patient: Patient, version: ProtocolVersion, at: datetime) -> None:
    """The patient's prescriber goes through the version's checklist and signs it."""
    asked = facts.eligibility_lines(patient, version)
    facts.sign_eligibility(
        patient=patient,
        version=version,
        answers=dict.fromkeys((line.code for line in asked), "absent"),
        by=patient.prescriber or house.person(roles.CLINICIAN),
        at=at,
    )


def had_elsewhere(patient: Patient, house: House, count: int, at: datetime, *, days: int = 40) -> None:
    """So many infusions at another clinic in the last months, the last one `days` ago, by its letter."""
    people.record_prior_exposure(
        patient=patient, route="iv", count=count, source="Letter of the clinic before", by=house.person(roles.NURSE),
        first_on=(at - timedelta(days=200)).date(), last_on=(at - timedelta(days=days)).date(), at=at,
    )  # fmt: skip


def score(patient: Patient, house: House, instrument: str, total: int, at: datetime) -> None:
    """One total of an instrument."""
    facts.record_outcome(
        patient=patient,
        instrument=instrument,
        total=total,
        item_9=0 if instrument == "phq9" else None,
        taken_at=at,
        by=house.person(roles.CLINICIAN),
        at=at,
    )
