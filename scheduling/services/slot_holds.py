"""Chairs that come free, or may: what is kept for undo, and what the waitlist is told.

A visit that a patient cannot keep is set aside before anybody has decided: nothing is cancelled by an answer (decisions
2.9: a person decides). While the visit stands the time is its own. When it is let go or moved, and when any visit loses
its date (cancelled, skipped, not attended), a hold keeps chair and people for the two minutes in which that can be
undone: until then nobody else books them and nobody is offered them (`offer_waits_for_undo` in the database), so undo
always brings the visit back. Then the time is offered in the waitlist's order.

A visit that was moved and not set aside keeps no second place: its patient has one, and others may follow at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from scheduling.domain.intervals import Interval, intersect, subtract
from scheduling.models import Appointment, FreedSlot, Resource, ResourceBooking
from scheduling.ranges import as_interval, as_range
from scheduling.reasons import FOR_UNDO
from scheduling.services.lanes import Occupation, occupy, release
from staff.models import Site, User

KEPT = "The visit takes place."
UNDO_FOR = timedelta(minutes=2)
Stretch = tuple[int, str, str]


@dataclass(frozen=True)
class Left:
    """What an act took from one set-aside visit: where it was, and every stretch of chair and people that it and the
    therapy planned after it had (one entry per unit of load). `instead`: what the act's bookings occupy now, by
    resource. `places`: where the patient is now.
    """

    visit: Appointment
    during: Interval
    practitioner_id: int | None
    stretches: Sequence[tuple[int, Interval]]
    instead: Sequence[tuple[int, Interval]]
    places: Sequence[Interval]


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
    FreedSlot.objects.create(
        resource_id=chair.resource_id, during=chair.during, freed_at=at, visit=visit, set_aside=True
    )
    return True


def keep(visit: Appointment, *, at: datetime, words: str = KEPT) -> int:
    """The visit takes place after all: its time is not set aside any more. Returns how many were (0 or 1)."""
    return waiting_of([visit.pk]).update(done_at=at, outcome=words[:120])


def answer_keys(visit: Appointment) -> tuple[str, str]:
    """Keys of the coordinator's items about this visit: of the patient's answer, and of the escort's."""
    return f"answer:{visit.code}", f"answer:{visit.code}:escort"


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
    left: Iterable[Left], gone: set[Stretch], *, by: User, at: datetime, dateless: bool
) -> set[Stretch]:
    """These visits left the stretches `gone` (resource, start, end as ISO text): what was set aside of them comes free
    once undo is over, and is kept until then. `dateless`: by an act that left them no date, so also what was not set
    aside. Returns the stretches kept. The caller holds the locks of the resources.
    """
    kept = set()
    found = {item.visit.pk: item for item in left}
    slots = list(waiting_of(found).select_for_update())
    if dateless:
        aside = {slot.visit_id for slot in slots}
        slots += [slot for item in left if item.visit.pk not in aside for slot in _chairs_of(item, at)]
    for slot in slots:
        stretch = (slot.resource_id, slot.during.lower.isoformat(), slot.during.upper.isoformat())
        if stretch in gone and slot.visit_id is not None:
            slot.left_by_id, slot.visit, slot.freed_at = slot.visit_id, None, at
            slot.hold = _keep_for_undo(slot, found[slot.left_by_id], by, at)
            slot.save()
            kept.add(stretch)
    return kept


def _chairs_of(left: Left, at: datetime) -> list[FreedSlot]:
    """Not yet written: the chair's time ahead that this visit had."""
    chairs = set(
        Resource.objects.filter(
            pk__in=[key for key, _ in left.stretches], kind=Resource.Kind.CHAIR, active=True
        ).values_list("pk", flat=True)
    )
    return [
        FreedSlot(
            resource_id=key, during=as_range(stretch.start, stretch.end), freed_at=at, visit_id=left.visit.pk
        )
        for key, stretch in left.stretches
        if key in chairs and stretch.end > at
    ]


def tell_waitlist(visits: Iterable[int], *, at: datetime) -> int:
    """These visits (primary keys) lose their chairs for good, by an act that nobody can undo: what of them is ahead is
    offered. Call it before they are released. Returns how many stretches. What is set aside is told by the tick.
    """
    keys = set(visits)
    keys -= set(waiting_of(keys).values_list("visit_id", flat=True))
    rows = ResourceBooking.objects.filter(
        appointment__in=keys, appointment__kind=Appointment.Kind.INFUSION, resource__kind=Resource.Kind.CHAIR,
        during__endswith__gt=at,
    )  # fmt: skip
    found = [FreedSlot(resource_id=row.resource_id, during=row.during, freed_at=at) for row in rows]
    return len(FreedSlot.objects.bulk_create(found))


def _keep_for_undo(slot: FreedSlot, left: Left, by: User, at: datetime) -> Appointment | None:
    """A hold on all that the visit had, less what it occupies now. None when nothing of the chair is left to keep."""
    resources = {
        row.pk: row for row in Resource.objects.filter(pk__in=[key for key, _ in left.stretches], active=True)
    }
    parts = [
        (resources[key], piece)
        for key, stretch in left.stretches
        if key in resources
        for piece in subtract([stretch], [taken for other, taken in left.instead if other == key])
    ]
    chair = [piece for resource, piece in parts if resource.pk == slot.resource_id]
    stays = intersect(subtract([left.during], left.places), chair)
    if not stays:
        return None
    stay = max(stays, key=lambda item: item.duration)
    hold = Appointment.objects.create(
        kind=Appointment.Kind.HOLD, status=Appointment.Status.RESERVED, held_until=at + UNDO_FOR,
        patient_id=left.visit.patient_id, site_id=left.visit.site_id, during=as_range(stay.start, stay.end),
        practitioner_id=left.practitioner_id, reason=FOR_UNDO, booked_by=by, booked_at=at,
    )  # fmt: skip
    occupy([Occupation(hold, resource, piece) for resource, piece in parts])
    return hold


def kept_for(visits: Iterable[int]) -> list[int]:
    """Primary keys of the holds that keep the places of these visits for undo."""
    rows = FreedSlot.objects.filter(left_by__in=list(visits), hold__status=Appointment.Status.RESERVED)
    return [int(key) for key in rows.values_list("hold_id", flat=True) if key is not None]


def in_own_way(patient: int, stays: Iterable[Interval]) -> list[int]:
    """Holds that keep a place of this patient (primary key) for undo where the patient is now wanted: they give way,
    for the newer act is about the same patient.
    """
    wanted = list(stays)
    rows = Appointment.objects.filter(
        patient=patient, kind=Appointment.Kind.HOLD, status=Appointment.Status.RESERVED, reason=FOR_UNDO
    )
    return [row.pk for row in rows if any(as_interval(row.during).overlaps(item) for item in wanted)]


def resources_of(holds: Sequence[int]) -> set[int]:
    """Primary keys of what these holds keep, to be locked."""
    rows = ResourceBooking.objects.filter(appointment__in=holds)
    return set(rows.values_list("resource_id", flat=True))


def end_holds(holds: Sequence[int], words: str) -> None:
    """These holds keep nothing any more. The caller holds the locks of their resources."""
    release(holds)
    for hold in Appointment.objects.filter(pk__in=holds, status=Appointment.Status.RESERVED):
        hold.status, hold.reason, hold.version = Appointment.Status.CANCELLED, words, hold.version + 1
        hold.save(update_fields=["status", "reason", "version"])


def come_back(visits: Iterable[int], *, at: datetime) -> list[int]:
    """The change was taken back: these visits have their places again, set aside if they were before. Returns the
    visits (primary keys) whose time was. The caller holds the locks, and puts the visits back in the same transaction.
    """
    keys, words = list(visits), "The change was taken back."
    end_holds(kept_for(keys), words)
    again = []
    left = FreedSlot.objects.filter(left_by__in=keys, done_at__isnull=True)
    left.filter(set_aside=False).update(done_at=at, outcome=words)
    for slot in left.filter(set_aside=True).select_for_update():
        slot.visit_id, slot.left_by, slot.hold, slot.freed_at = slot.left_by_id, None, None, at
        slot.save(update_fields=["visit", "left_by", "hold", "freed_at"])
        again.append(int(slot.visit_id or 0))
    return again


def settle_others(*, at: datetime) -> int:
    """For the tick: times whose visit was ended by another path come free, those whose visit has begun are closed.
    Returns how many of both.
    """
    rows = FreedSlot.objects.filter(visit__isnull=False, done_at__isnull=True)
    ended = rows.filter(visit__status__in=[Appointment.Status.CANCELLED, Appointment.Status.OMITTED])
    freed = ended.update(visit=None, freed_at=at)
    return freed + rows.exclude(visit__status=Appointment.Status.BOOKED).update(done_at=at, outcome=KEPT)
