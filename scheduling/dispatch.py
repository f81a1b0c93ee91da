"""The tick: what is due is asked of the database, again and again, by whoever comes. Beat is only a
metronome.

Every step works on single rows in transactions of their own and passes over rows that somebody else holds, so
any number of ticks may run at once. One row that fails is logged by class name and delays no other. The
heartbeat is written last: it stands still as soon as a step as a whole keeps failing, and readiness says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F
from django.db.models.functions import Coalesce
from django.template.exceptions import TemplateDoesNotExist, TemplateSyntaxError

from scheduling.channels import Channel, OutcomeUnknown, SendFailed, open_channel
from scheduling.models import FollowUp, Message, PlasticityWindow, TreatmentSeries
from scheduling.notifications import NotNeutral
from scheduling.services import (
    alerts,
    day_sheets,
    escalation,
    outbox,
    overdue,
    pauses,
    restores,
    unsigned,
    waitlist,
    windows,
)
from scheduling.services.chair_use import stretch_overdue
from scheduling.services.followups import sync_follow_ups
from scheduling.services.gates import watch_gates
from scheduling.services.holds import sweep_expired
from scheduling.services.outbox import Claim
from staff.clock import app_now
from staff.errors import DomainError, TryAgain

log = logging.getLogger("clearwindow.dispatch")
TICK = "tick"
CHANNELS = ("sms", "email")
BATCH = 25  # what one dead worker takes with it until its lease ends
NEXT_MOMENT = """
    SELECT least(
        (SELECT min(due_at) FROM scheduling_message
         WHERE state IN ('scheduled', 'claimed', 'sending') AND due_at > %(after)s),
        (SELECT min(t0) FROM scheduling_plasticitywindow
         WHERE superseded_at IS NULL AND status = 'pending' AND t0 > %(after)s),
        (SELECT min(core_until) FROM scheduling_plasticitywindow
         WHERE superseded_at IS NULL AND status = 'open' AND core_until > %(after)s),
        (SELECT min(climbs_at) FROM scheduling_staffalert
         WHERE acknowledged_at IS NULL AND climbs_at > %(after)s),
        (SELECT min(hard_latest_at) FROM scheduling_followup
         WHERE state IN ('firm', 'released', 'booked') AND hard_latest_at > %(after)s),
        (SELECT min(latest_at) FROM scheduling_followup
         WHERE state = 'released' AND (therapy OR (gate = 'none' AND audience = 'nurse'))
           AND latest_at > %(after)s))
"""
TAKE_TURN = """
    INSERT INTO scheduling_heartbeat (name, beat_at, rounds) VALUES (%s, app_now(), 1)
    ON CONFLICT (name) DO UPDATE SET beat_at = app_now(), rounds = scheduling_heartbeat.rounds + 1
    WHERE scheduling_heartbeat.beat_at <= app_now() - interval '1 minute' OR scheduling_heartbeat.beat_at > app_now()
"""
T = TypeVar("T")


@dataclass
class Round:
    """What one tick did."""

    counts: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def tick() -> Round:
    """One whole round. Never raises for a step; `failed` names the steps that could not run."""
    done = Round()
    steps: tuple[tuple[str, Callable[[], int]], ...] = (
        ("held", restores.watch),
        ("climbed", alerts.climb_due),
        ("told", alerts.send_notices),
        ("holds", lambda: sweep_expired()),
        ("offered", lambda: waitlist.fill()),
        ("paused", lambda: pauses.watch_pauses()),
        ("stretched", lambda: stretch_overdue()),
        ("stale", sweep_stale),
        ("opened", open_due_windows),
        ("closed", close_over_windows),
        ("rezoned", sweep_zones),
        ("sent", dispatch_due),
        ("expired", outbox.expire_overdue),
        ("missed", mark_missed),
        ("escalated", escalate_windows),  # before lateness: one item and one owner
        ("late", report_late),
        ("silent", report_silence),
        ("unsigned", report_unsigned),
        ("sheets", lambda: day_sheets.make_morning_sheets()),
        ("gates", lambda: once_a_minute("gates", lambda: watch_gates(app_now()))),
    )
    for name, step in steps:
        try:
            done.counts[name] = step()
        except Exception as error:
            log.error("tick step %s failed with %s", name, type(error).__name__)
            done.failed.append(name)
    if not done.failed:
        try:
            beat(TICK)
        except DatabaseError as error:
            log.error("the heartbeat failed with %s", type(error).__name__)
            done.failed.append("heartbeat")
    return done


def beat(name: str) -> None:
    """Write that the loop `name` has completed a round, by the database's own clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO scheduling_heartbeat (name, beat_at, rounds) VALUES (%s, clock_timestamp(), 1) "
            "ON CONFLICT (name) DO UPDATE SET beat_at = clock_timestamp(), rounds = scheduling_heartbeat.rounds + 1",
            [name],
        )


def once_a_minute(name: str, work: Callable[[], int]) -> int:
    """Run `work` when nobody has begun it within the last minute of the app's clock; 0 when somebody has.

    For a step that reads much and whose findings may wait a minute. The turn is taken before the work, so that ticks
    side by side do not repeat it; when the work fails the turn is given back, so that the next round tries again and
    the heartbeat stands still while it keeps failing. A clock that was set back does not put the step to sleep.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE_TURN, [name])
        if not cursor.rowcount:
            return 0
    try:
        return work()
    except Exception:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE scheduling_heartbeat SET beat_at = 'epoch' WHERE name = %s", [name])
        raise


def next_moment(after: datetime) -> datetime | None:
    """The next instant at which a tick will have something to do, as far as is known now; None when nothing
    is ahead.

    For those who move the clock in leaps (the sample clinic): ticking at each of them loses nothing on the
    way.
    """
    with connection.cursor() as cursor:
        cursor.execute(NEXT_MOMENT, {"after": after})
        moment: datetime | None = cursor.fetchone()[0]
    return moment


def _each(what: str, rows: Iterable[T], work: Callable[[T], object]) -> int:
    """Run `work` on every row; a failing row is logged without its contents and the next one follows."""
    done = 0
    for row in rows:
        try:
            done += bool(work(row))
        except Exception as error:
            log.error("%s of row %s failed with %s", what, getattr(row, "pk", "?"), type(error).__name__)
    return done


# --- Windows and follow-ups ---


def open_due_windows() -> int:
    """Open signed windows whose therapy time has come; release their follow-ups and plan their messages."""
    due = PlasticityWindow.objects.due_to_open(app_now()).order_by("t0")[:200]
    return _each("opening", due, lambda row: windows.open_window(window=row))


def close_over_windows() -> int:
    """Close open windows whose core is over."""
    over = PlasticityWindow.objects.over(app_now())[:200]
    return _each("closing", over, lambda row: windows.close_window(window=row))


def sweep_stale() -> int:
    """Work out again every window that is missing, stale or older than its facts."""
    now = app_now()

    def again(infusion: windows.Infusion) -> bool:
        try:
            windows.reanchor(infusion=infusion, at=now)
        except Exception as error:
            windows.mark_stale(infusion=infusion, reason=type(error).__name__, at=now)
            return False
        return True

    return _each("re-anchoring", windows.stale_infusions(now), again)


def mark_missed() -> int:
    """Close follow-ups past their last moment; required ones go to a person's list."""
    now = app_now()
    rows = FollowUp.objects.overdue(now).order_by("hard_latest_at")[:200]
    return _each("missing", rows, lambda row: overdue.mark_missed(follow_up=row, at=now))


def report_late() -> int:
    """Therapy that did not begin by its latest hour: a person's item, with the times that are still possible."""
    now = app_now()
    overdue.settle_caught_up(now)
    passed = _each(
        "not started", overdue.passed_therapy(now), lambda row: _told(overdue.report_passed, row, now)
    )
    return passed + _each(
        "lateness", overdue.late_therapy(now), lambda row: _told(overdue.report_late, row, now)
    )


def report_silence() -> int:
    """Check-ins without an answer by 11:00 become a nurse's call."""
    now = app_now()
    return _each(
        "silence", overdue.silent_check_ins(now), lambda row: _told(overdue.report_silence, row, now)
    )


def escalate_windows() -> int:
    """Windows that close without booked therapy: to every therapist, then to the lead."""
    now = app_now()
    return _each(
        "escalating", escalation.waiting_rows(now), lambda row: escalation.escalate(follow_up=row, at=now)
    )


def _told(report: Callable[..., None], row: FollowUp, now: object) -> bool:
    report(follow_up=row, at=now)
    return True


def report_unsigned() -> int:
    """Records that nobody signed become a clinician's item."""
    now = app_now()

    def tell(infusion: windows.Infusion) -> bool:
        unsigned.report_unsigned(infusion=infusion, at=now)
        return True

    return _each("escalating", unsigned.unsigned_infusions(now), tell)


def sweep_zones() -> int:
    """A patient who has moved to another time zone: follow-ups and messages are worked out again there.

    Appointments stand where they are. Only what has not left is looked at.
    """
    rows = TreatmentSeries.objects.filter(
        pk__in=Message.objects.filter(state__in=Message.RECALLABLE)
        .exclude(time_zone=F("patient__time_zone"))
        .annotate(of=Coalesce("follow_up__series", "appointment__series"))
        .values("of")
    )

    def again(series: TreatmentSeries) -> bool:
        sync_follow_ups(series=series)
        return True

    return _each("re-zoning", rows[:100], again)


# --- Messages ---


def dispatch_due() -> int:
    """Send what is due on every channel. A channel that is down or slow ends its own part of the round only,
    and is left alone for a while. Nothing is sent before it is certain that this is the same database.
    """
    restores.watch()
    sent, keyed = 0, {}
    for name in CHANNELS:
        channel = open_channel(name)
        keyed[name] = channel.keyed
        try:
            if outbox.may_use(name):
                sent += _drain(name, channel)
        finally:
            channel.close()
    outbox.settle_silent(keyed)
    return sent


def _drain(name: str, channel: Channel) -> int:
    """Send until nothing is due, the channel fails, or half a lease has passed."""
    until, sent = time.monotonic() + settings.LEASE_SECONDS / 2, 0
    while claims := outbox.claim_due(name, most=BATCH):
        for position, claim in enumerate(claims):
            working = send_one(claim, channel)
            sent += working == "sent"
            if working == "down":
                outbox.pause(name)
            elif working == "sent" and sent == 1:
                outbox.resume(name)
            if working == "down" or time.monotonic() > until:
                outbox.let_go(claims[position + 1 :])
                return sent
    return sent


def send_one(claim: Claim, channel: Channel) -> str:
    """Send one claimed message: "sent", "skipped" (not to be sent now), "failed" (this one) or "down" (the
    channel is).
    """
    try:
        outgoing = outbox.begin_sending(claim, key_window=channel.key_window)
    except TryAgain:
        outbox.let_go([claim])
        return "skipped"
    except (
        NotNeutral,
        TemplateDoesNotExist,
        TemplateSyntaxError,
        DomainError,
        ValueError,
        LookupError,
    ) as error:
        outbox.bury(claim, type(error).__name__)
        return "failed"
    if outgoing is None:
        return "skipped"
    try:
        provider_id = channel.send(outgoing)
    except SendFailed as failure:
        outbox.mark_failed(claim, failure.code, permanent=failure.permanent)
        return "failed" if failure.alone else "down"
    except OutcomeUnknown as failure:
        if channel.keyed:
            outbox.mark_doubtful(claim, failure.code)
        else:
            outbox.mark_unknown(claim, failure.code)
        return "down"
    except Exception as error:
        log.error("sending message %s failed with %s", claim.pk, type(error).__name__)
        outbox.mark_unknown(claim, type(error).__name__)
        return "failed"
    outbox.mark_sent(claim, provider_id)
    return "sent"
