"""What should be said to whom and when, before any row of the outbox is planned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from patients.contact import SendTime, SheetOnly, send_time
from patients.models import ContactPoint, ContactPreference, Patient
from scheduling.models import Appointment, FollowUp, Message
from staff.errors import InvalidInput

Cause = tuple[int | None, int | None, str]
WITHDRAWN = "outside_withdrawn"


def cause_of(row: Message) -> Cause:
    """Follow-up or appointment, and kind: at most one message of it is alive. Therapy's cause is its follow-up. That
    times have ended is told to everybody who had them, so it is one for each address.
    """
    return _cause(row.follow_up_id, row.appointment_id, row.kind, row.contact_point_id)


def _cause(follow_up: int | None, appointment: int | None, kind: str, contact: int) -> Cause:
    if kind == WITHDRAWN:
        kind = f"{kind}@{contact}"
    return (None, appointment, kind) if follow_up is None else (follow_up, None, kind)


@dataclass(frozen=True)
class Wish:
    """One message that should exist: its cause, kind, times and what moment it speaks of."""

    kind: str
    follow_up: FollowUp | None
    appointment: Appointment | None
    contact: ContactPoint
    sending: SendTime
    about_at: datetime | None
    target: datetime

    @property
    def cause(self) -> Cause:
        """As `cause_of` of the message that it becomes."""
        appointment = self.appointment.pk if self.appointment else None
        return _cause(self.follow_up.pk if self.follow_up else None, appointment, self.kind, self.contact.pk)


@dataclass(frozen=True)
class NotInTime:
    """What should be said can no longer be said in time. One that was planned already stays until the tick
    lists it as expired: to cancel it would hide that.
    """

    cause: Cause
    generation: int | None

    def keeps(self, row: Message) -> bool:
        """This row speaks of it as it is."""
        return self.generation is None or row.generation == self.generation


def send_hours_of(
    preference: ContactPreference | None, send_from: str = "08:00", send_until: str = "21:30"
) -> tuple[str, str]:
    """The daily hours of a kind, narrowed by what the patient prefers."""
    if preference is None:
        return send_from, send_until
    quiet_until, quiet_from = _clock(preference.quiet_until), _clock(preference.quiet_from)
    return max(send_from, quiet_until), min(send_until, quiet_from)


def _clock(value: time | str) -> str:
    return value if isinstance(value, str) else f"{value:%H:%M}"


def when_to_send(
    patient: Patient,
    hours: tuple[str, str],
    earliest: datetime,
    target: datetime,
    expires: datetime,
    at: datetime,
) -> SendTime | SheetOnly:
    """When it leaves; a moment that has passed becomes the first allowed one from now on."""
    if expires <= max(earliest, at):
        return SheetOnly("it would come too late to be of use")
    late = target <= at
    try:
        return send_time(
            earliest=max(earliest, at) if late else earliest,
            target=max(target, at) if late else target,
            expires_at=expires,
            zone=ZoneInfo(patient.time_zone),
            send_from=hours[0],
            send_until=hours[1],
        )
    except InvalidInput as error:
        return SheetOnly(error.message)
