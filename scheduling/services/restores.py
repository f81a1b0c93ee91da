"""After a restore of the database nothing that was due before it leaves by itself (hazard H22).

A backup forgets what was sent and cancelled after it was made. The database server is therefore known by its
system identifier, its timeline (a point-in-time recovery or a promoted standby starts a new one) and the
identity of the message table (a reloaded dump makes a new one). When any of them differs from what was seen
last, every message due up to now is held, and so is every one that is planned afterwards for a moment before
it, until a person has released or discarded them.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Count, QuerySet
from django.urls import reverse

from scheduling.models import DatabaseMark, Message, RestoreHold, WorkItem
from scheduling.services.workitems import raise_item, settle
from staff import roles
from staff.clock import app_now
from staff.errors import InvalidInput, StateConflict
from staff.history import acting
from staff.models import Site, User

State = Message.State
FINGERPRINT = """
    SELECT (SELECT system_identifier FROM pg_control_system()) || '/'
        || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '/'
        || 'scheduling_message'::regclass::oid,
        (SELECT fingerprint FROM scheduling_databasemark WHERE id = 1)
"""


def watch() -> int:
    """Look whether this is still the same database. Returns how many messages were held because it is not."""
    now_is, was = _look()
    return 0 if now_is == was else _changed(now_is)


def _look() -> tuple[str, str | None]:
    with connection.cursor() as cursor:
        cursor.execute(FINGERPRINT)
        found: tuple[str, str | None] = cursor.fetchone()
    return found


@transaction.atomic
def _changed(now_is: str) -> int:
    moment = app_now()
    fresh = DatabaseMark(pk=1, fingerprint=now_is, seen_at=moment)
    DatabaseMark.objects.bulk_create([fresh], ignore_conflicts=True)
    mark = DatabaseMark.objects.select_for_update().get(pk=1)
    if mark.fingerprint == now_is:
        return 0  # a new database, or another process has seen to it
    before, mark.fingerprint, mark.seen_at = mark.fingerprint, now_is, moment
    mark.save(update_fields=["fingerprint", "seen_at"])
    return _hold(before, now_is, moment)


def _hold(before: str, now_is: str, moment: datetime) -> int:
    due = Message.objects.filter(due_at__lte=moment)
    due.filter(state=State.SENDING).update(doubtful=True)
    held: int = due.filter(state__in=[State.SCHEDULED, State.CLAIMED, State.SENDING]).update(
        state=State.HELD, lease_until=None
    )
    hold, made = RestoreHold.objects.get_or_create(
        outcome=RestoreHold.Outcome.WAITING,
        defaults={"detected_at": moment, "fingerprint_before": before, "fingerprint_now": now_is},
    )
    if not made:
        hold.detected_at, hold.fingerprint_now = moment, now_is
    hold.held += held
    hold.save(update_fields=["detected_at", "fingerprint_now", "held"])
    _tell(hold, moment)
    return held


def _tell(hold: RestoreHold, moment: datetime) -> None:
    """Each site whose messages are held finds it on the nurses' list; with none held, every site is told."""
    counts = dict(
        Message.objects.filter(state=State.HELD).values_list("patient__site").annotate(Count("pk")).order_by()
    )
    for site in Site.objects.filter(pk__in=counts) if counts else Site.objects.all():
        number = counts.get(site.pk, 0)
        raise_item(
            kind=WorkItem.Kind.RESTORED, key=f"{hold.code}/{site.pk}", site=site, role=roles.NURSE,
            title=f"The database was restored: {number} message{'' if number == 1 else 's'} waiting for release",
            detail="What was sent or cancelled after the backup was made is not known any more. Look at "
            "the messages that wait for release, and release or discard them; compare today's list with what you know.",
            url=f"{reverse('message_list')}?show=held", due_at=moment, at=moment,
        )  # fmt: skip


def open_hold() -> RestoreHold | None:
    """The restore that nobody has decided about yet."""
    return RestoreHold.objects.filter(outcome=RestoreHold.Outcome.WAITING).first()


@transaction.atomic
def decide(
    *, hold: RestoreHold, release: bool, by: User, note: str, at: datetime | None = None
) -> RestoreHold:
    """Release every held message (each is looked at again before it leaves, and expires at its own time), or
    discard them all. Needs words. Deciding the same again is harmless; the opposite raises StateConflict.
    """
    words, now = note.strip(), at or app_now()
    if not words:
        raise InvalidInput("Say in a few words what was looked at.", field="note")
    wanted = RestoreHold.Outcome.RELEASED if release else RestoreHold.Outcome.DISCARDED
    row = RestoreHold.objects.select_for_update().get(pk=hold.pk)
    if row.outcome == wanted:
        return row
    if row.outcome != RestoreHold.Outcome.WAITING:
        raise StateConflict(f"{row.get_outcome_display()} already.", code="decided")
    with acting(by):
        settle_held(Message.objects.filter(state=State.HELD), release=release, by=by, words=words, at=now)
        row.outcome, row.decided_at, row.decided_by, row.note = wanted, now, by, words[:200]
        row.save(update_fields=["outcome", "decided_at", "decided_by", "note"])
    for site in Site.objects.all():
        settle(
            kind=WorkItem.Kind.RESTORED, key=f"{row.code}/{site.pk}", by=by, at=now,
            resolution=f"{row.get_outcome_display()}: {words}",
        )  # fmt: skip
    return row


def settle_held(rows: QuerySet[Message], *, release: bool, by: User, words: str, at: datetime) -> int:
    """Held messages go back to the dispatcher, or end. An ended one is never planned again."""
    held = rows.filter(state=State.HELD)
    if release:
        return held.update(state=State.SCHEDULED, lease_until=None)
    return held.update(
        state=State.DEAD,
        closed_reason=f"Not sent after a restore: {words}"[:120],
        acknowledged_at=at,
        acknowledged_by=by,
    )
