"""The outbox is planned here: which messages a patient is to get, in the same transaction as what they speak
of.

A message belongs to one generation of its follow-up. When that generation passes, what has not left yet is
cancelled and its successor planned; what has left, or may have left, is never sent again (reliability A3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from patients.contact import NoContact, SendTime, local_words
from patients.models import ContactPoint, ContactPreference, Patient
from scheduling.models import (
    Appointment,
    FollowUp,
    Message,
    PlasticityWindow,
    RestoreHold,
    TreatmentSeries,
)
from scheduling.services.call_instead import call_instead, end_needless_calls
from scheduling.services.outside_messages import OUTSIDE_KINDS, outside_wishes
from scheduling.services.practice_plans import practice_plans
from scheduling.services.recipients import contact_of, escort_of
from scheduling.services.wishes import WITHDRAWN, NotInTime, Wish, cause_of, send_hours_of, when_to_send
from staff.clock import app_now
from staff.locks import lock

State = Message.State
THERAPY_VISIT = "therapy_visit"
REMIND_BEFORE = timedelta(hours=48)  # clinic-day 30: an infusion visit is spoken of 48 and 18 hours before it
REMIND_AGAIN, REMIND_UNTIL = timedelta(hours=18), timedelta(hours=3)
REMINDERS = {  # kind: (target, of no use any more) before the visit; the second takes over from the first
    "visit_reminder": (REMIND_BEFORE, REMIND_AGAIN),
    "visit_reminder_soon": (REMIND_AGAIN, REMIND_UNTIL),
}
ESCORT_REMINDERS = {f"escort{kind.removeprefix('visit')}": times for kind, times in REMINDERS.items()}
THERAPY_BEFORE, THERAPY_UNTIL = timedelta(hours=24), timedelta(hours=1)
UNDO_GRACE = timedelta(minutes=2)  # a booking change can be undone this long
USEFUL_FOR = timedelta(hours=24)  # a prompt to practise is of no use a day late
SHORT_LIVED = frozenset({"practice", "practice_check_in"})
SPEAKING = frozenset({PlasticityWindow.Status.OPEN, PlasticityWindow.Status.CLOSED})
STILL_SPOKEN_OF = FollowUp.ACTIONABLE | {FollowUp.State.MISSED}
GONE_OUT = frozenset({State.SENT, State.SENDING, State.UNKNOWN})


@transaction.atomic
def sync_messages(*, series: TreatmentSeries, at: datetime | None = None) -> None:
    """Plan and cancel the messages of this series' patient to fit follow-ups, visits and consent."""
    lock(patients=[series.patient_id])
    sync_patient(Patient.objects.get(pk=series.patient_id), at=at or app_now())


def sync_patient(patient: Patient, *, at: datetime) -> None:
    """As `sync_messages`, for callers that hold the patient's lock."""
    if not _anything(patient):
        return
    preference = ContactPreference.objects.filter(patient=patient).first()
    follow_ups = list(
        FollowUp.objects.filter(patient=patient, state__in=FollowUp.ACTIONABLE)
        .exclude(message_kind="")
        .select_related(
            "appointment",
            "series__protocol_version",
            "series__therapist",
            "infusion__protocol_version",
            "visit",
            "site",
        )
    )
    visits = list(
        Appointment.objects.filter(
            patient=patient,
            kind=Appointment.Kind.INFUSION,
            status=Appointment.Status.BOOKED,
            series__status=TreatmentSeries.Status.ACTIVE,
            during__startswith__gt=at,
        )
    )
    wishes: list[Wish | NotInTime] = []
    silent = patient.status != Patient.Status.ACTIVE or (preference and preference.all_messages_stopped_at)
    if not silent and (follow_ups or visits):
        contact = contact_of(patient)
        if isinstance(contact, NoContact):
            call_instead(follow_ups, contact.reason, at)
        else:
            wishes = [*_of_follow_ups(patient, preference, follow_ups, contact, at)]
            wishes += _of_visits(patient, preference, visits, contact, at, REMINDERS)
        escort = escort_of(patient) if visits else None
        if escort is not None:
            wishes += _of_visits(patient, preference, visits, escort, at, ESCORT_REMINDERS)
    wishes += outside_wishes(patient, at, silent=bool(silent))
    planned = {wish.follow_up.pk for wish in wishes if isinstance(wish, Wish) and wish.follow_up is not None}
    end_needless_calls(patient, follow_ups, planned, at)
    _reconcile(patient, wishes, at)


def _anything(patient: Patient) -> bool:
    """Somebody who has only just been registered has nothing that a message could speak of."""
    return any(model.objects.filter(patient=patient).exists() for model in (FollowUp, Appointment, Message))


def _of_follow_ups(
    patient: Patient,
    preference: ContactPreference | None,
    rows: list[FollowUp],
    contact: ContactPoint,
    at: datetime,
) -> Iterable[Wish | NotInTime]:
    windows = {
        window.infusion_id: window
        for window in PlasticityWindow.objects.filter(patient=patient, superseded_at__isnull=True)
    }
    plans = practice_plans(patient, [row for row in rows if row.message_kind in SHORT_LIVED], at)
    for row in rows:
        if row.message_kind in SHORT_LIVED and row.series.code not in plans:
            continue
        bounds = _bounds(row, windows.get(row.infusion_id))  # type: ignore[arg-type]  # None finds nothing
        if bounds is None:
            continue
        rule = row.protocol_version.read().follow_up(row.kind)
        hours = send_hours_of(preference, rule.send_from, rule.send_until)
        sending = when_to_send(patient, hours, *bounds, at)
        if isinstance(sending, SendTime):
            about = (
                row.appointment.during.lower
                if row.message_kind == THERAPY_VISIT and row.appointment
                else None
            )
            visit = row.appointment if about else None
            yield Wish(row.message_kind, row, visit, contact, sending, about, bounds[1])
        else:
            yield NotInTime((row.pk, None, row.message_kind), row.generation)


def _bounds(row: FollowUp, window: PlasticityWindow | None) -> tuple[datetime, datetime, datetime] | None:
    """(earliest, target, expiry) of a follow-up's message; None when it has none at present.

    Nothing that waits for the window speaks before it is open; a therapy reminder needs its appointment.
    """
    if row.message_kind != THERAPY_VISIT:
        expires = row.latest_at if row.latest_at > row.earliest_at else row.hard_latest_at
        if row.message_kind in SHORT_LIVED:
            expires = min(expires, row.target_at + USEFUL_FOR)
        return row.earliest_at, row.target_at, expires
    booked = row.appointment
    opened = window is not None and window.status in SPEAKING
    if booked is None or booked.status != Appointment.Status.BOOKED or window is None or not opened:
        return None
    start = booked.during.lower
    earliest = max(window.t0, start - REMIND_BEFORE)
    return earliest, max(earliest, start - THERAPY_BEFORE), start - THERAPY_UNTIL


def _of_visits(
    patient: Patient,
    preference: ContactPreference | None,
    visits: list[Appointment],
    contact: ContactPoint,
    at: datetime,
    reminders: Mapping[str, tuple[timedelta, timedelta]],
) -> Iterable[Wish | NotInTime]:
    for visit in visits:
        start = visit.during.lower
        for kind, (before, until) in reminders.items():
            bounds = (start - before - USEFUL_FOR, start - before, start - until)
            sending = when_to_send(patient, send_hours_of(preference), *bounds, at)
            if isinstance(sending, SendTime):
                yield Wish(kind, None, visit, contact, sending, start, bounds[1])
            else:
                yield NotInTime((None, visit.pk, kind), None)


def _reconcile(patient: Patient, found: list[Wish | NotInTime], at: datetime) -> None:
    """Keep what fits, cancel what has not left and does not, plan the rest."""
    wishes = [wish for wish in found if isinstance(wish, Wish)]
    causes = {wish.cause: wish for wish in wishes}
    too_late = {item.cause: item for item in found if isinstance(item, NotInTime)}
    rows = list(
        Message.objects.filter(patient=patient)
        .filter(Q(state__in=Message.PENDING) | Q(follow_up__in=[w.follow_up for w in wishes if w.follow_up])
                | Q(follow_up__isnull=True, appointment__in=[w.appointment for w in wishes if w.appointment]))
        .select_related("follow_up", "appointment")
    )  # fmt: skip
    settled = set()
    stale: list[int] = []
    for row in rows:
        wish = causes.get(cause_of(row))
        if wish is not None and _covers(row, wish, at):
            settled.add(wish.cause)
        elif row.state in Message.RECALLABLE and not _ran_out(row, at):
            late = too_late.get(cause_of(row))
            if late is not None and late.keeps(row):
                _show_in_zone(row, patient.time_zone)
            else:
                stale.append(row.pk)
    cancel_messages(Message.objects.filter(pk__in=stale), reason="The plan changed before it was sent.")
    missing = [wish for cause, wish in causes.items() if cause not in settled]
    hold = RestoreHold.objects.filter(outcome=RestoreHold.Outcome.WAITING).first() if missing else None
    for wish in missing:
        _plan(patient, wish, at, held=hold is not None and wish.target <= hold.detected_at)


def _show_in_zone(row: Message, zone: str) -> None:
    """The patient's clock shows another time now."""
    if row.time_zone != zone:
        row.time_zone, row.due_local = zone, local_words(row.due_at, ZoneInfo(zone))
        row.save(update_fields=["time_zone", "due_local"])


def _ran_out(row: Message, at: datetime) -> bool:
    """Too late, and what it speaks of stands: the tick lists it as expired. Cancelling it would hide that."""
    if row.expires_at > at:
        return False
    if row.follow_up is not None:
        return row.follow_up.state in STILL_SPOKEN_OF
    return row.appointment is not None and row.appointment.status == Appointment.Status.BOOKED


def _covers(row: Message, wish: Wish, at: datetime) -> bool:
    """This row already does, or already did, what is wished for."""
    same_moment = row.about_at == wish.about_at
    if (
        row.kind in OUTSIDE_KINDS
    ):  # the times of a window go by its follow-up's generation, and are told once for each
        same_moment = wish.follow_up is not None and row.generation == wish.follow_up.generation
    if row.state in GONE_OUT:
        return same_moment
    if row.state == State.DEAD:
        return same_moment and row.contact_point_id == wish.contact.pk
    generation = wish.follow_up.generation if wish.follow_up else row.generation
    return (
        row.state in Message.RECALLABLE
        and same_moment
        and row.generation == generation
        and row.contact_point_id == wish.contact.pk
        and row.expires_at == wish.sending.expires_at
        and row.time_zone == wish.sending.zone
        and _at_its_time(row, wish, at)
    )


def _at_its_time(row: Message, wish: Wish, at: datetime) -> bool:
    """It leaves when it would be planned to leave now: quiet hours that changed move it, or it would run out in them.

    What is due or was tried already is the dispatcher's; what is said late left its target behind.
    """
    if row.state != State.SCHEDULED or row.attempts or row.due_at <= at or wish.target <= at:
        return True
    return wish.sending.due_at <= row.due_at <= wish.sending.due_at + UNDO_GRACE


def _plan(patient: Patient, wish: Wish, at: datetime, *, held: bool) -> Message:
    """Insert the row. Its generation is the follow-up's, raised when that key was used before.

    A message that rests on bookings waits at least UNDO_GRACE, so that an undo of the change stops it too. `held`:
    it was due before a restore that nobody has decided about yet.
    """
    follow_up, appointment = wish.follow_up, wish.appointment
    used = Message.objects.filter(
        patient=patient,
        kind=wish.kind,
        follow_up=follow_up,
        **({} if follow_up else {"appointment": appointment}),
        **({"contact_point": wish.contact} if wish.kind == WITHDRAWN else {}),
    ).aggregate(used=Max("generation"))["used"]
    generation = max(follow_up.generation if follow_up else 1, (used or 0) + 1)
    if follow_up is not None and generation != follow_up.generation:
        follow_up.generation = generation
        follow_up.save(update_fields=["generation"])
    cause = follow_up.code if follow_up else appointment.code  # type: ignore[union-attr]  # one of the two is there
    contact, ordinal = wish.contact, follow_up.ordinal if follow_up else 1
    return Message.objects.create(
        patient=patient,
        follow_up=follow_up,
        appointment=appointment,
        contact_point=contact,
        channel=contact.channel,
        kind=wish.kind,
        ordinal=ordinal,
        generation=generation,
        state=State.HELD if held else State.SCHEDULED,
        due_at=_after_undo(wish, at),
        expires_at=wish.sending.expires_at,
        due_local=wish.sending.local_text,
        time_zone=wish.sending.zone,
        about_at=wish.about_at,
        idem_key=f"{cause}/{wish.kind}/{ordinal}/{contact.pk}/{contact.channel}/{generation}",
        created_at=at,
    )


def _after_undo(wish: Wish, at: datetime) -> datetime:
    """Its moment, but not while the change that it speaks of can still be undone. What waits for a window moves
    with the next visit, so it waits too; safety hangs on the pump stop alone and never waits.
    """
    due, settled = wish.sending.due_at, at + UNDO_GRACE
    booked = wish.about_at is not None or (wish.follow_up is not None and wish.follow_up.gate == "window")
    return settled if booked and due < settled < wish.sending.expires_at else due


def cancel_messages(rows: QuerySet[Message], *, reason: str) -> int:
    """Cancel those that have not left yet. One that is being sent right now is too late to recall."""
    return rows.filter(state__in=Message.RECALLABLE).update(
        state=State.CANCELLED, closed_reason=reason[:120], lease_until=None
    )
