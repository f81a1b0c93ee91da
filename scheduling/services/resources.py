"""Chairs, rooms and practitioners, and their weekly hours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time

from django.db import transaction

from scheduling.models import Availability, Resource
from staff.errors import InvalidInput
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
    rows = [Availability(resource=resource, weekday=day, start_time=start, end_time=end) for day, start, end in hours]
    if any(row.end_time <= row.start_time for row in rows):
        raise InvalidInput("Hours must end after they start.", field="hours")
    Availability.objects.bulk_create(rows)
    return resource
