"""A visit that a patient cannot keep: its time is set aside for the waitlist before anybody has decided.

Nothing is cancelled by an answer (decisions 2.9: a person decides). While the visit stands the time is its own; the
moment it is let go, the time is offered in the waitlist's order, after the two minutes for undo like every freed slot.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from scheduling.models import Appointment, FreedSlot, Resource, ResourceBooking
from staff.models import Site

KEPT = "The visit takes place."


def set_aside(visit: Appointment, *, at: datetime) -> bool:
    """Keep this visit's chair time for the waitlist, should the visit be let go. The caller holds the patient's lock.

    False when that is done already, or the visit has no chair (therapy has none).
    """
    if waiting_of([visit.pk]).exists():
        return False
    chair = (
        ResourceBooking.objects.filter(appointment=visit, resource__kind=Resource.Kind.CHAIR)
        .order_by("during")
        .first()
    )
    if chair is None:
        return False
    FreedSlot.objects.create(resource_id=chair.resource_id, during=chair.during, freed_at=at, visit=visit)
    return True


def keep(visit: Appointment, *, at: datetime, words: str = KEPT) -> int:
    """The visit takes place after all: its time is not set aside any more. Returns how many were (0 or 1)."""
    return waiting_of([visit.pk]).update(done_at=at, outcome=words[:120])


def waiting_of(visits: Iterable[int]) -> QuerySet[FreedSlot]:
    """Times that these visits still hold and that are set aside."""
    return FreedSlot.objects.filter(visit__in=list(visits), done_at__isnull=True)


def waiting_at(site: Site, now: datetime) -> QuerySet[FreedSlot]:
    """Times set aside at a site, soonest first, with what the page shows."""
    rows = FreedSlot.objects.filter(
        resource__site=site, visit__isnull=False, done_at__isnull=True, during__endswith__gt=now
    )
    return rows.select_related("resource", "visit__patient", "visit__series").order_by("during")


def let_go(
    visits: Iterable[int], gone: set[tuple[int, str, str]], *, at: datetime
) -> set[tuple[int, str, str]]:
    """These visits left the stretches `gone` (resource, start, end as ISO text): what was set aside of them comes free
    now. Returns those stretches.
    """
    freed = set()
    for slot in waiting_of(visits).select_for_update():
        stretch = (slot.resource_id, slot.during.lower.isoformat(), slot.during.upper.isoformat())
        if stretch in gone:
            slot.visit, slot.freed_at = None, at
            slot.save(update_fields=["visit", "freed_at"])
            freed.add(stretch)
    return freed


def settle_others(*, at: datetime) -> int:
    """For the tick: times whose visit was ended by another path come free, those whose visit has begun are closed.
    Returns how many of both.
    """
    rows = FreedSlot.objects.filter(visit__isnull=False, done_at__isnull=True)
    ended = rows.filter(visit__status__in=[Appointment.Status.CANCELLED, Appointment.Status.OMITTED])
    freed = ended.update(visit=None, freed_at=at)
    return freed + rows.exclude(visit__status=Appointment.Status.BOOKED).update(done_at=at, outcome=KEPT)
