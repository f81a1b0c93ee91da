"""The only ways for a view or an endpoint to get hold of a patient or what belongs to one."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.http import Http404

from patients.models import (
    ContactPoint,
    Contraindication,
    ExternalTherapist,
    LegalRepresentative,
    Patient,
    TherapistRelease,
)
from staff.access import fetch_for, require
from staff.models import User


def get_patient_for(user: User, code: UUID | str, *, action: str = "patient.view") -> Patient:
    """The patient with this code. Raises PermissionDenied (403) or Http404."""
    return cast("Patient", fetch_for(Patient.objects.with_people(), user, code, action=action))


def get_contact_point_for(user: User, code: UUID | str, *, action: str = "patient.edit") -> ContactPoint:
    """The contact point with this code, with its patient. Raises PermissionDenied or Http404."""
    points = ContactPoint.objects.select_related("patient__site", "external_therapist")
    return cast("ContactPoint", fetch_for(points, user, code, action=action))


def get_contraindication_for(
    user: User, patient: Patient, kind: str, *, action: str = "patient.edit"
) -> Contraindication:
    """The open contraindication of that kind. Raises PermissionDenied or Http404."""
    require(user, action)
    found = patient.contraindications.filter(kind=kind, resolved_at__isnull=True).first()
    if found is None:
        raise Http404("Not found.")
    return found


def get_representative_for(
    user: User, code: UUID | str, *, action: str = "patient.edit"
) -> LegalRepresentative:
    """One legal representative, with the patient. Raises PermissionDenied or Http404."""
    rows = LegalRepresentative.objects.select_related("patient__site")
    return cast("LegalRepresentative", fetch_for(rows, user, code, action=action))


def get_release_for(user: User, code: UUID | str, *, action: str = "patient.edit") -> TherapistRelease:
    """One release of information, with patient and therapist. Raises PermissionDenied or Http404."""
    rows = TherapistRelease.objects.select_related("patient__site", "therapist")
    return cast("TherapistRelease", fetch_for(rows, user, code, action=action))


def external_of_site(patient: Patient, code: UUID | str) -> ExternalTherapist:
    """A therapist outside who is known at the patient's site. Raises Http404."""
    found = ExternalTherapist.objects.filter(site=patient.site_id, code=code).first()
    if found is None:
        raise Http404("Not found.")
    return found
