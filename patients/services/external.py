"""The patient's own therapist outside the clinic: recorded, released to by the patient, revoked at every moment.

Nothing is sent to an external therapist without a release that is valid when it leaves. Everything here tells the apps
above (`external_changed`), inside the same transaction, so that what waits to be sent and what was sent follow.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import Q

from patients.models import ContactPoint, ExternalTherapist, Patient, TherapistRelease
from patients.services.contacts import add_contact_point, consent_contact_point, opt_out, verify_contact_point
from patients.signals import external_changed
from scheduling.domain.localtime import local_date, resolve_local
from staff.clock import app_now
from staff.errors import InvalidInput, StateConflict
from staff.history import acting
from staff.locks import lock
from staff.models import User
from staff.strict import parse_text

LONGEST_RELEASE = timedelta(days=366)
USUAL_RELEASE = timedelta(days=180)
JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
Shown = TherapistRelease.Shown


def record_external(
    *,
    patient: Patient,
    by: User,
    name: str = "",
    practice: str = "",
    jurisdiction: str = "",
    licence_number: str = "",
    known: ExternalTherapist | None = None,
    treats: bool = True,
    at: datetime | None = None,
) -> ExternalTherapist:
    """Put the patient's therapist outside the clinic on file; `treats`: therapy after infusions is with them.

    `known`: somebody who treats another patient of this site already; their addresses that were verified come along,
    sealed anew for this patient. Else by name; a licence that is on file names the same person. Repeating is harmless.
    Raises InvalidInput at `name`, `jurisdiction`, `licence_number`, `known`.
    """
    now = at or app_now()
    with acting(by):
        lock(patients=[patient.pk])
        if known is not None and known.site_id != patient.site_id:
            raise InvalidInput("There is nobody with this code here.", code="unknown-person", field="known")
        found = known or _find_or_make(patient, name, practice, jurisdiction, licence_number, by, now)
        if treats:
            _set(patient, found)
        if known is not None:
            _bring_addresses(patient, found, by, now)
        _tell(patient, by, now)
    return found


def _find_or_make(
    patient: Patient, name: str, practice: str, where: str, number: str, by: User, now: datetime
) -> ExternalTherapist:
    called = parse_text(name, field="name", max_length=120, single_line=True)
    at_practice = parse_text(practice, field="practice", max_length=120, single_line=True)
    licence = parse_text(number, field="licence_number", max_length=40, single_line=True)
    place = parse_text(where, field="jurisdiction", max_length=8, single_line=True).upper()
    if not called:
        raise InvalidInput("Enter the name.", code="required", field="name")
    if place and not JURISDICTION.fullmatch(place):
        raise InvalidInput(
            "Enter country and region as in US-OR, or the country.", code="jurisdiction", field="jurisdiction"
        )
    if licence and not place:
        raise InvalidInput("Say where this licence is valid.", code="required", field="jurisdiction")
    rows = ExternalTherapist.objects.filter(site=patient.site)
    if licence:
        same = rows.filter(jurisdiction__iexact=place, licence_number__iexact=licence)
    else:  # two people may share a name: only this patient's own, or one that is nobody's yet
        own = Q(patients=patient) | Q(releases__patient=patient)
        same = rows.filter(
            own | Q(patients__isnull=True, releases__isnull=True),
            name__iexact=called, practice__iexact=at_practice, licence_number="",
        )  # fmt: skip
    found = same.first()
    if found is not None:
        if found.name.casefold() != called.casefold():
            raise InvalidInput(
                f"This licence is on file for {found.name}.", code="licence-on-file", field="licence_number"
            )
        return found
    try:
        with transaction.atomic():
            made: ExternalTherapist = ExternalTherapist.objects.create(
                site=patient.site, name=called, practice=at_practice, jurisdiction=place, licence_number=licence,
                recorded_by=by, recorded_at=now,
            )  # fmt: skip
    except IntegrityError as error:
        raise StateConflict(
            "This licence has just been put on file. Look again.", code="licence-on-file"
        ) from error
    return made


def _set(patient: Patient, therapist: ExternalTherapist | None) -> None:
    row = Patient.objects.select_for_update(of=("self",)).get(pk=patient.pk)
    if row.external_therapist_id == (therapist.pk if therapist else None):
        return
    row.external_therapist = therapist
    row.version += 1
    row.save(update_fields=["external_therapist", "version"])
    patient.external_therapist, patient.version = therapist, row.version


def _bring_addresses(patient: Patient, therapist: ExternalTherapist, by: User, now: datetime) -> None:
    """Addresses that this person uses for another patient, once each."""
    mine = set(patient.contact_points.values_list("channel", "address_index"))
    others = ContactPoint.objects.filter(external_therapist=therapist, opted_out_at__isnull=True)
    for point in others.exclude(patient=patient).order_by("-pk"):
        if (point.channel, point.address_index) in mine or not point.usable:
            continue
        mine.add((point.channel, point.address_index))
        copy = add_contact_point(
            patient=patient, channel=point.channel, address=point.address, whose=ContactPoint.Whose.EXTERNAL,
            external=therapist, by=by, at=now,
        )  # fmt: skip
        verify_contact_point(contact_point=copy, address_again=point.address, by=by, at=now)
        consent_contact_point(contact_point=copy, by=by, at=now)


def record_release(
    *,
    patient: Patient,
    therapist: ExternalTherapist,
    signed_on: date,
    shown_as: str,
    by: User,
    valid_until: date | None = None,
    at: datetime | None = None,
) -> TherapistRelease:
    """The patient has signed that this therapist is told times. `valid_until`: the last day (at the site), included;
    180 days from today unless said otherwise, a year at most. The same release twice is one; another replaces it.

    Raises InvalidInput at `signed_on`, `shown_as`, `valid_until`.
    """
    now = at or app_now()
    zone = ZoneInfo(patient.site.time_zone)
    today = local_date(now, zone)
    last = valid_until or today + USUAL_RELEASE
    if shown_as not in Shown.values:
        raise InvalidInput("Choose how the patient is named.", code="choice", field="shown_as")
    if signed_on > today:
        raise InvalidInput("The day of the signature lies ahead.", code="future", field="signed_on")
    if signed_on < today - LONGEST_RELEASE:
        raise InvalidInput(
            "Signed more than a year ago: ask for a new one.", code="too-old", field="signed_on"
        )
    if not today <= last <= signed_on + LONGEST_RELEASE:
        raise InvalidInput(
            "Valid from today to a year after the signature.", code="range", field="valid_until"
        )
    until = resolve_local(last + timedelta(days=1), time(0), zone).instant
    with acting(by):
        lock(patients=[patient.pk])
        known = TherapistRelease.objects.select_for_update().filter(
            patient=patient, therapist=therapist, revoked_at__isnull=True
        )
        old = known.first()
        if old is not None and (old.signed_on, old.shown_as, old.valid_until) == (signed_on, shown_as, until):
            return old
        if old is not None:
            old.revoked_at, old.revoked_by, old.revoked_reason = (
                max(now, old.recorded_at),
                by,
                "Replaced by a newer one",
            )
            old.save(update_fields=["revoked_at", "revoked_by", "revoked_reason"])
        made: TherapistRelease = TherapistRelease.objects.create(
            patient=patient, therapist=therapist, signed_on=signed_on, shown_as=shown_as, valid_until=until,
            recorded_by=by, recorded_at=now,
        )  # fmt: skip
        _tell(patient, by, now)
    return made


def revoke_release(
    *, release: TherapistRelease, by: User, reason: str = "", at: datetime | None = None
) -> TherapistRelease:
    """The patient takes it back: nothing more is sent or shown from this moment on. Never refused; twice is once."""
    now = at or app_now()
    words = parse_text(reason, field="reason", max_length=200, single_line=True) or "The patient took it back"
    with acting(by):
        lock(patients=[release.patient_id])
        row = (
            TherapistRelease.objects.select_for_update(of=("self",))
            .select_related("patient__site", "therapist")
            .get(pk=release.pk)
        )
        if row.revoked_at is None:
            row.revoked_at, row.revoked_by, row.revoked_reason = max(now, row.recorded_at), by, words
            row.save(update_fields=["revoked_at", "revoked_by", "revoked_reason"])
            _tell(row.patient, by, now)
    return row


def end_external(*, patient: Patient, by: User, at: datetime | None = None) -> Patient:
    """Therapy after infusions is here from now on. The releases end with it, and the addresses are opted out of."""
    now = at or app_now()
    with acting(by):
        lock(patients=[patient.pk])
        row = Patient.objects.select_related("site").get(pk=patient.pk)
        therapist = row.external_therapist
        if therapist is None:
            return row
        for release in row.releases.filter(therapist=therapist, revoked_at__isnull=True):
            revoke_release(release=release, by=by, reason="Therapy is at the clinic now", at=now)
        for point in row.contact_points.filter(external_therapist=therapist, opted_out_at__isnull=True):
            opt_out(contact_point=point, by=by, at=now)
        _set(row, None)
        _tell(row, by, now)
    return row


def release_of(patient_id: int, therapist_id: int | None, at: datetime) -> TherapistRelease | None:
    """The release that is valid at `at` for this patient and therapist; None when nothing may be sent."""
    if therapist_id is None:
        return None
    rows = TherapistRelease.objects.filter(
        patient=patient_id, therapist=therapist_id, revoked_at__isnull=True
    )
    return next((row for row in rows if row.valid_at(at)), None)


def shown_name(patient: Patient, release: TherapistRelease) -> str:
    """The patient as the release names them: `A. B.` or the first name. Never the surname."""
    if release.shown_as == Shown.GIVEN:
        return patient.given_name
    return f"{patient.given_name[:1]}. {patient.family_name[:1]}."


def _tell(patient: Patient, by: User, at: datetime) -> None:
    external_changed.send(Patient, patient=patient, by=by, at=at)
