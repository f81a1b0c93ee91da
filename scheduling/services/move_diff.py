"""What accepting a move would change: dates, therapy sessions and messages, computed by doing it and taking it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import transaction

from scheduling.models import Appointment, Message, VisitChange
from scheduling.services.cascade import MovePlan
from scheduling.services.moving import move_visits
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import User

Status = Appointment.Status


@dataclass(frozen=True)
class DateLine:
    """One visit or session of the diff; `after` None: it loses its time. Places are names of chair and people."""

    title: str
    before: datetime
    after: datetime | None
    place_before: str
    place_after: str


@dataclass(frozen=True)
class MessageLine:
    """One message of the diff: stopped (`after` None), new (`before` None) or sent at another time."""

    kind: str
    before: datetime | None
    after: datetime | None


@dataclass(frozen=True)
class Diff:
    """What accepting would change, computed by doing it and taking it back."""

    visits: tuple[DateLine, ...] = ()
    sessions: tuple[DateLine, ...] = ()
    messages: tuple[MessageLine, ...] = ()
    refusal: DomainError | None = field(default=None, compare=False)


def preview(
    plan: MovePlan,
    *,
    by: User,
    reason: str,
    displace_therapy: bool = False,
    close_reason: str = "",
    at: datetime | None = None,
) -> Diff:
    """What accepting `plan` would change. The act is done and rolled back: its refusal, if any, is in the diff."""
    now = at or app_now()
    patient = plan.series.patient_id
    try:
        with transaction.atomic():
            before = _messages(patient)
            change = move_visits(
                series=plan.series,
                choices=plan.choices,
                sessions=plan.sessions,
                scope=plan.scope,
                reason=reason,
                displace_therapy=displace_therapy,
                close_reason=close_reason,
                by=by,
                at=now,
            )
            rows = list(change.rows.select_related("appointment__series"))
            after = _messages(patient)
            transaction.set_rollback(True)
    except DomainError as refusal:
        return Diff(refusal=refusal)
    lines = [(row.appointment, _line(row)) for row in rows]
    return Diff(
        tuple(line for item, line in lines if item.kind == Appointment.Kind.INFUSION),
        tuple(line for item, line in lines if item.kind == Appointment.Kind.THERAPY),
        tuple(_message_lines(before, after)),
    )


def _line(row: VisitChange) -> DateLine:
    visit = row.appointment
    what = "Infusion" if visit.kind == Appointment.Kind.INFUSION else "Therapy after infusion"
    lost = row.status_after == Status.DISPLACED
    return DateLine(
        f"{what} {visit.ordinal}",
        row.during_before.lower,
        None if lost else row.during_after.lower,
        row.place_before,
        row.place_after,
    )


Cause = tuple[int | None, int | None, str]


def _messages(patient: int) -> dict[Cause, datetime]:
    """When each unsent message of the patient is to leave, by what it is about."""
    rows = Message.objects.pending().filter(patient=patient)
    return {
        (row.follow_up_id, None if row.follow_up_id else row.appointment_id, row.kind): row.due_at
        for row in rows
    }


def _message_lines(
    before: Mapping[Cause, datetime], after: Mapping[Cause, datetime]
) -> Iterable[MessageLine]:
    """Only what changes, by time."""
    changed = [
        MessageLine(message_words(cause[2]), before.get(cause), after.get(cause))
        for cause in {*before, *after}
        if before.get(cause) != after.get(cause)
    ]
    far = datetime.max.replace(tzinfo=UTC)
    return sorted(changed, key=lambda line: (line.after or line.before or far, line.kind))


def message_words(kind: str) -> str:
    """`visit_reminder` -> `Visit reminder`."""
    return kind.replace("_", " ").capitalize()
