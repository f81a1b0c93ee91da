"""Telling a colleague now: an alert goes to the person on duty and climbs until somebody confirms it.

Rank 1 of the site's roster is told at once by e-mail and, where the shift names a number, by text. Nobody
there, or no confirmation within 15 minutes: the next rank, and after the last one every clinician of the
site, again every 15 minutes. What is sent names no patient and no reason: both are behind the sign-in.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from patients.models import Patient
from scheduling.channels import Channel, OutcomeUnknown, Outgoing, SendFailed, open_channel
from scheduling.models import DutyShift, StaffAlert, StaffNotice, WorkItem
from scheduling.services.duty import RANKS, on_duty
from scheduling.services.workitems import raise_item, settle
from sessions.models import OutcomeScore
from staff import roles
from staff.clock import app_now
from staff.fields import Unreadable
from staff.history import acting
from staff.models import Site, User

log = logging.getLogger("clearwindow.alerts")
CLIMB_AFTER = timedelta(minutes=15)
EVERYBODY = len(RANKS) + 1
State = StaffNotice.State
CLAIM = """
    WITH due AS (
        SELECT id FROM scheduling_staffnotice WHERE state = 'waiting'
          AND (lease_until IS NULL OR lease_until < clock_timestamp())
        ORDER BY created_at LIMIT 20 FOR UPDATE SKIP LOCKED)
    UPDATE scheduling_staffnotice n SET lease_until = clock_timestamp() + %s, attempts = n.attempts + 1
    FROM due WHERE n.id = due.id RETURNING n.id
"""


@transaction.atomic
def raise_alert(
    *,
    key: str,
    site: Site,
    patient: Patient,
    reason: str,
    at: datetime,
    score: OutcomeScore | None = None,
) -> StaffAlert:
    """Alert whoever is on duty, once per `key`; an item with an owner stays until somebody has called."""
    fresh = StaffAlert(
        key=key, site=site, patient=patient, reason=reason[:200], raised_at=at, score=score, climbs_at=at
    )
    StaffAlert.objects.bulk_create([fresh], ignore_conflicts=True)
    alert: StaffAlert = StaffAlert.objects.select_for_update().get(key=key)
    if alert.level == 0 and alert.acknowledged_at is None:
        first = _climb(alert, at)
        raise_item(
            kind=WorkItem.Kind.CALL_PATIENT, key=f"alert:{alert.code}", site=site, patient=patient,
            title="Call the patient now", detail=reason, role=roles.CLINICIAN, owner=first,
            url=reverse("alert_detail", args=[alert.code]), due_at=at, at=at,
        )  # fmt: skip
    return alert


def _climb(alert: StaffAlert, at: datetime) -> User | None:
    """Tell the next circle that has anybody in it. Returns its first person."""
    level = min(alert.level + 1, EVERYBODY)
    people: list[tuple[User, str]] = []
    while not people and level < EVERYBODY:
        people = [(shift.user, _number_of(shift, at)) for shift in on_duty(alert.site, at, rank=level)]
        level += 0 if people else 1
    if not people:
        everybody = User.objects.filter(sites=alert.site, is_active=True, groups__name=roles.CLINICIAN)
        people = [(user, "") for user in everybody.order_by("pk").distinct()]
    for user, phone in people:
        _write_notices(alert, user, phone, level, at)
    alert.level, alert.climbs_at = level, at + CLIMB_AFTER
    alert.save(update_fields=["level", "climbs_at"])
    if not people:
        log.error("alert %s reaches nobody: no roster and no clinician at its site", alert.pk)
    return people[0][0] if people else None


def _number_of(shift: DutyShift, at: datetime) -> str:
    """The number of this shift. One that does not open is not used and is a coordinator's item; the e-mail goes."""
    try:
        return shift.phone
    except Unreadable:
        raise_item(
            kind=WorkItem.Kind.MESSAGE_FAILED, key=f"duty:{shift.code}", site=shift.site, role=roles.COORDINATOR,
            title="A number on the duty roster does not open", url=reverse("duty_roster"), due_at=at, at=at,
            detail=f"{shift.user.full_name} is told by e-mail only: what is stored was not written for this shift. "
            "Take the shift off and enter it again.",
        )  # fmt: skip
        return ""


def _write_notices(alert: StaffAlert, user: User, phone: str, level: int, at: datetime) -> None:
    ways = [("email", user.email), *([("sms", phone)] if phone else [])]
    told = StaffNotice.objects.filter(alert=alert, user=user, level=level)
    for channel, address in ways:
        row = told.filter(channel=channel).first()
        if row is None:
            StaffNotice.objects.create(
                alert=alert, user=user, level=level, channel=channel, address=address, created_at=at
            )
        elif row.state != State.WAITING:  # everybody has been told before: again
            row.state, row.lease_until, row.created_at = State.WAITING, None, at
            row.save(update_fields=["state", "lease_until", "created_at"])


def climb_due() -> int:
    """Alerts that nobody has confirmed in time go one circle further. Returns how many."""
    now = app_now()
    due = StaffAlert.objects.open().filter(climbs_at__lte=now).values_list("pk", flat=True)[:50]
    climbed = 0
    for pk in list(due):
        with transaction.atomic():
            rows = StaffAlert.objects.open().select_for_update(of=["self"], skip_locked=True)
            alert = rows.select_related("site").filter(pk=pk, climbs_at__lte=now).first()
            if alert is not None:
                _climb(alert, now)
                climbed += 1
    return climbed


@transaction.atomic
def acknowledge_alert(*, alert: StaffAlert, by: User, at: datetime | None = None) -> StaffAlert:
    """Somebody has seen it and acts: it climbs no further and nobody else is told. Twice is harmless."""
    now = at or app_now()
    with acting(by):
        row: StaffAlert = StaffAlert.objects.select_for_update().get(pk=alert.pk)
        if row.acknowledged_at is None:
            row.acknowledged_at, row.acknowledged_by, row.climbs_at = now, by, None
            row.save(update_fields=["acknowledged_at", "acknowledged_by", "climbs_at"])
            row.notices.filter(state=State.WAITING).update(state=State.DROPPED, lease_until=None)
            WorkItem.objects.filter(key=f"alert:{row.code}", resolved_at__isnull=True).update(owner=by)
    return row


def settle_alert(alert: StaffAlert, *, resolution: str, by: User, at: datetime) -> None:
    """The call was made: its item is closed with words."""
    settle(kind=WorkItem.Kind.CALL_PATIENT, key=f"alert:{alert.code}", resolution=resolution, by=by, at=at)


# --- Sending, called by the tick ---


def send_notices() -> int:
    """Tell those who have not been told yet. A repeat is harmless here, so every doubt is tried again."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [timedelta(seconds=settings.LEASE_SECONDS)])  # type: ignore[list-item]  # the driver knows intervals
        keys = [row[0] for row in cursor.fetchall()]
    channels: dict[str, Channel] = {}
    sent = 0
    for row in StaffNotice.objects.filter(pk__in=keys).select_related("alert__site", "user"):
        if row.channel not in channels:
            channels[row.channel] = open_channel(row.channel)
        sent += _send(row, channels[row.channel])
    for channel in channels.values():
        channel.close()
    return sent


def _send(row: StaffNotice, channel: Channel) -> bool:
    try:
        channel.send(notice_text(row))
    except Unreadable:
        row.state, row.last_error_code = State.FAILED, "does-not-open"
        row.save(update_fields=["state", "last_error_code"])
        _list_unreadable(row)
        _make_climb(row)
        return False
    except SendFailed as failure:
        row.last_error_code = failure.code[:60]
        if failure.permanent:
            row.state = State.FAILED
            _make_climb(row)
        row.save(update_fields=["state", "last_error_code"])
        return False
    except OutcomeUnknown as failure:
        row.last_error_code = failure.code[:60]
        row.save(update_fields=["last_error_code"])
        return False
    row.state, row.sent_at, row.lease_until = State.SENT, app_now(), None
    row.save(update_fields=["state", "sent_at", "lease_until"])
    return True


def _list_unreadable(row: StaffNotice) -> None:
    """A notice whose address was not written for it goes to nobody, and a clinician is told why."""
    raise_item(
        kind=WorkItem.Kind.MESSAGE_FAILED, key=f"notice:{row.pk}", site=row.alert.site, role=roles.CLINICIAN,
        title="An alert did not reach a colleague", url=reverse("alert_detail", args=[row.alert.code]),
        detail=f"{row.user.full_name} was not told by {row.get_channel_display().lower()}: the stored address was not "
        "written for this notice. Tell whoever runs this installation.",
        due_at=app_now(),
    )  # fmt: skip


def _make_climb(row: StaffNotice) -> None:
    """An address that is refused for good tells nobody: do not wait 15 minutes for it."""
    others = row.alert.notices.filter(level=row.level).exclude(pk=row.pk).exclude(state=State.FAILED)
    if not others.exists():
        StaffAlert.objects.open().filter(pk=row.alert_id).update(climbs_at=app_now())


def notice_text(row: StaffNotice) -> Outgoing:
    """Where to look and until when; no patient, no reason."""
    path = reverse("alert_detail", args=[row.alert.code])
    where = f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else "the alerts page"
    minutes = int(CLIMB_AFTER.total_seconds() // 60)
    text = (
        f"{row.alert.site.short_name}: somebody needs you now. Open {where} and confirm. "
        f"Without confirmation the next person is told after {minutes} minutes."
    )
    return Outgoing(
        key=f"alert/{row.alert.code}/{row.user_id}/{row.level}/{row.channel}/{row.attempts}",
        address=row.address, subject="Somebody needs you now", text=text + "\n",
    )  # fmt: skip
