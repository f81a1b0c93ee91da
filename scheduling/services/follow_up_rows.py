"""What every act on a follow-up shares: the locks, the version, giving its appointment back, telling its
messages.
"""

from __future__ import annotations

from scheduling.models import Appointment, FollowUp, Resource
from scheduling.services import lanes
from scheduling.services.messages import sync_messages
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import settle_visit
from staff.errors import InvalidInput, StaleVersion, StateConflict
from staff.locks import lock
from staff.models import User

Status = Appointment.Status


def locked(follow_up: FollowUp, therapist: User) -> FollowUp:
    """The row as it is now, under the locks of the patient and of the therapist's time."""
    mine = Resource.objects.filter(user=therapist, kind=Resource.Kind.THERAPIST, active=True)
    lock(patients=[follow_up.patient_id], resources=mine.values_list("pk", flat=True))
    return (
        FollowUp.objects.select_for_update(of=["self"])
        .select_related(
            "patient",
            "site",
            "series__protocol_version",
            "infusion__protocol_version",
            "appointment__integration",
            "visit",
        )
        .get(pk=follow_up.pk)
    )


def locked_row(follow_up: FollowUp, *related: str) -> FollowUp:
    """The row as it is now, under the patient's lock alone: for acts that take nobody's time here."""
    lock(patients=[follow_up.patient_id])
    return FollowUp.objects.select_for_update(of=["self"]).select_related(*related).get(pk=follow_up.pk)


def check_version(row: FollowUp, expected: int | None) -> None:
    """Raise StaleVersion when the page was made from another version."""
    if expected is not None and row.version != expected:
        raise StaleVersion("This follow-up changed since you opened it. Look at it again.", field="version")


def cancel_appointment(row: FollowUp, reason: str) -> None:
    """Free the booked time. StateConflict once the session was started. The caller saves the follow-up."""
    booked = row.appointment
    if booked is None:
        return
    if booked.status not in Appointment.CANCELLABLE:
        words = (
            "The session has been started." if booked.status == Status.IN_PROGRESS else "The session is over."
        )
        raise StateConflict(words, code="session-started")
    lanes.release([booked.pk])
    booked.status, booked.reason, booked.owner = Status.CANCELLED, reason[:200], None
    booked.version += 1
    booked.save(update_fields=["status", "reason", "owner", "version"])
    settle_visit(booked, resolution="Cancelled.")
    row.appointment = None


def reason_in_words(reason: str) -> str:
    """The reason, trimmed. InvalidInput when it is empty or longer than 200 characters."""
    words = reason.strip()
    if not words:
        raise InvalidInput("Give a reason in a few words.", field="reason")
    if len(words) > 200:
        raise InvalidInput("Keep the reason below 200 characters.", code="too-long", field="reason")
    return words


def finish(row: FollowUp) -> None:
    """Messages follow, and every deferred rule speaks before the act is reported as done."""
    sync_messages(series=row.series)
    check_constraints_now()
