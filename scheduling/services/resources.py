"""Chairs, rooms and practitioners: weekly hours, absences, and the days on which a site is closed.

A change of hours never touches a booking: what now lies outside goes on a list with an owner, and stands until it is
moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.urls import reverse

from scheduling.conflicts import booking_act
from scheduling.domain.intervals import covered
from scheduling.domain.localtime import local_date
from scheduling.loaders import load_site, zone_of
from scheduling.models import (
    Appointment,
    Availability,
    AvailabilityException,
    Closure,
    Resource,
    ResourceBooking,
    WorkItem,
)
from scheduling.ranges import as_interval, as_range
from scheduling.services.workitems import raise_item
from staff import roles
from staff.clock import app_now
from staff.errors import InvalidInput, StaleVersion
from staff.locks import lock
from staff.models import Site, User

Hours = tuple[int, time, time]


@transaction.atomic
def add_resource(
    *,
    site: Site,
    kind: str,
    name: str,
    user: User | None = None,
    capacity: int = 1,
    hours: Iterable[Hours] = (),
) -> Resource:
    """Add something that can be booked, with weekly hours (weekday from Monday 0, [start, end) local time).

    Raises ValidationError for a name in use or a person missing; InvalidInput for hours that end before they start.
    """
    resource = Resource(site=site, kind=kind, name=name, user=user, capacity=capacity)
    resource.full_clean()
    resource.save()
    rows = [
        Availability(resource=resource, weekday=day, start_time=start, end_time=end)
        for day, start, end in hours
    ]
    if any(row.end_time <= row.start_time for row in rows):
        raise InvalidInput("Hours must end after they start.", field="hours")
    Availability.objects.bulk_create(rows)
    return resource


@booking_act
def set_weekly_hours(
    *, resource: Resource, hours: Sequence[Hours], seen: str, by: User, at: datetime | None = None
) -> list[Appointment]:
    """Replace the weekly hours of a resource. Returns the bookings ahead that now lie outside, each on a list.

    `seen`: the fingerprint of the hours that were edited. Raises StaleVersion when others changed them meanwhile,
    InvalidInput for hours that end before they start. Hours with a limited validity are left alone.
    """
    now = at or app_now()
    lock(resources=[resource.pk])
    rows = resource.availabilities.filter(valid_during__isnull=True)
    if fingerprint(rows) != seen:
        raise StaleVersion("Somebody else changed these hours since you opened them. Look at them again.")
    if any(end <= start for _, start, end in hours):
        raise InvalidInput("Hours must end after they start.", field="hours")
    rows.delete()
    Availability.objects.bulk_create(
        Availability(resource=resource, weekday=day, start_time=start, end_time=end)
        for day, start, end in hours
    )
    return report_outside(resource.site, [resource.pk], now, "The hours were changed.")


def fingerprint(rows: Iterable[Availability]) -> str:
    """Equal for equal hours: what an edit was based on."""
    lines = sorted(f"{row.weekday} {row.start_time:%H:%M} {row.end_time:%H:%M}" for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@booking_act
def add_absence(
    *, resource: Resource, start: datetime, end: datetime, reason: str, by: User, at: datetime | None = None
) -> list[Appointment]:
    """Note that a resource is away in [start, end). Returns the bookings it hits, each on a list.

    The same absence twice is one absence. Raises InvalidInput when it ends before it starts or lasts over a year.
    """
    now = at or app_now()
    if end <= start:
        raise InvalidInput("The end must come after the start.", code="end-before-start", field="ends")
    if end - start > timedelta(days=366):
        raise InvalidInput("An absence lasts at most a year.", code="too-long", field="ends")
    lock(resources=[resource.pk])
    same = resource.exceptions.filter(available=False, during=as_range(start, end))
    if not same.exists():
        AvailabilityException.objects.create(resource=resource, during=as_range(start, end), reason=reason)
    return report_outside(resource.site, [resource.pk], now, f"Away: {reason}.")


@booking_act
def remove_absence(*, resource: Resource, start: datetime, end: datetime, by: User) -> None:
    """Take the absence [start, end) back. Harmless when it is gone already."""
    lock(resources=[resource.pk])
    resource.exceptions.filter(during=as_range(start, end), available=False).delete()


@booking_act
def add_closure(
    *, site: Site, first: date, last: date, reason: str, by: User, at: datetime | None = None
) -> list[Appointment]:
    """Close a site on local days first to last (both included). Returns the bookings it hits, each on a list."""
    now = at or app_now()
    if last < first or (last - first).days > 366:
        raise InvalidInput(
            "The last day lies before the first, or over a year after it.", code="order", field="last"
        )
    days = DateRange(first, last + timedelta(days=1), "[)")
    keys = list(Resource.objects.filter(site=site).values_list("pk", flat=True))
    lock(resources=keys)
    if not Closure.objects.filter(site=site, days=days).exists():
        Closure.objects.create(site=site, days=days, reason=reason)
    return report_outside(site, keys, now, f"Closed: {reason}.")


@booking_act
def remove_closure(*, site: Site, first: date, until: date, by: User) -> None:
    """Take the closure of the days [first, until) back. Harmless when it is gone already."""
    Closure.objects.filter(site=site, days=DateRange(first, until, "[)")).delete()


def report_outside(site: Site, resources: Collection[int], now: datetime, why: str) -> list[Appointment]:
    """Put every booking ahead that lies outside its resource's hours on the list of whoever booked it."""
    found = outside_hours(site, resources, now)
    for visit in found:
        raise_item(
            kind=WorkItem.Kind.DISPLACED,
            key=f"hours:{visit.code}",
            site=site,
            patient=visit.patient,
            title=f"{visit} lies outside the hours",
            detail=f"{why} The booking stands until somebody moves it.",
            role=roles.COORDINATOR,
            owner=visit.booked_by,
            url=reverse("visit_detail", args=[visit.code]),
            due_at=now,
            at=now,
        )
    return found


def outside_hours(site: Site, resources: Collection[int], now: datetime) -> list[Appointment]:
    """Upcoming visits with a booking of one of these resources that its hours no longer cover."""
    zone = zone_of(site)
    bookings = ResourceBooking.objects.filter(resource__in=resources).ending_after(now)
    last = bookings.order_by("-until").values_list("until", flat=True).first()
    if last is None:
        return []
    first, until = local_date(now, zone), local_date(last, zone) + timedelta(days=1)
    found: dict[int, Appointment] = {}
    for item in load_site(site, first=first, until=until).resources:
        if item.row.pk not in resources:
            continue
        for row in item.bookings:
            upcoming = row.appointment.status in Appointment.UPCOMING and row.during.lower > now
            if upcoming and not covered(item.free, as_interval(row.during)):
                found[row.appointment_id] = row.appointment
    return list(found.values())
