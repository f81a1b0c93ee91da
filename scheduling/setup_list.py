"""What a clinic still needs before its first booking, for those who manage it. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef
from django.urls import reverse

from patients.models import Patient
from protocols.models import ProtocolVersion
from scheduling.models import Availability, DutyShift, Resource
from staff import presenting, roles
from staff.models import Site, User


@dataclass(frozen=True)
class Step:
    """One thing to do: its words, where it is done (empty: not by this person), whether it is there."""

    label: str
    note: str
    url: str
    done: bool


def setup_steps(user: User, site: Site | None, now: datetime) -> list[Step]:
    """The steps in the order in which they are done; empty once everything stands or for other roles."""
    if not user.may("site.manage"):
        return []
    steps = [Step("Open a site", "Name, time zone, phone", reverse("site_list"), site is not None)]
    if site is not None:
        steps += [*_staffing(user, site, now), *_care(user, site, now)]
    return [] if all(step.done for step in steps) else steps


def _staffing(user: User, site: Site, now: datetime) -> list[Step]:
    people = list(User.objects.filter(sites=site, is_active=True).prefetch_related("groups", "licences"))
    held = {person.pk: {group.name for group in person.groups.all()} for person in people}
    needed = {roles.CLINICIAN, roles.NURSE, roles.THERAPIST, roles.COORDINATOR}
    lacking = [role for role in roles.LABELS if role in needed - set().union(*held.values())]
    today = now.date()
    unlicensed = sorted(
        person.full_name
        for person in people
        if presenting.missing_licences(held[person.pk], person.licences.all(), today)
    )
    has_hours = Exists(Availability.objects.filter(resource=OuterRef("pk")))
    lanes = list(Resource.objects.filter(site=site, active=True).annotate(has_hours=has_hours))
    chairs = any(row.kind == Resource.Kind.CHAIR for row in lanes)
    idle = [row.name for row in lanes if not row.has_hours]
    resources = reverse("resource_list")
    return [
        Step(
            "Invite people",
            f"Nobody yet as: {', '.join(roles.LABELS[role] for role in lacking)}" if lacking else "",
            reverse("person_invite") if lacking else reverse("person_list"),
            not lacking,
        ),
        Step(
            "Record licences",
            f"None today: {_few(unlicensed)}" if unlicensed else "",
            reverse("person_list"),
            not lacking and not unlicensed,
        ),
        Step("Add chairs", "" if chairs else "Infusions are booked on a chair", resources, chairs),
        Step(
            "Enter weekly hours",
            f"Not bookable without: {_few(idle)}" if idle else "",
            resources,
            bool(lanes) and chairs and not idle,
        ),
    ]


def _care(user: User, site: Site, now: datetime) -> list[Step]:
    duty = DutyShift.objects.filter(site=site, cancelled_at=None, during__endswith__gt=now).exists()
    protocol = ProtocolVersion.objects.filter(status=ProtocolVersion.Status.ACTIVE).exists()
    patient = Patient.objects.filter(site=site).exists()
    return [
        Step("Install a protocol", "Shipped ones come with a click", reverse("protocol_list"), protocol),
        Step(
            "Say who is on duty",
            "A prescriber or coordinator enters the turns",
            reverse("duty_roster") if user.may("duty.view") else "",
            duty,
        ),
        Step(
            "First patient",
            "A coordinator or clinician adds them",
            reverse("patient_list") if user.may("patient.view") else "",
            patient,
        ),
    ]


def _few(names: list[str]) -> str:
    """The first three, and how many more."""
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")
