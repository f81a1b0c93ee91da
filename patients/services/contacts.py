"""How a patient may be written to. An address is used only when verified, consented and not opted out (model
`usable`).

An address is never edited: a new one is added and verified, the old one opted out. So no verification
outlives its address (hazard H8). An opt-out is accepted at every moment, whoever asks and whatever the state
(decisions 2.9).
"""

from __future__ import annotations

from datetime import datetime, time

from django.db import IntegrityError, transaction

from patients.contact import QUIET_FROM, QUIET_UNTIL
from patients.models import (
    ContactPoint,
    ContactPreference,
    ExternalTherapist,
    LegalRepresentative,
    Patient,
)
from patients.services.addresses import normalise
from patients.signals import contacts_changed
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet, StaleVersion, StateConflict
from staff.fields import blind_index, blind_indexes
from staff.history import acting
from staff.locks import lock
from staff.models import User
from staff.strict import parse_text

Whose = ContactPoint.Whose
OF_OTHERS = frozenset({Whose.ESCORT, Whose.EXTERNAL})  # never written to in the patient's place
SHORTEST_DAY_HOURS = 4  # fewer hours a day than this and reminders could no longer arrive in time


def add_contact_point(
    *,
    patient: Patient,
    channel: str,
    address: str,
    by: User,
    at: datetime | None = None,
    preferred: bool = False,
    whose: str = Whose.PATIENT,
    person_name: str = "",
    patient_agrees: bool = False,
    representative: LegalRepresentative | None = None,
    external: ExternalTherapist | None = None,
) -> ContactPoint:
    """Put an e-mail address or a mobile number on file. The patient's first one is preferred. Twice the same:
    StateConflict.

    `whose` escort: of the adult who takes the patient home, by name, never used first; the patient must agree that
    this person is told days and times. `whose` representative: of `representative`, who signs for this patient now.
    `whose` external: of `external`, the patient's therapist outside the clinic, never used first.
    Raises InvalidInput at `whose`, `person_name`, `patient_agrees`, `preferred`, `representative`, `external`.
    """
    at = at or app_now()
    name = _escort_name(whose, person_name, patient_agrees=patient_agrees, preferred=preferred)
    _check_representative(patient, whose, representative)
    _check_external(patient, whose, external, preferred=preferred)
    plain = normalise(channel, address, country=patient.site.country)
    with acting(by):
        lock(patients=[patient.pk])
        points = ContactPoint.objects.select_for_update().filter(patient=patient)
        known = list(points)
        first = whose == Whose.PATIENT and not any(point.preferred for point in known)
        if preferred and not first:
            points.filter(preferred=True).update(preferred=False)
        point = ContactPoint(
            patient=patient,
            channel=channel,
            whose=whose,
            person_name=name,
            patient_agreed_at=at if whose == Whose.ESCORT else None,
            representative=representative,
            external_therapist=external,
            address=plain,
            address_index=blind_index(plain),
            preferred=preferred or first,
            created_at=at,
        )
        on_file = StateConflict(
            "This address is already on file for this patient.", code="address-on-file", field="address"
        )
        if any(
            item.channel == channel and item.address_index in blind_indexes(plain)[1:] for item in known
        ):  # from before the key was changed
            raise on_file
        try:
            with transaction.atomic():
                point.save()
        except IntegrityError as error:
            raise on_file from error
    return point


def _escort_name(whose: str, typed: str, *, patient_agrees: bool, preferred: bool) -> str:
    """The name to store; empty for any other address."""
    if whose not in Whose.values:
        raise InvalidInput("Say whose address this is.", field="whose")
    if whose != Whose.ESCORT:
        return ""
    name = parse_text(typed, field="person_name", max_length=80, single_line=True) if typed.strip() else ""
    if not name:
        raise InvalidInput("Enter the name of the adult who takes the patient home.", field="person_name")
    if not patient_agrees:
        raise InvalidInput(
            "Ask the patient first: without their agreement nobody else is told.", field="patient_agrees"
        )
    if preferred:
        raise InvalidInput("An escort's address is never used first.", field="preferred")
    return name


def _check_representative(patient: Patient, whose: str, person: LegalRepresentative | None) -> None:
    if whose != Whose.REPRESENTATIVE:
        if person is not None:
            raise InvalidInput(
                "Say that it is the address of a legal representative.", code="whose", field="whose"
            )
        return
    if person is None:
        raise InvalidInput(
            "Say which legal representative has this address.", code="required", field="representative"
        )
    if person.patient_id != patient.pk or person.ended_at is not None:
        raise InvalidInput(
            "This person does not represent the patient.",
            code="unknown-representative",
            field="representative",
        )


def _check_external(
    patient: Patient, whose: str, person: ExternalTherapist | None, *, preferred: bool
) -> None:
    if (whose == Whose.EXTERNAL) != (person is not None):
        raise InvalidInput(
            "Say which therapist outside the clinic has this address.", code="required", field="external"
        )
    if person is None:
        return
    theirs = person.pk == patient.external_therapist_id or patient.releases.filter(therapist=person).exists()
    if person.site_id != patient.site_id or not theirs:
        raise InvalidInput("This person does not treat the patient.", code="unknown-person", field="external")
    if preferred:
        raise InvalidInput("This address is never used first.", field="preferred")


def verify_contact_point(
    *,
    contact_point: ContactPoint,
    address_again: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> ContactPoint:
    """Whoever has the address was called and has read it back, and it was typed again without looking: both must be
    the same.

    Raises RuleNotMet `does-not-match` at `address_again`.
    """
    again = normalise(contact_point.channel, address_again, country=contact_point.patient.site.country)
    with acting(by):
        point = _locked(contact_point, expected_version)
        if point.address_index not in blind_indexes(again):
            raise RuleNotMet(
                "This is not the address on file. Ask again; if it has changed, add the new one.",
                code="does-not-match",
                field="address_again",
            )
        if point.verified_at is None:
            _change(point, verified_at=at or app_now())
            _tell(point.patient, by, at)
    return point


def consent_contact_point(
    *, contact_point: ContactPoint, by: User, at: datetime | None = None, expected_version: int | None = None
) -> ContactPoint:
    """Whoever has this address agrees to messages to it. Takes back an earlier opt-out of it. Raises StateConflict for
    one of a representative who represents the patient no longer.
    """
    with acting(by):
        point = _locked(contact_point, expected_version)
        if point.representative is not None and point.representative.ended_at is not None:
            raise StateConflict("This person no longer represents the patient.", code="not-representative")
        if point.consented_at is None or point.opted_out_at is not None:
            _change(point, consented_at=at or app_now(), opted_out_at=None)
            _tell(point.patient, by, at)
    return point


def confirm_by_link(*, contact_point: ContactPoint, at: datetime) -> ContactPoint:
    """Whoever has this address has opened a link that went to it, and agrees: verified and consented. The caller holds
    the patient's lock.
    """
    with acting(None):
        point = _locked(contact_point, None)
        if not point.usable and point.opted_out_at is None:
            _change(point, verified_at=point.verified_at or at, consented_at=point.consented_at or at)
            _tell(point.patient, None, at)
    return point


def opt_out(*, contact_point: ContactPoint, by: User | None, at: datetime | None = None) -> ContactPoint:
    """No more messages to this address. `by` None = the patient, through a link. Never refused; asks no
    version.
    """
    with acting(by):
        point = _locked(contact_point, None)
        if point.opted_out_at is None:
            _change(point, opted_out_at=at or app_now())
            _tell(point.patient, by, at)
    return point


def suspend(*, contact_point: ContactPoint, at: datetime | None = None) -> ContactPoint:
    """The provider says that this address cannot be reached: not used again until it is verified anew."""
    with acting(None):
        point = _locked(contact_point, None)
        if point.verified_at is not None:
            _change(point, verified_at=None)
            _tell(point.patient, None, at)
    return point


def set_preferred(
    *, contact_point: ContactPoint, by: User, at: datetime | None = None, expected_version: int | None = None
) -> ContactPoint:
    """Use this address first. Raises StateConflict when the patient has opted out of it."""
    with acting(by):
        lock(patients=[contact_point.patient_id])
        list(ContactPoint.objects.select_for_update().filter(patient=contact_point.patient_id))
        point = _locked(contact_point, expected_version)
        if point.opted_out_at is not None:
            raise StateConflict("The patient has opted out of this address.", code="opted-out")
        if point.whose in OF_OTHERS:
            raise StateConflict("This address is never used first.", code="not-own")
        if not point.preferred:
            ContactPoint.objects.filter(patient=point.patient_id, preferred=True).update(preferred=False)
            _change(point, preferred=True)
            _tell(point.patient, by, at)
    return point


def set_quiet_hours(
    *, patient: Patient, quiet_from: time, quiet_until: time, by: User, at: datetime | None = None
) -> ContactPreference:
    """Hours without messages, [quiet_from, quiet_until) over midnight, in the patient's zone.

    They may be longer than the clinic's 21:30 to 08:00, never shorter, and leave at least four hours a day.
    """
    if quiet_from > QUIET_FROM:
        raise InvalidInput("Messages never leave after 21:30. Enter 21:30 or earlier.", field="quiet_from")
    if quiet_until < QUIET_UNTIL:
        raise InvalidInput("Messages never leave before 08:00. Enter 08:00 or later.", field="quiet_until")
    if (
        quiet_from.hour * 60 + quiet_from.minute - quiet_until.hour * 60 - quiet_until.minute
        < SHORTEST_DAY_HOURS * 60
    ):
        raise InvalidInput(
            "Leave at least four hours a day in which messages may arrive.", field="quiet_until"
        )
    with acting(by):
        preference = _preference(patient)
        preference.quiet_from, preference.quiet_until = quiet_from, quiet_until
        preference.save(update_fields=["quiet_from", "quiet_until"])
        _tell(patient, by, at)
    return preference


def hold_messages(*, patient: Patient, by: User, at: datetime | None = None) -> ContactPreference:
    """Stop all automatic messages of this patient, for example after a safety contact. Keeps who did it
    first.
    """
    with acting(by):
        preference = _preference(patient)
        if preference.all_messages_stopped_at is None:
            preference.all_messages_stopped_at, preference.messages_held_by = at or app_now(), by
            preference.save(update_fields=["all_messages_stopped_at", "messages_held_by"])
    return preference


def release_messages(*, patient: Patient, by: User, at: datetime | None = None) -> ContactPreference:
    """Let automatic messages go out again."""
    with acting(by):
        preference = _preference(patient)
        preference.all_messages_stopped_at = preference.messages_held_by = None
        preference.save(update_fields=["all_messages_stopped_at", "messages_held_by"])
        _tell(patient, by, at)
    return preference


def _tell(patient: Patient, by: User | None, at: datetime | None) -> None:
    contacts_changed.send(Patient, patient=patient, by=by, at=at or app_now())


def _preference(patient: Patient) -> ContactPreference:
    lock(patients=[patient.pk])
    ContactPreference.objects.get_or_create(patient=patient)
    return ContactPreference.objects.select_for_update(of=("self",)).get(patient=patient)


def _locked(contact_point: ContactPoint, expected_version: int | None) -> ContactPoint:
    lock(patients=[contact_point.patient_id])  # before the row: what plans messages takes them in this order
    found = (
        ContactPoint.objects.select_for_update(of=("self",))
        .select_related("patient__site", "representative")
        .get(pk=contact_point.pk)
    )
    if expected_version is not None and found.version != expected_version:
        raise StaleVersion("Somebody changed this address since you opened the page. Nothing was saved.")
    return found


def _change(point: ContactPoint, **values: object) -> None:
    for name, value in values.items():
        setattr(point, name, value)
    point.version += 1
    point.save(update_fields=[*values, "version"])
