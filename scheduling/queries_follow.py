"""What the therapist queue and the window page read. Few queries, whatever the number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Q

from scheduling.domain.windows import Window, window_state
from scheduling.models import FollowUp, PlasticityWindow
from scheduling.outside_words import outside_facts
from scheduling.queue_facts import with_facts
from scheduling.services.overdue import WITH_OWNER
from staff.models import Site, User

Status, State = PlasticityWindow.Status, FollowUp.State
LATER = timedelta(days=14)
MOST_ROWS = 200
QUEUE_STATES = ("closing", "open", "opening", "waiting", "done")


@dataclass(frozen=True)
class QueueItem:
    """One window with its therapy after the infusion. `state` is one of QUEUE_STATES."""

    window: PlasticityWindow
    session: FollowUp | None
    state: str
    ends: datetime

    @property
    def mine_for(self) -> set[int]:
        """Primary keys of the people whose work this is."""
        people = {
            self.window.claimed_by_id,
            self.window.patient.therapist_id if self.window.patient else None,
        }
        if self.session is not None:
            people.add(self.session.assignee_id)
        return {pk for pk in people if pk is not None}

    @property
    def unassigned(self) -> bool:
        """Nobody has taken it and the patient has no therapist."""
        return not self.mine_for


def queue_items(user: User, site: Site, now: datetime) -> list[QueueItem]:
    """Every window of the site that this person may see and that is not over, the one that ends first on top.

    Two queries: windows with the facts a therapist needs, and their therapy follow-ups.
    """
    rows = list(
        with_facts(PlasticityWindow.objects.current().visible_to(user), now)
        .filter(
            Q(status__in=[Status.PENDING, Status.OPEN])
            | Q(status__in=[Status.PROVISIONAL, Status.STALE], t0__gt=now - LATER),
            status__in=[Status.PROVISIONAL, Status.PENDING, Status.OPEN, Status.STALE],  # as its index has it
            site=site,
        )
        .select_related("patient", "series__protocol_version", "claimed_by", "infusion__protocol_version")
        .order_by("core_until", "pk")[:MOST_ROWS]
    )
    sessions: dict[int | None, FollowUp] = {}
    wanted = (
        FollowUp.objects.filter(infusion__in=[row.infusion_id for row in rows], therapy=True)
        .exclude(state__in=[State.DROPPED, State.WITHDRAWN])
        .select_related(
            "appointment__practitioner", "appointment__integration", "assignee", "outside", "report"
        )
        .annotate(**outside_facts())
        .order_by("target_at", "pk")
    )
    for session in wanted:
        sessions.setdefault(session.infusion_id, session)
    return [_item(row, sessions.get(row.infusion_id), now) for row in rows]


def _item(row: PlasticityWindow, session: FollowUp | None, now: datetime) -> QueueItem:
    return QueueItem(row, session, state_of(row, session, now), row.core_until)


def state_of(row: PlasticityWindow, session: FollowUp | None, now: datetime) -> str:
    """The queue's word for a window: what its therapy needs, else where the window stands."""
    if row.sign_off_id is None or row.status == Status.STALE:
        return "waiting"
    if session is None or session.state in FollowUp.CLOSED:
        return "done"
    rule = row.infusion.protocol_version.read().window
    window = Window(row.t0, row.practice_from, row.core_until, row.tail_until, row.tail_until)
    found = window_state(window, now, earliest_session=session.earliest_at, rule=rule)
    if found in ("open", "closing") and row.status != Status.OPEN:
        return "opening"  # signed and due: the tick has not looked at the facts yet
    return "done" if found == "closed" else found


def later_therapy(user: User, site: Site, now: datetime) -> list[FollowUp]:
    """Therapy after the core window (second session, weekly work) that comes up within 14 days. Two queries at most:
    who may see what is asked before what is shown, because PostgreSQL would think longer about both at once than work.
    """
    found = list(
        FollowUp.objects.visible_to(user)
        .filter(
            site=site,
            therapy=True,
            state__in=[State.RELEASED, State.BOOKED],
            target_at__lt=now + LATER,
            infusion__windows__superseded_at__isnull=True,
            infusion__windows__status=Status.CLOSED,
        )
        .order_by("target_at", "pk")
        .values_list("pk", flat=True)[:MOST_ROWS]
    )
    if not found:
        return []
    shown = ("patient", "appointment__practitioner", "assignee", "visit", "outside")
    return list(FollowUp.objects.filter(pk__in=found).select_related(*shown).order_by("target_at", "pk"))


def follow_ups_of(infusion_id: int) -> list[FollowUp]:
    """All follow-ups of one infusion, in order of time."""
    return list(
        FollowUp.objects.filter(infusion=infusion_id)
        .select_related(
            "appointment__practitioner",
            "appointment__integration",
            "assignee",
            "closed_by",
            "outside",
            "report",
        )
        .annotate(**outside_facts())
        .order_by("target_at", "pk")
    )


def follow_ups_for_page(user: User, **where: Any) -> list[FollowUp]:
    """Follow-ups of a series or a patient that this person may see, open ones and what became of the others."""
    return list(
        FollowUp.objects.visible_to(user)
        .filter(**where)
        .select_related(
            "appointment__practitioner",
            "assignee",
            "closed_by",
            "visit",
            "infusion",
            "site",
            "outside",
            "report",
        )
        .annotate(**outside_facts())
        .order_by("target_at", "pk")
    )


def zone_of_patient(row: FollowUp | PlasticityWindow) -> ZoneInfo:
    """The patient's own zone, in which follow-ups are counted."""
    return ZoneInfo(row.patient.time_zone)


def open_loops_of(user: User, site: Site) -> models.QuerySet[FollowUp]:
    """Required follow-ups of infusions that have ended and that are in no final state, the most urgent first.

    Whose it is: `services/overdue.named_owner`, else whoever is on duty.
    """
    return (
        FollowUp.objects.visible_to(user)
        .filter(site=site, required=True, state__in=FollowUp.OPEN, infusion__stopped_at__isnull=False)
        .select_related(*WITH_OWNER, "infusion", "visit")
        .order_by("hard_latest_at", "pk")
    )
