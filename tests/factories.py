"""Plain functions that make valid rows. `make_x(**over)` changes any field; nothing is random."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction

from patients.models import ContactPoint, Patient
from protocols import library
from protocols.definition_codec import digest, dump
from protocols.models import ProtocolDocument, ProtocolTemplate, ProtocolVersion
from scheduling.models import Availability, DutyShift, Resource
from sessions.models import EligibilitySignOff
from staff.clock import app_now
from staff.fields import blind_index
from staff.models import Licence, Site, User
from staff.services import add_staff_member

_number = itertools.count(1)
LONG_AGO = datetime(2025, 1, 6, 17, 0, tzinfo=UTC)


def make_site(**over: Any) -> Site:
    number = next(_number)
    fields = {
        "name": f"Riverside Clinic {number}",
        "short_name": f"Riverside {number}",
        "time_zone": "America/Los_Angeles",
        "country": "US",
        "subdivision": "OR",
        "phone": "+1 503 555 0100",
    }
    return Site.objects.create(**(fields | over))


def make_user(*roles: str, sites: Any = (), **over: Any) -> User:
    number = next(_number)
    fields: dict[str, Any] = {"email": f"person{number}@clinic.example", "full_name": f"Person {number}"}
    return add_staff_member(role_names=roles, sites=sites, **(fields | over))


def make_licence(
    user: User, profession: str = "therapist", jurisdiction: str = "US-OR", **over: Any
) -> Licence:
    fields = {"number": f"L{next(_number)}", "valid_during": (date(2024, 1, 1), None)}
    return Licence.objects.create(
        user=user, profession=profession, jurisdiction=jurisdiction, **(fields | over)
    )


def make_version(
    slug: str = "six-in-three-weeks", *, active: bool = True, author: User, **over: Any
) -> ProtocolVersion:
    """A version of a shipped text; `active` puts it through approval by a person other than its author."""
    definition = over.pop("definition", None) or library.SHIPPED.get(slug, library.SIX_IN_THREE_WEEKS)
    template, _ = ProtocolTemplate.objects.get_or_create(
        slug=slug, defaults={"name": definition.title, "created_at": LONG_AGO}
    )
    number = template.versions.count() + 1
    version = ProtocolVersion.objects.create(
        template=template,
        number=number,
        definition=dump(definition),
        sha256=digest(definition),
        author=author,
        created_at=LONG_AGO,
        **over,
    )
    for kind in ProtocolDocument.Kind:
        ProtocolDocument.objects.create(
            protocol_version=version,
            kind=kind,
            title=f"{kind.label} {number}",
            body="Text in plain clinical words.",
        )
    if active:
        version.status = ProtocolVersion.Status.IN_REVIEW
        version.save(update_fields=["status"])
        version.status = ProtocolVersion.Status.ACTIVE
        version.approved_by = make_user("protocol_admin")
        version.approval = ProtocolVersion.Approval.SECOND_PERSON
        version.approved_at = version.activated_at = LONG_AGO + timedelta(days=1)
        version.save(update_fields=["status", "approved_by", "approval", "approved_at", "activated_at"])
    return ProtocolVersion.objects.get(pk=version.pk)


def make_patient(site: Site, **over: Any) -> Patient:
    number = next(_number)
    fields = {
        "mrn": f"MRN{number:05d}",
        "given_name": "Alex",
        "family_name": f"Sample{number}",
        "birth_date": date(1984, 5, 17),
        "sex": "F",
        "height_cm": "170.0",
        "time_zone": site.time_zone,
        "jurisdiction": site.jurisdiction,
        "created_at": LONG_AGO,
    }
    patient = Patient.objects.create(site=site, **(fields | over))
    for version in ProtocolVersion.objects.filter(status="active")[:1]:
        make_eligible(patient, version)
    return patient


def make_eligible(patient: Patient, version: ProtocolVersion, **over: Any) -> EligibilitySignOff:
    """A signed eligibility checklist, nothing on it; holds for every version with the same list."""
    by = version.approved_by or version.author
    fields = {
        "answers": {},
        "signed_at": app_now(),
        "signed_by": by,
        "signed_name": by.full_name,
    }
    return EligibilitySignOff.objects.create(patient=patient, protocol_version=version, **(fields | over))


def make_contact(patient: Patient, address: str = "", *, channel: str = "email", **over: Any) -> ContactPoint:
    """A verified and consented address (of a person who wants messages)."""
    address = address or f"{patient.mrn.lower()}@mail.example"
    fields = {
        "preferred": True,
        "verified_at": LONG_AGO,
        "consented_at": LONG_AGO,
        "created_at": LONG_AGO,
        "address_index": blind_index(address),
    }
    return ContactPoint.objects.create(patient=patient, channel=channel, address=address, **(fields | over))


def make_resource(
    site: Site, kind: str, *, user: User | None = None, capacity: int = 1, **over: Any
) -> Resource:
    """A resource with weekly hours Monday to Friday 08:00 to 18:00."""
    name = over.pop("name", None) or (user.full_name if user else f"{kind.title()} {next(_number)}")
    resource = Resource.objects.create(site=site, kind=kind, user=user, capacity=capacity, name=name, **over)
    Availability.objects.bulk_create(
        Availability(resource=resource, weekday=weekday, start_time=time(8), end_time=time(18))
        for weekday in range(5)
    )
    return resource


def make_shift(site: Site, user: User, **over: Any) -> DutyShift:
    """Somebody on duty, for years unless told otherwise."""
    fields = {
        "during": (LONG_AGO, LONG_AGO + timedelta(days=1500)),
        "created_at": LONG_AGO,
        "created_by": user,
    }
    return DutyShift.objects.create(site=site, user=user, **(fields | over))


@dataclass
class Clinic:
    """A small world. People hold one role each; `patient` is assigned to `therapist`."""

    site: Site
    clinician: User
    second_clinician: User
    nurse: User
    therapist: User
    other_therapist: User
    coordinator: User
    admin: User
    outsider: User
    version: ProtocolVersion
    patient: Patient
    contact: ContactPoint
    chairs: list[Resource]
    nurse_lane: Resource
    clinician_lane: Resource
    therapist_lane: Resource
    other_therapist_lane: Resource

    @property
    def now(self) -> datetime:
        return app_now()


@transaction.atomic
def make_clinic(version: ProtocolVersion | None = None) -> Clinic:
    """The world of `Clinic`: one site, three chairs, one nurse for two patients, one clinician for four.

    version: the active text, where another clinic has brought it along already (a template has one active version).
    """
    site = make_site()
    elsewhere = make_site(name=f"Elsewhere {next(_number)}", short_name="Elsewhere")
    clinician = make_user("clinician", sites=[site], full_name="Dr Dana Reed")
    second = make_user("clinician", sites=[site], full_name="Dr Sam Ortiz")
    nurse = make_user("nurse", sites=[site], full_name="Robin Vale")
    therapist = make_user("therapist", sites=[site], full_name="Jo Lindqvist")
    other = make_user("therapist", sites=[site], full_name="Kim Park")
    coordinator = make_user("coordinator", sites=[site], full_name="Lee Moran")
    admin = make_user("protocol_admin", sites=[site], full_name="Pat Stone")
    outsider = make_user("clinician", "nurse", "coordinator", sites=[elsewhere], full_name="Out Sider")
    for person in (therapist, other):
        make_licence(person)
    for person in (clinician, second):
        make_licence(person, "prescriber")
    version = version or make_version(author=admin)
    patient = make_patient(site, therapist=therapist, prescriber=clinician)
    for rank, person in enumerate((nurse, clinician), start=1):
        make_shift(site, person, rank=rank)
    return Clinic(
        site=site,
        clinician=clinician,
        second_clinician=second,
        nurse=nurse,
        therapist=therapist,
        other_therapist=other,
        coordinator=coordinator,
        admin=admin,
        outsider=outsider,
        version=version,
        patient=patient,
        contact=make_contact(patient),
        chairs=[make_resource(site, "chair", name=f"Chair {n}") for n in (1, 2, 3)],
        nurse_lane=make_resource(site, "nurse", user=nurse, capacity=2),
        clinician_lane=make_resource(site, "clinician", user=clinician, capacity=4),
        therapist_lane=make_resource(site, "therapist", user=therapist),
        other_therapist_lane=make_resource(site, "therapist", user=other),
    )
