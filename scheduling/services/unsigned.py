"""Records that nobody has signed become items, in time for somebody to sign them. Called by the tick.

Two moments (clinic-day 11), by the version of the infusion: some time after the minimum observation the prescriber is
told (45 minutes unless it says otherwise); some time before the shift of the responsible nurse ends (30 minutes), the
nurse too, because afterwards nobody who saw the patient is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.urls import reverse

from scheduling.domain.escalation import shift_moment, unsigned_moment
from scheduling.domain.intervals import as_utc
from scheduling.domain.localtime import local_date
from scheduling.loaders_follow import on_duty
from scheduling.models import Resource, WorkItem
from scheduling.services.prescriber_items import prescriber_of
from scheduling.services.workitems import raise_item
from sessions.discharge import observation_end
from sessions.models import Infusion, PumpEvent
from sessions.services import nurse_by_handover
from staff import roles
from staff.models import User

SIGN_WITHIN = timedelta(days=14)


@dataclass(frozen=True)
class Stage:
    """One moment of the escalation: from `due_at` the item `key` stands on the list of `owner`, else of `role`."""

    key: str
    due_at: datetime
    role: str
    owner: User | None
    detail: str


def unsigned_keys(infusion: Infusion) -> tuple[str, str]:
    """Keys of the items that a missing signature can raise."""
    return str(infusion.code), f"shift:{infusion.code}"


def unsigned_infusions(at: datetime) -> list[Infusion]:
    """Stopped, not signed, with a moment of the escalation reached that is on nobody's list yet."""
    waiting = Infusion.objects.filter(
        status=Infusion.Status.RECOVERING, stopped_at__lte=at, stopped_at__gt=at - SIGN_WITHIN
    ).select_related("patient__prescriber", "site", "protocol_version__template")
    keys = [key for row in waiting for key in unsigned_keys(row)]
    told = set(
        WorkItem.objects.open()
        .filter(kind=WorkItem.Kind.UNSIGNED, key__in=keys)
        .values_list("key", flat=True)
    )
    open_rows = [row for row in waiting if not told.issuperset(unsigned_keys(row))]
    return [row for row in open_rows if any(stage.key not in told for stage in _reached(row, at))]


def report_unsigned(*, infusion: Infusion, at: datetime) -> None:
    """Put every moment that is reached on its list: the record is not signed, so no window can open."""
    for stage in _reached(infusion, at):
        raise_item(
            kind=WorkItem.Kind.UNSIGNED, key=stage.key, site=infusion.site, patient=infusion.patient,
            title="Infusion record not signed", role=stage.role, owner=stage.owner, detail=stage.detail,
            url=reverse("infusion_detail", args=[infusion.code]), due_at=stage.due_at, at=at,
        )  # fmt: skip


def signing_due(infusion: Infusion) -> datetime:
    """End of the minimum observation, and what the version adds."""
    definition = infusion.protocol_version.read()
    if infusion.started_at is None or infusion.stopped_at is None:
        raise ValueError("an infusion that has not stopped has no signing time")
    ends = observation_end(
        definition.discharge,
        start=infusion.started_at,
        stop=infusion.stopped_at,
        delivered_mg=infusion.delivered_mg
        if infusion.delivered_mg is not None
        else definition.dose.ceiling_mg,
        aborted_below_mg=definition.clearance.aborted_below_mg,
    )
    return unsigned_moment(definition.escalation, ends)


def _reached(infusion: Infusion, at: datetime) -> list[Stage]:
    late, shift = unsigned_keys(infusion)
    rule = infusion.protocol_version.read().escalation
    found = []
    if (due := signing_due(infusion)) <= at:
        words = (
            f"The minimum observation ended more than {rule.unsigned_after_minutes} minutes ago. "
            "No therapy can start before the signature."
        )
        found.append(Stage(late, due, roles.CLINICIAN, prescriber_of(infusion), words))
    nurse = responsible_nurse(infusion)
    ends = None if nurse is None else shift_end(nurse, infusion)
    if nurse is not None and ends is not None and shift_moment(rule, ends) <= at:
        local = ends.astimezone(ZoneInfo(infusion.site.time_zone))
        words = f"Your shift ends at {local:%H:%M} and the record is not signed: call the clinician, or hand it over."
        due = max(shift_moment(rule, ends), as_utc(infusion.stopped_at or ends))
        found.append(Stage(shift, due, roles.NURSE, nurse.user, words))
    return found


def responsible_nurse(infusion: Infusion) -> Resource | None:
    """Who accepted the patient, else the nurse booked for the recovery, else who wrote the stop into the log."""
    nurses = Resource.objects.filter(kind=Resource.Kind.NURSE, site=infusion.site_id).select_related(
        "site", "user"
    )
    handed = nurse_by_handover(infusion)
    if handed is not None and (lane := nurses.filter(user=handed).first()) is not None:
        return lane
    booked = nurses.filter(
        bookings__appointment__infusion=infusion, bookings__during__endswith__gt=infusion.stopped_at
    )
    found: Resource | None = booked.order_by("-bookings__during__endswith").first()
    if found is not None:
        return found
    stop = infusion.pump_events.live().filter(kind=PumpEvent.Kind.STOP).first()
    return None if stop is None else nurses.filter(user=stop.entered_by_id).first()


def shift_end(nurse: Resource, infusion: Infusion) -> datetime | None:
    """End of the stretch in which the nurse is there when the pump stops; None when not on duty then."""
    if infusion.stopped_at is None:
        return None
    day = local_date(infusion.stopped_at, ZoneInfo(nurse.site.time_zone))
    parts = on_duty([nurse], day, day + timedelta(days=1))[nurse.pk]
    return next((part.end for part in parts if part.start <= infusion.stopped_at < part.end), None)
