"""Which lane of a resource a booking takes. Lanes are invisible: whenever the load fits the capacity, a set
of lanes exists (interval colouring), so a booking is never refused because others took the wrong ones.

Callers hold the locks of the resources. Lanes of the bookings that touch the new ones, directly or through
others, are handed out afresh under the deferred exclusion constraint, which is asked again before this module
returns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection

from scheduling.domain.intervals import Interval, assign_lanes, union
from scheduling.models import Appointment, Resource, ResourceBooking
from scheduling.ranges import as_interval, as_range

AROUND = timedelta(hours=24)


@dataclass(frozen=True)
class Occupation:
    """`load` lanes of `resource` for an appointment."""

    appointment: Appointment
    resource: Resource
    during: Interval
    load: int = 1


def occupy(items: Sequence[Occupation]) -> None:
    """Write the bookings of these appointments. Raises Clash when a resource has no room.

    Three statements for any number of items, and one more for each set of moved lanes.
    """
    if not items:
        return
    existing = _existing(items)
    fresh: list[ResourceBooking] = []
    moved: list[ResourceBooking] = []
    for resource in {item.resource for item in items}:
        mine = [item for item in items if item.resource == resource for _ in range(item.load)]
        near = _connected(existing.get(resource.pk, []), [item.during for item in mine])
        lanes = _colour(resource, near, mine)
        for row, lane in zip(near, lanes, strict=False):
            if row.lane != lane:
                row.lane = lane
                moved.append(row)
        fresh += [
            ResourceBooking(
                resource=resource,
                lane=lane,
                appointment=item.appointment,
                during=as_range(item.during.start, item.during.end),
            )
            for item, lane in zip(mine, lanes[len(near) :], strict=True)
        ]
    _write(fresh, moved)


def release(appointments: Iterable[int]) -> None:
    """Delete the bookings of these appointments (primary keys): their time is free again."""
    ResourceBooking.objects.filter(appointment_id__in=list(appointments)).delete()


def _existing(items: Sequence[Occupation]) -> dict[int, list[ResourceBooking]]:
    """Bookings of the resources around the new ones, wide enough to hold every chain of touching stays."""
    start = min(item.during.start for item in items) - AROUND
    end = max(item.during.end for item in items) + AROUND
    found: dict[int, list[ResourceBooking]] = {}
    rows = ResourceBooking.objects.filter(resource__in={item.resource.pk for item in items})
    for row in rows.touching(start, end).order_by("during", "pk"):
        found.setdefault(row.resource_id, []).append(row)
    return found


def _connected(rows: Sequence[ResourceBooking], wanted: Collection[Interval]) -> list[ResourceBooking]:
    """The rows whose stretch of unbroken use contains one of the wanted intervals; the others keep their
    lanes.
    """
    stretches = union([*(as_interval(row.during) for row in rows), *wanted])
    touched = [stretch for stretch in stretches if any(stretch.overlaps(item) for item in wanted)]
    return [row for row in rows if any(stretch.overlaps(as_interval(row.during)) for stretch in touched)]


def _colour(
    resource: Resource, near: Sequence[ResourceBooking], mine: Sequence[Occupation]
) -> tuple[int, ...]:
    intervals = [*(as_interval(row.during) for row in near), *(item.during for item in mine)]
    current: list[int | None] = [*(row.lane for row in near), *([None] * len(mine))]
    return assign_lanes(intervals, resource.capacity, current)


def _write(fresh: list[ResourceBooking], moved: list[ResourceBooking]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS one_booking_per_lane DEFERRED")
        if moved:
            ResourceBooking.objects.bulk_update(moved, ["lane"])
        ResourceBooking.objects.bulk_create(fresh)
        cursor.execute("SET CONSTRAINTS one_booking_per_lane IMMEDIATE")
