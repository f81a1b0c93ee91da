"""A window that closes without therapy is nobody's private matter: therapist, then every therapist, then the lead.

Past the target with nothing booked the row is offered to every therapist of the site; near the end of the core it is
put to the patient's prescriber. How long after and before is said by the version that the infusion ran on
(`definition.EscalationRule`). Both are said once, on a list with an owner or a role, and settled when therapy is
booked. Called by the tick.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Prefetch
from django.urls import reverse

from scheduling.domain.escalation import lead_moment, pool_moment
from scheduling.domain.localtime import in_words
from scheduling.models import FollowUp, PlasticityWindow, WorkItem
from scheduling.services.still_possible import still_possible
from scheduling.services.workitems import raise_item, settle
from staff import roles
from staff.locks import lock

State, Status = FollowUp.State, PlasticityWindow.Status
LATE_KEY = "late:"  # of the item about a follow-up that is past its latest hour
AT_ONCE = 200  # rows of one tick


def waiting_rows(at: datetime) -> list[FollowUp]:
    """Required first therapy, not booked, with a step due that was not taken, the window's end nearest first.

    What has been put to the lead is not looked at again, so it cannot keep others from being seen.
    """
    current = PlasticityWindow.objects.current().filter(status=Status.OPEN)
    rows = (
        FollowUp.objects.filter(
            therapy=True, required=True, state=State.RELEASED, hard_latest_at__gt=at, outside__isnull=True,
            infusion__in=current.filter(lead_at__isnull=True).values("infusion"),
        )
        .select_related(
            "patient__therapist", "patient__prescriber", "site", "series__prescriber", "infusion__protocol_version"
        )
        .prefetch_related(Prefetch("infusion__windows", queryset=current, to_attr="open_windows"))
        .order_by("hard_latest_at", "pk")
    )  # fmt: skip
    return [row for row in rows if any(any(_due(row, window, at)) for window in _windows(row))][:AT_ONCE]


def _windows(row: FollowUp) -> list[PlasticityWindow]:
    found: list[PlasticityWindow] = row.infusion.open_windows  # type: ignore[union-attr]  # prefetched
    return found


def _due(row: FollowUp, window: PlasticityWindow, at: datetime) -> tuple[bool, bool]:
    """Whether the step to every therapist, and the step to the lead, is due and not taken."""
    rule = window.infusion.protocol_version.read().escalation
    ends = min(window.core_until, row.hard_latest_at)
    return (
        window.pool_at is None and pool_moment(rule, row.target_at) <= at,
        window.lead_at is None and lead_moment(rule, window.t0, ends) <= at,
    )


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
        PlasticityWindow.objects.current()
        .filter(infusion=follow_up.infusion_id, status=Status.OPEN)
        .select_related("infusion__protocol_version")
        .first()
    )
    if row is None or window is None:
        return False
    pool_due, lead_due = _due(row, window, at)
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
