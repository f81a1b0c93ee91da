"""Who the patient is, who treats them, and whether they are still a patient here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from patients.models import Patient
from patients.services import identity
from patients.signals import patient_died, patient_moved
from staff import roles
from staff.clock import app_now
from staff.errors import Clash, RuleNotMet, StaleVersion, StateConflict
from staff.history import acting
from staff.models import Licence, Site, User

MOVED = frozenset({"time_zone", "jurisdiction"})
NAMES = frozenset({"given_name", "family_name", "birth_date"})


def create_patient(
    *,
    site: Site,
    mrn: str,
    given_name: str,
    family_name: str,
    birth_date: date,
    sex: str,
    by: User,
    at: datetime | None = None,
    height_cm: Decimal | None = None,
    time_zone: str = "",
    language: str = "en",
    interpreter: str = "",
    jurisdiction: str = "",
    therapist: User | None = None,
    prescriber: User | None = None,
    confirm_different: bool = False,
) -> Patient:
    """Register a patient at `site`. Zone and jurisdiction default to the site's.

    `confirm_different` says that a person has compared the record with those of similar name: without it, a
    possible double is refused (RuleNotMet `similar-patient`). A record number in use at the site is a Clash.
    """
    at = at or app_now()
    values = identity.clean(
        {
            "mrn": mrn,
            "given_name": given_name,
            "family_name": family_name,
            "birth_date": birth_date,
            "sex": sex,
            "height_cm": height_cm,
            "time_zone": time_zone or site.time_zone,
            "language": language,
            "interpreter": interpreter,
            "jurisdiction": jurisdiction or site.jurisdiction,
        },
        today=_day(at, site),
    )
    patient = Patient(site=site, created_at=at, **values)
    _check_therapist(therapist, patient, at)
    _check_prescriber(prescriber, patient, at)
    patient.therapist, patient.prescriber = therapist, prescriber
    with acting(by):
        if not confirm_different:
            _refuse_double(patient)
        _save(patient)
    return patient


def update_patient(
    *,
    patient: Patient,
    changes: Mapping[str, Any],
    expected_version: int | None,
    by: User,
    at: datetime | None = None,
    confirm_different: bool = False,
) -> Patient:
    """Change identity fields. Raises StaleVersion, InvalidInput at the field, RuleNotMet `similar-patient`,
    Clash.
    """
    at = at or app_now()
    with acting(by):
        found = locked(patient, expected_version)
        values = identity.clean(changes, today=_day(at, found.site))
        changed = {name for name, value in values.items() if getattr(found, name) != value}
        if not changed:
            return found
        for name in changed:
            setattr(found, name, values[name])
        if changed & NAMES and not confirm_different:
            _refuse_double(found)
        _save(found, changed)
        if moved := changed & MOVED:
            patient_moved.send(Patient, patient=found, changed=frozenset(moved), by=by, at=at)
    return found


def assign_therapist(
    *,
    patient: Patient,
    therapist: User | None,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Patient:
    """Give the patient a licensed therapist, or (None) put them back into the unassigned pool."""
    at = at or app_now()
    with acting(by):
        found = locked(patient, expected_version)
        _check_therapist(therapist, found, at)
        return _set_person(found, "therapist", therapist)


def assign_prescriber(
    *,
    patient: Patient,
    prescriber: User | None,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Patient:
    """Give the patient a prescriber licensed where the infusions are given, or none."""
    at = at or app_now()
    with acting(by):
        found = locked(patient, expected_version)
        _check_prescriber(prescriber, found, at)
        return _set_person(found, "prescriber", prescriber)


def assign_team(
    *,
    patient: Patient,
    therapist: User | None,
    prescriber: User | None,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Patient:
    """Therapist and prescriber in one step: both or neither."""
    with acting(by):
        found = assign_therapist(
            patient=patient, therapist=therapist, by=by, at=at, expected_version=expected_version
        )
        return assign_prescriber(patient=found, prescriber=prescriber, by=by, at=at)


def set_status(
    *,
    patient: Patient,
    status: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
    correction: bool = False,
) -> Patient:
    """Active, inactive or deceased. `correction` takes back a death that was recorded by mistake."""
    if status not in Patient.Status.values:
        raise RuleNotMet("Choose active, inactive or deceased.", code="unknown-status", field="status")
    with acting(by):
        found = locked(patient, expected_version)
        if found.status == status:
            return found
        if found.status == Patient.Status.DECEASED and not correction:
            raise StateConflict(
                "This patient is recorded as deceased. Say that it was a mistake to undo it.", field="status"
            )
        found.status = status
        _save(found, {"status"})
        if status == Patient.Status.DECEASED:
            patient_died.send(Patient, patient=found, by=by, at=at or app_now())
    return found


def locked(patient: Patient, expected_version: int | None) -> Patient:
    """The current row, locked until the transaction ends. Raises StaleVersion when somebody changed it."""
    found = Patient.objects.select_for_update(of=("self",)).select_related("site").get(pk=patient.pk)
    if expected_version is not None and found.version != expected_version:
        raise StaleVersion("Somebody changed this patient's record since you opened it. Nothing was saved.")
    return found


def _day(at: datetime, site: Site) -> date:
    return at.astimezone(ZoneInfo(site.time_zone)).date()


def _set_person(patient: Patient, role: str, person: User | None) -> Patient:
    if getattr(patient, f"{role}_id") != (person.pk if person else None):
        setattr(patient, role, person)
        _save(patient, {role})
    return patient


def _save(patient: Patient, changed: set[str] | None = None) -> None:
    """Write, raising the version of an existing row. A record number in use becomes a Clash at its field."""
    if changed is not None:
        patient.version += 1
    try:
        with transaction.atomic():
            patient.save(update_fields=None if changed is None else [*changed, "version"])
    except IntegrityError as error:
        if (
            getattr(getattr(error.__cause__, "diag", None), "constraint_name", "")
            != "patient_mrn_unique_at_site"
        ):
            raise
        raise Clash("This record number is in use at this site.", code="mrn-in-use", field="mrn") from error


def _refuse_double(patient: Patient) -> None:
    """Hazard H1: a second record of one person, or two people who could be taken for each other."""
    others = Patient.objects.filter(site_id=patient.site_id).exclude(pk=patient.pk)
    alike = others.similar_to(
        given_name=patient.given_name, family_name=patient.family_name, birth_date=patient.birth_date
    )
    if alike.exists():
        raise RuleNotMet(
            "A patient with a similar name is on file at this site. "
            "Compare them, then confirm that this is another person.",
            code="similar-patient",
            field="confirm_different",
        )


def _check_therapist(person: User | None, patient: Patient, at: datetime) -> None:
    if person is None:
        return
    _check_person(person, patient.site, roles.THERAPIST, "therapist")
    _check_licence(
        person, Licence.Profession.THERAPIST, patient.jurisdiction, _day(at, patient.site), "therapist"
    )


def _check_prescriber(person: User | None, patient: Patient, at: datetime) -> None:
    if person is None:
        return
    _check_person(person, patient.site, roles.CLINICIAN, "prescriber")
    day = _day(at, patient.site)
    _check_licence(person, Licence.Profession.PRESCRIBER, patient.site.jurisdiction, day, "prescriber")


def _check_person(person: User, site: Site, role: str, field: str) -> None:
    if not person.is_active or role not in person.role_names or site.pk not in person.site_ids():
        raise RuleNotMet(
            f"{person.full_name} does not work at {site.name} as a {field}.", code="wrong-person", field=field
        )


def _check_licence(person: User, profession: str, jurisdiction: str, day: date, field: str) -> None:
    licences = Licence.objects.filter(user=person, profession=profession, jurisdiction=jurisdiction)
    if not licences.filter(valid_during__contains=day).exists():
        raise RuleNotMet(
            f"{person.full_name} holds no {field} licence for {jurisdiction} today.",
            code="no-licence",
            field=field,
        )
