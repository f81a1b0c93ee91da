"""Items that need a person: raised once per cause, resolved with words. Nothing that fails stays silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from patients.models import Patient
from scheduling.models import Appointment, WorkItem
from staff.clock import app_now
from staff.errors import InvalidInput, StateConflict
from staff.models import Site, User


@transaction.atomic
def raise_item(
    *,
    kind: str,
    key: str,
    site: Site,
    title: str,
    role: str,
    due_at: datetime,
    patient: Patient | None = None,
    detail: str = "",
    owner: User | None = None,
    url: str = "",
    at: datetime | None = None,
) -> WorkItem:
    """Put one item on a list. While an item of this `kind` and `key` is open, it is refreshed, not doubled.

    `role` is a name of staff/roles.py: whose list it is on when no `owner` is named. Title and detail carry
    no name of a patient; pages show that beside them to those who may see it. Safe under concurrent callers.
    An owner who has left is none: the item is on the list of its role.
    """
    if owner is not None and not owner.is_active:
        owner = None
    fields = {
        "site": site,
        "patient": patient,
        "title": title[:160],
        "detail": detail[:500],
        "role": role,
        "owner": owner,
        "url": url,
        "due_at": due_at,
    }
    fresh = WorkItem(kind=kind, key=key, created_at=at or app_now(), **fields)
    WorkItem.objects.bulk_create([fresh], ignore_conflicts=True)
    item = WorkItem.objects.select_for_update().get(kind=kind, key=key, resolved_at__isnull=True)
    changed = [name for name, value in fields.items() if getattr(item, name) != value]
    if changed:
        for name in changed:
            setattr(item, name, fields[name])
        item.save(update_fields=changed)
    return item


@transaction.atomic
def raise_items(wanted: Sequence[Mapping[str, Any]], *, at: datetime) -> None:
    """Put many items of different causes on lists at once; each as `raise_item` takes it, without owners."""
    keys = {(one["kind"], one["key"]) for one in wanted}
    known = set(
        WorkItem.objects.open()
        .filter(kind__in={kind for kind, _ in keys}, key__in=[key for _, key in keys])
        .values_list("kind", "key")
    )
    WorkItem.objects.bulk_create(
        [WorkItem(**one, created_at=at) for one in wanted if (one["kind"], one["key"]) not in known],
        ignore_conflicts=True,
    )
    for one in wanted:
        if (one["kind"], one["key"]) in known:
            raise_item(**one, at=at)


@transaction.atomic
def resolve_item(*, item: WorkItem, by: User, resolution: str, at: datetime | None = None) -> WorkItem:
    """Close an item with words. InvalidInput without words, StateConflict when it is closed already."""
    words = resolution.strip()
    if not words:
        raise InvalidInput("Say in a few words what was done.", field="resolution")
    current = WorkItem.objects.select_for_update().get(pk=item.pk)
    if current.resolved_at is not None:
        raise StateConflict("This item is closed already.", code="item-closed")
    current.resolved_at, current.resolved_by, current.resolution = at or app_now(), by, words[:200]
    current.save(update_fields=["resolved_at", "resolved_by", "resolution"])
    return current


def settle(
    *, kind: str, key: str, resolution: str, at: datetime | None = None, by: User | None = None
) -> int:
    """Close the open item of this cause because the cause is gone. Returns how many were closed (0 or 1)."""
    return WorkItem.objects.filter(kind=kind, key=key, resolved_at__isnull=True).update(
        resolved_at=at or app_now(), resolved_by=by, resolution=resolution[:200]
    )


def settle_visit(
    visit: Appointment, *, resolution: str, at: datetime | None = None, by: User | None = None
) -> None:
    """Close what was open because this visit had lost its time, or stood outside the hours."""
    for key in (str(visit.code), outside_key(visit)):
        settle(kind=WorkItem.Kind.DISPLACED, key=key, resolution=resolution, at=at, by=by)


def outside_key(visit: Appointment) -> str:
    """Key of the item about a booked visit that lies outside the hours of what it occupies."""
    return f"hours:{visit.code}"


def reopen(*, kind: str, key: str, since: datetime) -> int:
    """Open the item of this cause again that an act at `since` closed, because the act was taken back. Returns how many
    were (0 or 1); one that is open already stays as it is.
    """
    if WorkItem.objects.open().filter(kind=kind, key=key).exists():
        return 0
    closed = WorkItem.objects.filter(kind=kind, key=key, resolved_at=since)
    return closed.update(resolved_at=None, resolved_by=None, resolution="")
