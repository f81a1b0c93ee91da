"""The last look before a message leaves: everything that may have changed since it was planned is read again.

The caller holds the patient's lock, so that nothing read here changes until the row is marked as being sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from patients.contact import next_allowed
from patients.models import ContactPreference, Patient
from scheduling.models import Appointment, FollowUp, Message, PatientSpan, PlasticityWindow, TreatmentSeries
from scheduling.services.messages import SPEAKING, send_hours_of
from staff.errors import InvalidInput
from staff.fields import blind_index

State = Message.State
PER_HOUR = 3


@dataclass(frozen=True)
class Decision:
    """What looking again says: send, or why not. `until` = wait till then."""

    verdict: str  # "send", "wait", "cancel", "replan", "expire", "dead"
    reason: str = ""
    until: datetime | None = None


def look_again(row: Message, now: datetime) -> Decision:
    """Whether this message may leave at `now`: person, address, cause, window, hours, number. First refusal
    wins.
    """
    return (
        _time(row, now)
        or _person(row)
        or _address(row)
        or _cause(row)
        or _window(row, now)
        or _hours(row, now)
        or _number(row, now)
        or Decision("send")
    )


def _time(row: Message, now: datetime) -> Decision | None:
    return Decision("expire", "It was not sent in time.") if row.expires_at <= now else None


def _person(row: Message) -> Decision | None:
    if row.patient.status != Patient.Status.ACTIVE:
        return Decision("cancel", f"The patient is {row.patient.get_status_display().lower()}.")
    stopped = ContactPreference.objects.filter(patient=row.patient, all_messages_stopped_at__isnull=False)
    return Decision("cancel", "All messages to this patient are stopped.") if stopped.exists() else None


def _address(row: Message) -> Decision | None:
    """Still this patient's, verified, consented, not opted out: read now, not when it was planned."""
    point = row.contact_point
    if point.patient_id != row.patient_id:
        return Decision("replan", "The address is no longer this patient's.")
    if blind_index(point.address) != point.address_index:
        return Decision("dead", "The stored address does not match its own check value.")
    if not point.usable or point.channel != row.channel:
        return Decision("replan", "The address may no longer be used.")
    return None


def _cause(row: Message) -> Decision | None:
    """The follow-up or visit that it speaks of stands, at the same time, in the same generation."""
    follow_up, visit = row.follow_up, row.appointment
    if follow_up is not None:
        if follow_up.state not in FollowUp.ACTIONABLE:
            return Decision("cancel", "What it speaks of is no longer to be done.")
        if follow_up.generation != row.generation:
            return Decision("replan", "What it speaks of has moved.")
    elif (
        visit is not None
        and visit.series is not None
        and visit.series.status != TreatmentSeries.Status.ACTIVE
    ):
        return Decision("cancel", "The series is not active.")
    if row.about_at is None:
        return None
    if visit is None or visit.status != Appointment.Status.BOOKED or visit.during.lower != row.about_at:
        return Decision("replan", "The visit it speaks of was moved or cancelled.")
    return None


def _window(row: Message, now: datetime) -> Decision | None:
    """What waits for the window leaves only while it is open, and never inside a no-therapy period."""
    follow_up = row.follow_up
    if follow_up is None or follow_up.gate != "window":
        return None
    window = PlasticityWindow.objects.current().filter(infusion=follow_up.infusion_id).first()
    if window is None or window.status not in SPEAKING or window.t0 > now:
        return Decision("cancel", "The window is not open.")
    inside = PatientSpan.objects.filter(
        patient=row.patient_id, kind=PatientSpan.Kind.NO_THERAPY, during__contains=now
    ).first()
    return None if inside is None else Decision("wait", "No-therapy period.", inside.during.upper)


def _hours(row: Message, now: datetime) -> Decision | None:
    """Quiet hours in the patient's zone as it is now."""
    preference = ContactPreference.objects.filter(patient=row.patient_id).first()
    send_from, send_until = "08:00", "21:30"
    if row.follow_up is not None:
        rule = row.follow_up.protocol_version.read().follow_up(row.follow_up.kind)
        send_from, send_until = rule.send_from, rule.send_until
    try:
        allowed = next_allowed(
            now, ZoneInfo(row.patient.time_zone), *send_hours_of(preference, send_from, send_until)
        )
    except InvalidInput:
        return Decision("expire", "The patient's hours leave no time to send it.")
    return None if allowed <= now else Decision("wait", "Quiet hours.", allowed)


def _number(row: Message, now: datetime) -> Decision | None:
    """At most three messages to one patient in an hour; the caller holds the patient's lock."""
    recent = Message.objects.filter(patient=row.patient_id).exclude(pk=row.pk)
    sent = recent.filter(sent_at__gt=now - timedelta(hours=1)).order_by("sent_at")
    times = list(sent.values_list("sent_at", flat=True))
    in_flight = recent.filter(state=State.SENDING).count()
    if len(times) + in_flight < PER_HOUR:
        return None
    first = (times[0] if times else None) or now
    return Decision("wait", "Three messages an hour are enough.", first + timedelta(hours=1))
