"""A window that closes without therapy is nobody's private matter: therapist, then every therapist, then the lead.

`POOL_AFTER`: past the target with nothing booked the row is offered to every therapist of the site. `LEAD_BEFORE`: a
third of the core window before its end (at most 24 hours, at least 6) it is put to the patient's prescriber. Both are
said once, on a list with an owner or a role, and settled when therapy is booked. Called by the tick.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.urls import reverse

from scheduling.domain.localtime import in_words
from scheduling.models import FollowUp, PlasticityWindow, WorkItem
from scheduling.services.still_possible import still_possible
from scheduling.services.workitems import raise_item, settle
from staff import roles
from staff.locks import lock

State, Status = FollowUp.State, PlasticityWindow.Status
LATE_KEY = "late:"  # of the item about a follow-up that is past its latest hour
LEAD_SHARE, LEAD_MOST, LEAD_LEAST = 3, timedelta(hours=24), timedelta(hours=6)


def lead_moment(t0: datetime, core_until: datetime) -> datetime:
    """When a window without booked therapy is put to the lead: a third of its core before the end, 6 to 24 hours."""
    third = (core_until - t0) / LEAD_SHARE
    return core_until - min(max(third, LEAD_LEAST), LEAD_MOST)


def waiting_rows(at: datetime) -> list[FollowUp]:
    """Required first therapy, not booked, past its target or near the end of its open window. One query."""
    rows = (
        FollowUp.objects.filter(
            therapy=True, required=True, state=State.RELEASED, hard_latest_at__gt=at,
            infusion__windows__superseded_at__isnull=True, infusion__windows__status=Status.OPEN,
        )
        .select_related("patient__therapist", "patient__prescriber", "site", "series__prescriber", "infusion")
        .order_by("hard_latest_at", "pk")[:200]
    )  # fmt: skip
    return [row for row in rows if row.target_at <= at or row.hard_latest_at - LEAD_MOST <= at]


@transaction.atomic
def escalate(*, follow_up: FollowUp, at: datetime) -> bool:
    """Take the next step for this session if it is due. False when nothing was to be done. Idempotent."""
    lock(patients=[follow_up.patient_id])
    row = (
        FollowUp.objects.select_for_update(of=["self"])
        .select_related("patient__therapist", "patient__prescriber", "site", "series__prescriber")
        .filter(pk=follow_up.pk, state=State.RELEASED)
        .first()
    )
    window = (
        PlasticityWindow.objects.current().filter(infusion=follow_up.infusion_id, status=Status.OPEN).first()
    )
    if row is None or window is None:
        return False
    pool_due = row.target_at <= at and window.pool_at is None
    lead_due = (
        lead_moment(window.t0, min(window.core_until, row.hard_latest_at)) <= at and window.lead_at is None
    )
    if not (pool_due or lead_due):
        return False
    window.pool_at = window.pool_at or at
    window.lead_at = at if lead_due else window.lead_at
    window.version += 1
    window.save(update_fields=["pool_at", "lead_at", "version"])
    _report(row, window, at)
    return True


def pool_key(row: FollowUp) -> str:
    """Key of the item about a session that is offered to everybody."""
    return f"pool:{row.code}"


def _report(row: FollowUp, window: PlasticityWindow, at: datetime) -> None:
    """One item and one owner at a time: the therapists' list, then (late) a named person, then the lead."""
    late = WorkItem.objects.open().filter(kind=WorkItem.Kind.UNPLACED, key=f"{LATE_KEY}{row.code}")
    if window.lead_at is None and late.exists():
        return
    late.update(resolved_at=at, resolution="With the lead now: see that item.")
    until = min(window.core_until, row.hard_latest_at)
    url = reverse("window_detail", args=[window.code])
    if window.lead_at is None:
        raise_item(
            kind=WorkItem.Kind.UNPLACED, key=pool_key(row), site=row.site, patient=row.patient, role=roles.THERAPIST,
            title="Therapy is not booked: open to every therapist", due_at=row.latest_at, at=at, url=url,
            detail=f"The target has passed and the window ends {in_words(until, ZoneInfo(row.site.time_zone))}. "
            "Whoever is free takes it.",
        )  # fmt: skip
        return
    raise_item(
        kind=WorkItem.Kind.UNPLACED, key=pool_key(row), site=row.site, patient=row.patient, role=roles.CLINICIAN,
        owner=row.patient.prescriber or row.series.prescriber, due_at=until, at=at,
        title="The window closes without therapy", url=url,
        detail=f"{still_possible(row, ends=until, at=at)} Decide: cover, video, outside therapist, or let it pass.",
    )  # fmt: skip


def settle_escalation(row: FollowUp, resolution: str, at: datetime) -> None:
    """The item of this session is closed because its cause is gone."""
    settle(kind=WorkItem.Kind.UNPLACED, key=pool_key(row), resolution=resolution, at=at)
