"""The last look before a message leaves: everything that may have changed since it was planned is read again.

The caller holds the patient's lock, so that nothing read here changes until the row is marked as being sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import F, Q

from patients.contact import next_allowed
from patients.models import ContactPreference, Patient
from patients.services.external import release_of
from scheduling.models import Appointment, FollowUp, Message, PatientSpan, PlasticityWindow, TreatmentSeries
from scheduling.services.duty import covered
from scheduling.services.messages import SPEAKING
from scheduling.services.outside_messages import OUTSIDE_KINDS, WITHDRAWN, withdrawn_as_told
from scheduling.services.wishes import send_hours_of
from scheduling.texts_in_use import definition_of
from staff.errors import InvalidInput
from staff.fields import Unreadable, blind_indexes

State = Message.State
PER_HOUR = 3
ASKS_FOR_RISK = frozenset({"check_in", "questionnaire"})
READ_WITHIN = timedelta(hours=2)  # hours after it left in which an answer is likely


@dataclass(frozen=True)
class Decision:
    """What looking again says: send, or why not. `until` = wait till then."""

    verdict: str  # "send", "wait", "cancel", "replan", "expire", "dead", "call"
    reason: str = ""
    until: datetime | None = None


def look_again(row: Message, now: datetime, *, last_hour: int) -> Decision:
    """Whether this message may leave at `now`: person, address, cause, window, hours, number. First refusal
    wins. `row` was read under the lock, with its patient and preference; `last_hour`: how many other messages this
    patient had within the hour or is being sent.
    """
    preference = getattr(row.patient, "contact_preference", None)
    return (
        _time(row, now)
        or _person(row, preference)
        or _address(row)
        or _released(row, now)
        or _cause(row)
        or _window(row, now)
        or _hours(row, preference, now)
        or _somebody_reads(row, now)
        or _number(row, now, last_hour)
        or Decision("send")
    )


def _time(row: Message, now: datetime) -> Decision | None:
    return Decision("expire", "It was not sent in time.") if row.expires_at <= now else None


def _person(row: Message, preference: ContactPreference | None) -> Decision | None:
    if row.patient.status != Patient.Status.ACTIVE:
        return Decision("cancel", f"The patient is {row.patient.get_status_display().lower()}.")
    stopped = preference is not None and preference.all_messages_stopped_at is not None
    return Decision("cancel", "All messages to this patient are stopped.") if stopped else None


def _address(row: Message) -> Decision | None:
    """Still this patient's, verified, consented, not opted out: read now, not when it was planned."""
    point = row.contact_point
    if point.patient_id != row.patient_id:
        return Decision("replan", "The address is no longer this patient's.")
    try:
        address = point.address
    except Unreadable:
        return Decision("dead", "The stored address was not written for this patient's record.")
    if point.address_index not in blind_indexes(address):
        return Decision("dead", "The stored address does not match its own check value.")
    if not point.usable or point.channel != row.channel:
        return Decision("replan", "The address may no longer be used.")
    return None


def _released(row: Message, now: datetime) -> Decision | None:
    """What goes to a therapist outside the clinic rests on the patient's release as it is now; the caller's lock keeps
    anybody from revoking it until the row is marked as being sent.
    """
    therapist = row.contact_point.external_therapist_id
    if therapist is None or release_of(row.patient_id, therapist, now) is not None:
        return None
    return Decision("replan", "The patient's release of information is not valid.")


def _cause(row: Message) -> Decision | None:
    """The follow-up or visit that it speaks of stands, at the same time, in the same generation."""
    follow_up, visit = row.follow_up, row.appointment
    if follow_up is not None and row.kind in OUTSIDE_KINDS:
        therapist = row.contact_point.external_therapist_id
        if row.kind == WITHDRAWN:
            stands = withdrawn_as_told(follow_up, therapist)
        else:
            stands = follow_up.state == FollowUp.State.RELEASED and follow_up.outside_id == therapist
        if not stands or follow_up.generation != row.generation:
            return Decision("replan", "What it speaks of has changed.")
        return None
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
    if follow_up is None or follow_up.gate != "window" or row.kind == WITHDRAWN:
        return None
    window = PlasticityWindow.objects.current().filter(infusion=follow_up.infusion_id).first()
    if window is None or window.status not in SPEAKING or window.t0 > now:
        return Decision("cancel", "The window is not open.")
    inside = PatientSpan.objects.filter(
        patient=row.patient_id, kind=PatientSpan.Kind.NO_THERAPY, during__contains=now
    ).first()
    return None if inside is None else Decision("wait", "No-therapy period.", inside.during.upper)


def _hours(row: Message, preference: ContactPreference | None, now: datetime) -> Decision | None:
    """Quiet hours in the patient's zone as it is now."""
    send_from, send_until = "08:00", "21:30"
    if row.kind in OUTSIDE_KINDS:
        preference = None  # the patient's own wishes are for the patient's phone
    elif row.follow_up is not None:
        rule = definition_of(row.follow_up.protocol_version_id).follow_up(row.follow_up.kind)
        send_from, send_until = rule.send_from, rule.send_until
    try:
        allowed = next_allowed(
            now, ZoneInfo(row.patient.time_zone), *send_hours_of(preference, send_from, send_until)
        )
    except InvalidInput:
        return Decision("expire", "The patient's hours leave no time to send it.")
    return None if allowed <= now else Decision("wait", "Quiet hours.", allowed)


def _somebody_reads(row: Message, now: datetime) -> Decision | None:
    """A question whose answer may be a cry for help goes out only into hours in which somebody is on duty."""
    if row.kind not in ASKS_FOR_RISK:
        return None
    site = row.follow_up.site if row.follow_up is not None else row.patient.site
    if covered(site, now, now + READ_WITHIN):
        return None
    return Decision("call", "Nobody is on duty who could read the answer.")


def _number(row: Message, now: datetime, last_hour: int) -> Decision | None:
    """At most three messages to one patient in an hour; the caller holds the patient's lock."""
    if last_hour < PER_HOUR:
        return None
    recent = Message.objects.filter(patient=row.patient_id).exclude(pk=row.pk)
    counted = recent.filter(Q(sent_at__gt=now - timedelta(hours=1)) | Q(state=State.SENDING))
    times = list(counted.order_by(F("sent_at").asc(nulls_last=True)).values_list("sent_at", flat=True))
    if len(times) < PER_HOUR:
        return None
    return Decision("wait", "Three messages an hour are enough.", (times[0] or now) + timedelta(hours=1))
