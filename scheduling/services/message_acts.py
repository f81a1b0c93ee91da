"""What a person does about a message that failed, expired, or of which nobody knows whether it arrived."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from scheduling.models import Message, WorkItem
from scheduling.services.acts import act
from scheduling.services.restores import settle_held
from scheduling.services.workitems import raise_item, settle
from staff import roles
from staff.clock import app_now
from staff.errors import RuleNotMet, StateConflict
from staff.locks import lock
from staff.models import User

State = Message.State


@act
def retry_message(*, message: Message, by: User, at: datetime | None = None) -> Message:
    """Send it again: a successor row with the next generation, due now. The failed row keeps its history.

    A person decides this also for "not known whether it arrived". Raises StateConflict unless the message is
    in trouble, RuleNotMet once its use is over. Pressed twice, it is sent once.
    """
    now = at or app_now()
    row = _in_trouble(message)
    newest = _newest(row)
    if row.acknowledged_at is not None:
        if newest.generation > row.generation:
            return newest
        raise StateConflict("Somebody has dealt with it already.", code="acknowledged")
    if row.expires_at <= now:
        raise RuleNotMet(
            "It is too late for this message to be of use. Call the patient instead.", code="too-late"
        )
    generation = newest.generation + 1
    if row.follow_up is not None:
        row.follow_up.generation = generation
        row.follow_up.save(update_fields=["generation"])
    fresh: Message = Message.objects.create(
        patient=row.patient,
        follow_up=row.follow_up,
        appointment=row.appointment,
        contact_point=row.contact_point,
        channel=row.channel,
        kind=row.kind,
        ordinal=row.ordinal,
        generation=generation,
        due_at=now,
        expires_at=row.expires_at,
        due_local=row.due_local,
        time_zone=row.time_zone,
        about_at=row.about_at,
        idem_key=_next_key(row, generation),
        created_at=now,
    )
    _acknowledge(row, by, now, "Sent again.")
    return fresh


@act
def acknowledge_message(*, message: Message, by: User, at: datetime | None = None) -> Message:
    """Seen, and nothing more is needed. Acknowledging twice is harmless."""
    row = _in_trouble(message)
    if row.acknowledged_at is None:
        _acknowledge(row, by, at or app_now(), "Acknowledged.")
    return row


@act
def call_instead(*, message: Message, by: User, at: datetime | None = None) -> WorkItem:
    """The patient is called instead: an item on the nurses' list. Asking twice makes one item."""
    now = at or app_now()
    row = _in_trouble(message)
    cause = row.follow_up or row.appointment
    item = raise_item(
        kind=WorkItem.Kind.CALL_PATIENT, key=f"call:{row.code}", site=cause.site if cause else row.patient.site,
        patient=row.patient, title="Call the patient: a message did not arrive", role=roles.NURSE,
        detail=f"The message was: {row.subject or row.kind.replace('_', ' ')}.",
        url=reverse("patient_detail", args=[row.patient.code]), due_at=now, at=now,
    )  # fmt: skip
    if row.acknowledged_at is None:
        _acknowledge(row, by, now, "The patient is called instead.")
    return item


@act
def settle_one_held(*, message: Message, release: bool, by: User, at: datetime | None = None) -> Message:
    """One message held after a restore goes back to the dispatcher, or is not sent. Repeating it is harmless;
    StateConflict when it is not held and was not.
    """
    lock(patients=[message.patient_id])
    rows = Message.objects.filter(pk=message.pk)
    if not settle_held(rows, release=release, by=by, words="decided one by one", at=at or app_now()):
        row = rows.get()
        if row.state not in {State.DEAD, State.SCHEDULED, State.CLAIMED, State.SENDING, State.SENT}:
            raise StateConflict(f"{row.get_state_display()}: it does not wait for release.", code="not-held")
    found: Message = rows.get()
    return found


def _in_trouble(message: Message) -> Message:
    lock(patients=[message.patient_id])
    row = (
        Message.objects.select_for_update(of=["self"])
        .select_related("patient__site", "follow_up__site", "appointment__site", "contact_point")
        .get(pk=message.pk)
    )
    if row.state not in Message.TROUBLE:
        raise StateConflict(f"{row.get_state_display()}: nothing is wrong with it.", code="not-in-trouble")
    return row


def _newest(row: Message) -> Message:
    """The latest generation of this message."""
    same = Message.objects.filter(
        patient=row.patient_id, follow_up=row.follow_up_id, appointment=row.appointment_id, kind=row.kind
    )
    return same.order_by("-generation", "-pk").first() or row


def _next_key(row: Message, generation: int) -> str:
    cause = row.follow_up.code if row.follow_up else row.appointment.code if row.appointment else row.code
    return f"{cause}/{row.kind}/{row.ordinal}/{row.contact_point_id}/{row.channel}/{generation}"


def _acknowledge(row: Message, by: User, now: datetime, words: str) -> None:
    row.acknowledged_at, row.acknowledged_by = now, by
    row.save(update_fields=["acknowledged_at", "acknowledged_by"])
    settle(kind=WorkItem.Kind.MESSAGE_FAILED, key=str(row.code), resolution=words, by=by, at=now)
