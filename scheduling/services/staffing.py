"""What staffing means for the schedule: who joins can be booked, and what somebody leaves behind goes on lists.

Nothing is cancelled here: a booking stands until a person moves it. Titles carry no name of a patient.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.urls import reverse

from patients.models import Patient
from scheduling.models import (
    Appointment,
    DutyShift,
    FollowUp,
    PlasticityWindow,
    Resource,
    TreatmentSeries,
    WorkItem,
)
from scheduling.schedule_checks import unlicensed
from scheduling.services.workitems import raise_item
from staff import roles
from staff.locks import lock
from staff.models import Site, User

KINDS = {
    roles.CLINICIAN: Resource.Kind.CLINICIAN,
    roles.NURSE: Resource.Kind.NURSE,
    roles.THERAPIST: Resource.Kind.THERAPIST,
}
AT_ONCE = {Resource.Kind.CLINICIAN: 4, Resource.Kind.NURSE: 2, Resource.Kind.THERAPIST: 1}
SOON = timedelta(hours=2)


def make_bookable(*, person: User, held: Collection[str], sites: Iterable[Site]) -> list[Resource]:
    """One bookable resource per clinical role and site; without weekly hours until somebody enters them.

    One that was retired when the person left is used again, with its hours.
    """
    made = []
    for site in sites:
        for role in sorted(set(held) & set(KINDS)):
            kind = KINDS[role]
            row = Resource.objects.filter(site=site, kind=kind, user=person).first()
            if row is None:
                row = Resource(
                    site=site, kind=kind, user=person, name=_free_name(site, kind, person),
                    capacity=AT_ONCE[kind],
                )  # fmt: skip
                row.save()
            elif not row.active:
                row.active, row.version = True, row.version + 1
                row.save(update_fields=["active", "version"])
            made.append(row)
    return made


def _free_name(site: Site, kind: str, person: User) -> str:
    """The person's name; two of one name are told apart by a number."""
    taken = set(Resource.objects.filter(site=site, kind=kind).values_list("name", flat=True))
    name = person.full_name[:70]
    return next(text for n in range(1, 99) if (text := name if n == 1 else f"{name} ({n})") not in taken)


def hand_over(
    *,
    person: User,
    held: Collection[str],
    sites: Sequence[Site],
    gone: bool,
    by: User | None,
    at: datetime,
) -> list[str]:
    """Put on lists what these roles at these sites leave behind. Returns one sentence per kind of thing."""
    lanes = Resource.objects.filter(
        user=person, site__in=sites, kind__in=[KINDS[role] for role in held if role in KINDS]
    )
    lock(resources=lanes.values_list("pk", flat=True))
    counts = [
        (_bookings(person, held, sites, lanes, at), "booking"),
        (_patients(person, held, sites, by, at), "patient"),
        (_windows(person, held, sites, at), "therapy window"),
    ]
    if gone or set(held) & roles.CLINICAL:
        counts.append((_duty(person, held, sites, gone, at), "duty turn"))
    if gone:
        counts.append((_items(person), "work item"))
    for lane in lanes.filter(
        active=True
    ):  # nothing new is booked with them; what is booked stands until moved
        lane.active, lane.version = False, lane.version + 1
        lane.save(update_fields=["active", "version"])
    return [f"{number} {noun}{'s' if number != 1 else ''}" for number, noun in counts if number]


def _bookings(
    person: User, held: Collection[str], sites: Sequence[Site], lanes: Iterable[Resource], at: datetime
) -> int:
    """Everything ahead that needs this person: each is an item of the coordinators of its site."""
    mine = Q(resource_bookings__resource__in=list(lanes))
    kinds = []
    if roles.CLINICIAN in held:
        kinds.append(Appointment.Kind.INFUSION)
    if roles.THERAPIST in held:
        kinds += [Appointment.Kind.THERAPY, Appointment.Kind.PREPARATION]
    mine |= Q(practitioner=person, kind__in=kinds)
    rows = Appointment.objects.filter(mine, site__in=sites, status__in=Appointment.UPCOMING).distinct()
    found = list(rows.select_related("patient", "site"))
    for visit in found:
        raise_item(
            kind=WorkItem.Kind.STAFFING,
            key=f"left:{visit.code}",
            site=visit.site,
            patient=visit.patient,
            title=f"{visit} needs somebody else",
            detail=f"{person.full_name} no longer works here in this role. The booking stands until it is moved.",
            role=roles.COORDINATOR,
            url=reverse("visit_detail", args=[visit.code]),
            due_at=max(at, visit.during.lower - timedelta(days=2)),
            at=at,
        )
    return len(found)


def _patients(
    person: User, held: Collection[str], sites: Sequence[Site], by: User | None, at: datetime
) -> int:
    """Patients go back to the unassigned pool, so that colleagues see them; each is an item."""
    count = 0
    for role, name, words in (
        (roles.THERAPIST, "therapist", "A patient needs another therapist"),
        (roles.CLINICIAN, "prescriber", "A patient needs another prescriber"),
    ):
        if role not in held:
            continue
        rows = Patient.objects.filter(**{name: person}, site__in=sites).select_related("site")
        for patient in rows.select_for_update(of=("self",)):
            _unassign(patient, name)
            count += 1
            if patient.status != Patient.Status.ACTIVE:
                continue
            raise_item(
                kind=WorkItem.Kind.STAFFING,
                key=f"team:{name}:{patient.code}",
                site=patient.site,
                patient=patient,
                title=words,
                detail=f"{person.full_name} no longer works here in this role.",
                role=roles.COORDINATOR,
                url=reverse("patient_team", args=[patient.code]),
                due_at=at,
                at=at,
            )
        if role == roles.CLINICIAN:
            count += _series(person, sites, at)
    return count


def _unassign(patient: Patient, name: str) -> None:
    setattr(patient, name, None)
    patient.version += 1
    patient.save(update_fields=[name, "version"])


def _series(person: User, sites: Sequence[Site], at: datetime) -> int:
    """Series that run under this prescriber: a prescriber of the site decides who answers for them."""
    rows = TreatmentSeries.objects.live().filter(Q(prescriber=person) | Q(pause_owner=person), site__in=sites)
    found = list(rows.select_related("patient", "site"))
    for series in found:
        raise_item(
            kind=WorkItem.Kind.STAFFING,
            key=f"series:{series.code}",
            site=series.site,
            patient=series.patient,
            title="A running series has lost its prescriber",
            detail=f"It was planned by {person.full_name}, who no longer works here in this role.",
            role=roles.CLINICIAN,
            url=reverse("series_detail", args=[series.code]),
            due_at=at,
            at=at,
        )
    return len(found)


def _windows(person: User, held: Collection[str], sites: Sequence[Site], at: datetime) -> int:
    """Windows that the therapist had taken are unassigned again, and so are their follow-ups."""
    if roles.THERAPIST not in held:
        return 0
    rows = PlasticityWindow.objects.current().filter(claimed_by=person, infusion__site__in=sites)
    number = 0
    for row in rows.exclude(status=PlasticityWindow.Status.CLOSED).select_for_update(of=["self"]):
        row.claimed_by, row.claimed_at, row.version = None, None, row.version + 1
        row.save(update_fields=["claimed_by", "claimed_at", "version"])
        number += 1
    FollowUp.objects.filter(assignee=person, site__in=sites, state__in=FollowUp.OPEN).exclude(
        state=FollowUp.State.BOOKED
    ).update(assignee=None)
    return number


def _duty(person: User, held: Collection[str], sites: Sequence[Site], gone: bool, at: datetime) -> int:
    """Turns that have not ended are taken back, so that their rank is free; each gap is an item due before it."""
    if not gone and person.role_names & roles.CLINICAL and set(sites) <= set(person.sites.all()):
        return 0
    rows = DutyShift.objects.filter(
        user=person, site__in=sites, cancelled_at__isnull=True, during__endswith__gt=at
    )
    number = 0
    for shift in rows.select_related("site").select_for_update(of=("self",)):
        shift.cancelled_at, shift.version = at, shift.version + 1
        shift.save(update_fields=["cancelled_at", "version"])
        zone = ZoneInfo(shift.site.time_zone)
        raise_item(
            kind=WorkItem.Kind.STAFFING,
            key=f"duty:{shift.code}",
            site=shift.site,
            title=f"A duty turn from {shift.during.lower.astimezone(zone):%a %d %b %H:%M} is empty",
            detail=f"{person.full_name} had it, told {('first', 'second', 'third')[shift.rank - 1]}.",
            role=roles.COORDINATOR,
            url=reverse("duty_roster"),
            due_at=max(at, shift.during.lower - SOON),
            at=at,
        )
        number += 1
    return number


def _items(person: User) -> int:
    """Open items of the person go to everybody of the role they were for."""
    rows = WorkItem.objects.filter(owner=person, resolved_at__isnull=True)
    number = 0
    for item in rows.select_for_update():
        item.owner = None
        item.detail = f"{item.detail} It was with {person.full_name}, who has left.".strip()[-500:]
        item.save(update_fields=["owner", "detail"])
        number += 1
    return number


def list_unlicensed(*, person: User, at: datetime) -> list[str]:
    """Bookings ahead that no licence of the person covers any more, each on the coordinators' list."""
    found = unlicensed(Appointment.objects.filter(practitioner=person))
    for visit, words in found:
        raise_item(
            kind=WorkItem.Kind.STAFFING,
            key=f"licence:{visit.code}",
            site=visit.site,
            patient=visit.patient,
            title=f"{visit} is by somebody without a licence for it",
            detail=f"{words.capitalize()}. Book it with somebody who is licensed, or correct the licence.",
            role=roles.COORDINATOR,
            url=reverse("visit_detail", args=[visit.code]),
            due_at=max(at, visit.during.lower - timedelta(days=7)),
            at=at,
        )
    return [f"{len(found)} booking{'s' if len(found) != 1 else ''} without a licence"] if found else []
