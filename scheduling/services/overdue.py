"""What nobody did in time becomes an item on a named person's or a role's list. Called by the tick.

Missed follow-ups (past their last moment) and check-ins without an answer by their latest hour (decisions 1.7,
clinic-day 12). Records that nobody signed are in `unsigned`.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.urls import reverse

from scheduling.models import Appointment, FollowUp, Message, WorkItem
from scheduling.services import lanes
from scheduling.services.followups import close_rows
from scheduling.services.messages import sync_patient
from scheduling.services.workitems import raise_item, settle
from staff import roles
from staff.locks import lock
from staff.models import User

State = FollowUp.State
ROLE_OF = {
    "patient": roles.NURSE,
    "nurse": roles.NURSE,
    "therapist": roles.THERAPIST,
    "clinician": roles.CLINICIAN,
}
NOT_HELD = "It did not take place by its last moment."


@transaction.atomic
def mark_missed(*, follow_up: FollowUp, at: datetime) -> bool:
    """Close one follow-up whose last moment has passed. False when it was done, moved or is under way."""
    lock(patients=[follow_up.patient_id])
    row = (
        FollowUp.objects.overdue(at)
        .select_for_update(of=["self"])
        .select_related(
            "appointment",
            "patient__therapist",
            "site",
            "assignee",
            "visit__series__protocol_version",
            "visit__infusion__protocol_version",
        )
        .filter(pk=follow_up.pk)
        .first()
    )
    if row is None:
        return False
    booked = row.appointment
    if booked is not None and booked.status in Appointment.BLOCKING:
        if booked.status == Appointment.Status.IN_PROGRESS:
            return False
        lanes.release([booked.pk])
        booked.status, booked.reason, booked.version = (
            Appointment.Status.NO_SHOW,
            NOT_HELD,
            booked.version + 1,
        )
        booked.save(update_fields=["status", "reason", "version"])
    close_rows([row], state=State.MISSED, reason=NOT_HELD, at=at)
    sync_patient(row.patient, at=at)
    settle(
        kind=WorkItem.Kind.CALL_PATIENT, key=f"late:{row.code}", resolution="Missed, see its own item.", at=at
    )
    if _is_listed(row) and not _told_already(row):
        _report_missed(row, at)
    return True


def _is_listed(row: FollowUp) -> bool:
    """By the version that governs the visit; a rule that the text no longer has falls back on the row itself."""
    try:
        return row.visit.protocol_version.read().follow_up(row.kind).missed_is_listed
    except KeyError:
        return row.required


def _told_already(row: FollowUp) -> bool:
    """A message was all there was to do, and that it failed or could not be sent is on a list of its own."""
    if row.audience != "patient":
        return False
    failed = Message.objects.filter(follow_up=row, state__in=Message.TROUBLE).exists()
    return failed or WorkItem.objects.filter(key=f"no-contact:{row.visit.code}").exists()


def _report_missed(row: FollowUp, at: datetime) -> None:
    raise_item(
        kind=WorkItem.Kind.MISSED, key=f"missed:{row.code}", site=row.site, patient=row.patient,
        title=f"Missed: {row.title}"[:160], role=ROLE_OF.get(row.audience, roles.NURSE), owner=owner_of(row),
        detail="It was not done by its last moment. Say what happened, or arrange something else.",
        url=reverse("patient_detail", args=[row.patient.code]), due_at=at, at=at,
    )  # fmt: skip


def owner_of(row: FollowUp) -> User | None:
    """The person it was assigned to; for therapy else the patient's therapist. None: the role's list."""
    if row.assignee is not None:
        return row.assignee
    return row.patient.therapist if row.audience == "therapist" else None


def report_silence(*, follow_up: FollowUp, at: datetime) -> None:
    """No answer to the next-morning check-in by its latest hour: a nurse calls."""
    raise_item(
        kind=WorkItem.Kind.CALL_PATIENT, key=f"late:{follow_up.code}", site=follow_up.site,
        patient=follow_up.patient, title=f"Call the patient: {follow_up.title}"[:160], role=roles.NURSE,
        detail="Nothing has been heard. Ask about sleep, adverse effects and safety, then mark it as done.",
        owner=follow_up.assignee, url=reverse("patient_detail", args=[follow_up.patient.code]),
        due_at=follow_up.latest_at, at=at,
    )  # fmt: skip


def silent_check_ins(at: datetime) -> list[FollowUp]:
    """Safety follow-ups of the nurse that are past their latest hour, still open, and on nobody's list yet."""
    rows = FollowUp.objects.filter(
        gate="none", audience="nurse", state=State.RELEASED, latest_at__lte=at, hard_latest_at__gt=at
    ).select_related("patient", "site", "assignee")
    told = set(
        WorkItem.objects.open()
        .filter(kind=WorkItem.Kind.CALL_PATIENT, key__in=[f"late:{row.code}" for row in rows])
        .values_list("key", flat=True)
    )
    return [row for row in rows if f"late:{row.code}" not in told]
