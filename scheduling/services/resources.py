"""Chairs, rooms and practitioners: weekly hours, absences, and the days on which a site is closed.

A change of hours never touches a booking: what now lies outside goes on a list with an owner, and stands until it is
moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, time, timedelta

from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import QuerySet
from django.urls import reverse

from scheduling.conflicts import booking_act
from scheduling.domain.intervals import covered
from scheduling.domain.localtime import in_words, local_date
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
from scheduling.services.workitems import outside_key, raise_item, settle
from staff import roles
from staff.clock import app_now
from staff.errors import (
    Clash,
    Conflict,
    InvalidInput,
    RuleNotMet,
    StaleVersion,
    StateConflict,
    constraint_name,
)
from staff.locks import lock
from staff.models import Site, User
from staff.strict import parse_text

Hours = tuple[int, time, time]
MOST_NAMED = 8


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
def furnish(*, site: Site, kind: str, name: str, capacity: int, by: User) -> Resource:
    """Add a chair or a room. People become bookable when they are given a role (services.staffing).

    Raises InvalidInput naming the field, Clash for a name in use at the site.
    """
    if kind not in (Resource.Kind.CHAIR, Resource.Kind.ROOM):
        raise InvalidInput("Choose a chair or a room. People are invited instead.", field="kind")
    _check_capacity(capacity)
    resource = Resource(site=site, kind=kind, name=_named(name), capacity=capacity)
    _store(resource)
    return resource


@booking_act
def change_resource(
    *, resource: Resource, name: str, capacity: int, by: User, expected_version: int | None = None
) -> Resource:
    """Change the name, and how many patients at once. Fewer at once than are booked ahead is refused, with a list."""
    lock(resources=[resource.pk])
    row = _current(resource, expected_version)
    _check_capacity(capacity)
    over = ResourceBooking.objects.filter(resource=row, lane__gt=capacity).ending_after(app_now())
    if over.exists():
        raise StateConflict(
            f"More than {capacity} at once are booked ahead. Move those bookings first.",
            code="booked-ahead",
            field="capacity",
            conflicts=_in_the_way(over),
        )
    row.name, row.capacity, row.version = _named(name), capacity, row.version + 1
    _store(row)
    return row


@booking_act
def retire_resource(*, resource: Resource, by: User, expected_version: int | None = None) -> Resource:
    """Take a chair, room or person out of use; its history stays. Refused while bookings lie ahead, naming them."""
    lock(resources=[resource.pk])
    row = _current(resource, None)
    if not row.active:
        return row
    row = _current(resource, expected_version)
    ahead = ResourceBooking.objects.filter(resource=row).ending_after(app_now())
    if ahead.exists():
        raise StateConflict(
            "Bookings lie ahead. Move them first; then it can be retired.",
            code="booked-ahead",
            conflicts=_in_the_way(ahead),
        )
    row.active, row.version = False, row.version + 1
    row.save(update_fields=["active", "version"])
    return row


@booking_act
def restore_resource(*, resource: Resource, by: User, expected_version: int | None = None) -> Resource:
    """Put a retired one back into use, with the hours it had. A person must work there in that role."""
    row = _current(resource, None)
    if row.active:
        return row
    row = _current(resource, expected_version)
    user = row.user
    if user is not None and (
        not user.is_active or row.kind not in user.role_names or row.site_id not in user.site_ids()
    ):
        raise RuleNotMet(
            f"{user.full_name} does not work at {row.site.name} in this role any more.", code="not-here"
        )
    row.active, row.version = True, row.version + 1
    row.save(update_fields=["active", "version"])
    return row


def _current(resource: Resource, expected_version: int | None) -> Resource:
    row = Resource.objects.select_for_update(of=("self",)).select_related("site", "user").get(pk=resource.pk)
    if expected_version is not None and row.version != expected_version:
        raise StaleVersion("Somebody changed this since you opened the page. Nothing was saved.")
    return row


def _check_capacity(capacity: int) -> None:
    if not 1 <= capacity <= 12:
        raise InvalidInput("Between 1 and 12 at once.", code="out-of-range", field="capacity")


def _named(name: str) -> str:
    text = " ".join(parse_text(name, field="name", max_length=80, single_line=True).split())
    if not text:
        raise InvalidInput("The name is missing.", code="required", field="name")
    return text


def _store(resource: Resource) -> None:
    try:
        with transaction.atomic():
            resource.save()
    except IntegrityError as error:
        if constraint_name(error) != "resource_name_once_per_site":
            raise
        raise Clash("There is one with this name at the site.", code="name-in-use", field="name") from error


def _in_the_way(bookings: QuerySet[ResourceBooking]) -> tuple[Conflict, ...]:
    """The first few bookings, without a patient's name: who manages chairs need not see patients."""
    rows = bookings.select_related("appointment", "resource__site").order_by("during")[:MOST_NAMED]
    return tuple(
        Conflict(
            row.resource.name,
            in_words(row.during.lower, zone_of(row.resource.site)),
            in_words(row.during.upper, zone_of(row.resource.site)),
            row.appointment.get_kind_display(),
        )
        for row in rows
    )


def refuse_while_booked(*, site: Site, at: datetime) -> None:
    """Raise StateConflict, with how many, while visits at this site have not ended."""
    ahead = Appointment.objects.filter(
        site=site, status__in=Appointment.BLOCKING, during__endswith__gt=at
    ).count()
    if ahead:
        raise StateConflict(
            f"{ahead} visit{'s are' if ahead != 1 else ' is'} booked ahead at this site, at times of its own clock "
            "and under its licences. Open a new site instead, or move the visits first.",
            code="booked-ahead",
            field="time_zone",
        )


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
    _settle_inside(resource.site, now, by)
    return report_outside(resource.site, [resource.pk], now, "The hours were changed.")


def without_hours(site: Site) -> QuerySet[Resource]:
    """What is in use at the site and cannot be booked, because nobody has said when it is there."""
    return Resource.objects.filter(site=site, active=True, availabilities__isnull=True)


@booking_act
def give_hours_to_the_rest(*, site: Site, hours: Sequence[Hours], by: User) -> list[Resource]:
    """Give these weekly hours to everything at the site that has none yet. Returns what they were given to.

    Doing it again is harmless: nothing is without hours then. Raises InvalidInput for hours that end before they start.
    """
    if any(end <= start for _, start, end in hours):
        raise InvalidInput("Hours must end after they start.", field="hours")
    keys = list(without_hours(site).values_list("pk", flat=True))
    lock(resources=keys)
    rows = list(without_hours(site).filter(pk__in=keys).order_by("name"))  # others may have written meanwhile
    Availability.objects.bulk_create(
        Availability(resource=row, weekday=day, start_time=start, end_time=end)
        for row in rows
        for day, start, end in hours
    )
    return rows if hours else []


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
    _settle_inside(resource.site, app_now(), by)


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
    _settle_inside(site, app_now(), by)


def report_outside(site: Site, resources: Collection[int], now: datetime, why: str) -> list[Appointment]:
    """Put every booking ahead that lies outside its resource's hours on the list of whoever booked it."""
    found = outside_hours(site, resources, now)
    for visit in found:
        raise_item(
            kind=WorkItem.Kind.DISPLACED,
            key=outside_key(visit),
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


def _settle_inside(site: Site, now: datetime, by: User) -> None:
    """Visits that were listed because they lay outside the hours, and do so no longer."""
    listed = list(WorkItem.objects.open().filter(site=site, key__startswith="hours:"))
    if not listed:
        return
    resources = list(Resource.objects.filter(site=site).values_list("pk", flat=True))
    still = {outside_key(visit) for visit in outside_hours(site, resources, now)}
    for item in listed:
        if item.key not in still:
            words = "It lies inside the hours again."
            settle(kind=item.kind, key=item.key, resolution=words, at=now, by=by)


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
