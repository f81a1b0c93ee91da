"""The outbox at work: claim, look again, hand over, write down what became of it (reliability A3).

Due and expiry are judged by `app_now()`, leases by the database's own clock: a lease is about how long a
process may be silent, and the demo's moved clock must not end it. A row is owned by whoever holds its
`fence`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.urls import reverse

from patients.contact import local_words
from scheduling.channels import Outgoing
from scheduling.models import ChannelPause, FollowUp, Message, WorkItem
from scheduling.notifications import KINDS, render
from scheduling.services.links import TEACHES, links_of, teaching_text
from scheduling.services.messages import sync_patient
from scheduling.services.recheck import Decision, look_again
from scheduling.services.workitems import raise_item, raise_items
from staff import roles
from staff.clock import app_now
from staff.locks import lock

State = Message.State
TO_SEND = (
    "patient__contact_preference", "contact_point__external_therapist", "follow_up__site", "appointment__site",
    "appointment__series",
)  # fmt: skip
AS_OF_NOW = {  # read with the row itself: after an outage thousands of rows wait for each journey to the database
    "at_app": RawSQL("app_now()", ()),
    "at_real": RawSQL("clock_timestamp()", ()),
    "last_hour": RawSQL(  # two questions, an index for each: the years of a patient's messages are not read
        "((SELECT count(*) FROM scheduling_message o WHERE o.patient_id = scheduling_message.patient_id "
        "AND o.id <> scheduling_message.id AND o.state = 'sending') + "
        "(SELECT count(*) FROM scheduling_message o WHERE o.patient_id = scheduling_message.patient_id "
        "AND o.id <> scheduling_message.id AND o.state <> 'sending' "
        "AND o.sent_at > (SELECT app_now()) - interval '1 hour'))",
        (),
    ),
}
BACKOFF_MINUTES = (1, 2, 5, 15, 60)
TOO_LATE = "It was not sent in time."
SENT_IS_DONE = frozenset({"no_driving", "rest", "practice"})  # the message is all there is to do

CLAIM = """
    WITH moment AS MATERIALIZED (SELECT app_now() AS at, clock_timestamp() AS real),
    due AS (
        SELECT m.id FROM scheduling_message m
        WHERE m.channel = %(channel)s AND m.state IN ('scheduled', 'claimed')
          AND m.due_at <= (SELECT at FROM moment) AND m.expires_at > (SELECT at FROM moment)
          AND (m.lease_until IS NULL OR m.lease_until < (SELECT real FROM moment))
        ORDER BY m.due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
    UPDATE scheduling_message m
    SET state = 'claimed', fence = m.fence + 1, lease_until = moment.real + %(lease)s
    FROM due, moment WHERE m.id = due.id
    RETURNING m.id, m.fence, m.patient_id, m.kind
"""
OVER = """
    WITH moment AS MATERIALIZED (SELECT app_now() AS at, clock_timestamp() AS real)
    SELECT m.id FROM scheduling_message m, moment
    WHERE m.state IN ('scheduled', 'claimed', 'held') AND m.expires_at <= moment.at
      AND (m.lease_until IS NULL OR m.lease_until < moment.real OR m.state = 'scheduled')
    ORDER BY m.id LIMIT 200
"""
SILENT = """
    SELECT m.id FROM scheduling_message m
    WHERE m.state = 'sending' AND m.lease_until < clock_timestamp() ORDER BY m.id LIMIT 200
"""


PAUSE = """
    INSERT INTO scheduling_channelpause AS p (channel, until, failures)
    VALUES (%(channel)s, clock_timestamp() + make_interval(secs => %(first)s), 1)
    ON CONFLICT (channel) DO UPDATE SET failures = p.failures + 1,
        until = clock_timestamp() + make_interval(secs => least(%(most)s, %(first)s * 2 ^ least(p.failures, 10)))
"""


@dataclass(frozen=True)
class Claim:
    """One claimed row: only the holder of this fence may go on with it."""

    pk: int
    fence: int
    patient_id: int
    kind: str = ""


def lease() -> timedelta:
    """How long a claim lasts."""
    return timedelta(seconds=settings.LEASE_SECONDS)


def claim_due(channel: str, *, most: int = 100) -> list[Claim]:
    """Claim due messages of a channel, oldest first, passing over rows that somebody else holds."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"channel": channel, "most": most, "lease": lease()})  # type: ignore[dict-item]  # the driver knows intervals
        return [Claim(*row) for row in cursor.fetchall()]


def may_use(channel: str) -> bool:
    """False while the channel is left alone after a failure of its other end."""
    return not ChannelPause.objects.filter(
        channel=channel, until__gt=RawSQL("clock_timestamp()", ())
    ).exists()


def pause(channel: str) -> None:
    """Leave the channel alone for a tick, then 10, 20, 40 and at most 60 seconds."""
    with connection.cursor() as cursor:
        cursor.execute(PAUSE, {"channel": channel, "first": min(settings.TICK_SECONDS, 5.0), "most": 60.0})


def resume(channel: str) -> None:
    """It works again."""
    ChannelPause.objects.filter(channel=channel, failures__gt=0).update(failures=0)


def let_go(claims: Iterable[Claim]) -> None:
    """Give claims back untouched (the channel is down, or the round took too long)."""
    ours = Q()
    for item in claims:
        ours |= Q(pk=item.pk, fence=item.fence)
    if ours:
        Message.objects.filter(ours, state=State.CLAIMED).update(state=State.SCHEDULED, lease_until=None)


@transaction.atomic
def begin_sending(claim: Claim, *, key_window: timedelta = timedelta(0)) -> Outgoing | None:
    """Look at everything again and, if it still holds, mark the row `sending` and hand out the rendered
    message. `key_window`: how long the other end knows our key, counted from the first attempt; an attempt that
    may have arrived is repeated inside it only.

    None when it is not to be sent now: cancelled, postponed, expired, or no longer ours. Rendering errors are
    the caller's to report (`bury`); nothing of this transaction is kept then.
    """
    lock(patients=[claim.patient_id])
    rows = Message.objects.select_for_update(of=["self"]).select_related(*TO_SEND).annotate(**AS_OF_NOW)
    row = next(iter(rows.filter(pk=claim.pk, fence=claim.fence, state=State.CLAIMED).order_by()), None)
    if row is None or row.patient_id != claim.patient_id:
        return None
    read: Any = row  # with what AS_OF_NOW adds
    now, real = read.at_app, read.at_real
    decision = look_again(row, now, last_hour=read.last_hour)
    if decision.verdict != "send":
        _put_aside(row, decision, now)
        return None
    if row.doubtful and (row.first_tried_at or real) + key_window <= real:
        _trouble(row, State.UNKNOWN, "An attempt may have arrived, and nobody would notice a repeat.", now)
        return None
    education = teaching_text(row) if row.kind in TEACHES else None
    links = links_of(row, at=now, education=education)
    outgoing = render(row, row.contact_point.address, links)
    row.state, row.attempts, row.lease_until = State.SENDING, row.attempts + 1, real + lease()
    row.first_tried_at = row.first_tried_at or real
    row.subject, row.body = outgoing.subject[:120], outgoing.kept_text
    row.save(update_fields=["state", "attempts", "lease_until", "first_tried_at", "subject", "body"])
    return outgoing


def _moments() -> tuple[datetime, datetime]:
    """The clock that decides, and the database's own for leases."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_now(), clock_timestamp()")
        found: tuple[datetime, datetime] = cursor.fetchone()
    return found


def _put_aside(row: Message, decision: Decision, now: datetime) -> None:
    until = decision.until
    if decision.verdict == "wait" and until is not None and until < row.expires_at:
        row.state, row.lease_until, row.due_at = State.SCHEDULED, None, until
        row.due_local = local_words(until, ZoneInfo(row.patient.time_zone))
        row.time_zone = row.patient.time_zone
        row.save(update_fields=["state", "lease_until", "due_at", "due_local", "time_zone"])
    elif decision.verdict in ("wait", "expire"):
        _expire(row, decision.reason, now)
    elif decision.verdict == "dead":
        _trouble(row, State.DEAD, decision.reason, now)
    elif decision.verdict == "call":
        _call_instead(row, decision.reason, now)
    else:
        row.state, row.closed_reason, row.lease_until = State.CANCELLED, decision.reason[:120], None
        row.save(update_fields=["state", "closed_reason", "lease_until"])
        if decision.verdict == "replan":
            sync_patient(row.patient, at=now)


def _call_instead(row: Message, reason: str, now: datetime) -> None:
    """Not sent, and never planned again: a nurse calls. One item instead of two."""
    row.state, row.closed_reason, row.lease_until = State.DEAD, f"{reason} The patient is called."[:120], None
    row.acknowledged_at = now
    row.save(update_fields=["state", "closed_reason", "lease_until", "acknowledged_at"])
    cause = row.follow_up or row.appointment
    raise_item(
        kind=WorkItem.Kind.CALL_PATIENT, key=f"no-duty:{row.code}", site=cause.site if cause else row.patient.site,
        patient=row.patient, title=f"Call the patient: {KINDS.get(row.kind, 'a message').lower()}", role=roles.NURSE,
        detail=f"{reason} So nothing was sent. Ask by phone, and put somebody on the duty roster.",
        url=reverse("patient_detail", args=[row.patient.code]), due_at=now, at=now,
    )  # fmt: skip


# --- What became of it ---


@transaction.atomic
def mark_sent(claim: Claim, provider_id: str) -> bool:
    """It left. A follow-up that consists of its message alone is done. False when the fence has passed on."""
    ours = Message.objects.filter(pk=claim.pk, fence=claim.fence, state=State.SENDING)
    moment = RawSQL("app_now()", ())
    if not ours.update(state=State.SENT, provider_id=provider_id[:120], sent_at=moment, lease_until=None):
        return False
    if claim.kind not in SENT_IS_DONE:
        return True
    done = FollowUp.objects.filter(
        pk__in=Message.objects.filter(pk=claim.pk).values("follow_up"), state=FollowUp.State.RELEASED
    )
    done.update(
        state=FollowUp.State.DONE,
        closed_at=moment,
        closed_by=None,
        closed_reason="Message sent.",
        version=F("version") + 1,
    )
    return True


@transaction.atomic
def mark_failed(claim: Claim, code: str, *, permanent: bool) -> None:
    """It did not leave: tried again later inside its time, or dead, which a person sees."""
    row = _ours(claim)
    if row is None:
        return
    row.last_error_code = code[:60]
    if permanent:
        _trouble(row, State.DEAD, "It was refused for good.", app_now())
        return
    _try_later(row)


def _try_later(row: Message) -> None:
    now, real = _moments()
    row.state, row.lease_until = State.SCHEDULED, real + _backoff(row, row.expires_at - now)
    row.save(update_fields=["state", "lease_until", "last_error_code", "doubtful"])


def _backoff(row: Message, left: timedelta) -> timedelta:
    """1, 2, 5, 15, 60 minutes, spread by up to a fifth according to the row's key (no two alike, no dice), but
    at most half of the time `left` until it is of no use: there is always one more attempt inside it.
    """
    minutes = BACKOFF_MINUTES[min(max(row.attempts, 1), len(BACKOFF_MINUTES)) - 1]
    share = int.from_bytes(hashlib.sha256(row.idem_key.encode()).digest()[:2]) / 0xFFFF
    return min(timedelta(minutes=minutes * (1 + 0.2 * share)), max(left / 2, lease() / 2))


@transaction.atomic
def mark_doubtful(claim: Claim, code: str) -> None:
    """It may have arrived, and the other end knows our key: repeated soon, which is absorbed there if it had."""
    row = _ours(claim)
    if row is not None:
        row.last_error_code, row.doubtful = code[:60], True
        _try_later(row)


@transaction.atomic
def mark_unknown(claim: Claim, code: str) -> None:
    """Nobody knows whether it left: never repeated, a person decides."""
    row = _ours(claim)
    if row is not None:
        row.last_error_code = code[:60]
        _trouble(row, State.UNKNOWN, "The connection was lost while it was being handed over.", app_now())


@transaction.atomic
def bury(claim: Claim, code: str) -> None:
    """The text could not be made (poison row): dead at once, so that it delays nobody else."""
    row = (
        Message.objects.select_for_update()
        .filter(pk=claim.pk, fence=claim.fence, state=State.CLAIMED)
        .first()
    )
    if row is not None:
        row.last_error_code = code[:60]
        _trouble(row, State.DEAD, "The text could not be made.", app_now())


def _ours(claim: Claim) -> Message | None:
    return (
        Message.objects.select_for_update(of=["self"])
        .select_related("follow_up", "appointment__site", "patient")
        .filter(pk=claim.pk, fence=claim.fence, state=State.SENDING)
        .first()
    )


def expire_overdue() -> int:
    """Rows whose use is over: listed, never sent. Returns how many.

    After a long outage there are many at once, so they are written together; if that fails, one by one.
    """
    with connection.cursor() as cursor:
        cursor.execute(OVER)
        keys = [row[0] for row in cursor.fetchall()]
    if not keys:
        return 0
    try:
        return _expire_together(keys)
    except DatabaseError:
        return _each(OVER, Message.RECALLABLE, lambda row, now: _expire(row, TOO_LATE, now))


@transaction.atomic
def _expire_together(keys: list[int]) -> int:
    now = app_now()
    found = (
        Message.objects.select_for_update(of=["self"], skip_locked=True)
        .select_related("follow_up__site", "appointment__site", "patient__site")
        .filter(pk__in=keys, state__in=Message.RECALLABLE)
    )
    rows = list(found)
    Message.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=State.EXPIRED, closed_reason=TOO_LATE, lease_until=None
    )
    for row in rows:
        row.state = State.EXPIRED
    raise_items([_trouble_item(row, TOO_LATE, now) for row in rows], at=now)
    return len(rows)


def settle_silent(keyed: dict[str, bool]) -> int:
    """Rows whose sender fell silent while sending: tried again where the channel knows our key, else unknown."""

    def work(row: Message, now: datetime) -> None:
        if keyed.get(row.channel):
            row.state, row.lease_until, row.doubtful = State.SCHEDULED, None, True
            row.save(update_fields=["state", "lease_until", "doubtful"])
        else:
            row.last_error_code = "sender-gone"
            _trouble(row, State.UNKNOWN, "The sender stopped while it was being handed over.", now)

    return _each(SILENT, {State.SENDING}, work)


def _each(query: str, states: Iterable[str], work: Callable[[Message, datetime], None]) -> int:
    """Run `work` on each row found, one transaction each, passing over rows that somebody else holds."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        keys = [row[0] for row in cursor.fetchall()]
    done = 0
    for key in keys:
        with transaction.atomic():
            rows = Message.objects.select_for_update(of=["self"], skip_locked=True).select_related(
                "follow_up", "appointment__site", "patient"
            )
            row = rows.filter(pk=key, state__in=states).first()
            if row is not None:
                work(row, app_now())
                done += 1
    return done


def _expire(row: Message, reason: str, now: datetime) -> None:
    _trouble(row, State.EXPIRED, reason, now)


def _trouble(row: Message, state: str, reason: str, now: datetime) -> None:
    """A final state that a person must see."""
    row.state, row.closed_reason, row.lease_until = state, reason[:120], None
    row.save(update_fields=["state", "closed_reason", "lease_until", "last_error_code"])
    raise_item(**_trouble_item(row, reason, now), at=now)


def _trouble_item(row: Message, reason: str, now: datetime) -> dict[str, Any]:
    """The item about a row that ended without having been sent, as `raise_item` wants it."""
    cause = row.follow_up or row.appointment
    return {
        "kind": WorkItem.Kind.MESSAGE_FAILED, "key": str(row.code), "site": cause.site if cause else row.patient.site,
        "patient": row.patient, "title": f"{row.get_state_display()}: {row.get_channel_display().lower()}",
        "detail": reason, "role": roles.NURSE, "url": reverse("message_list"), "due_at": now,
    }  # fmt: skip
