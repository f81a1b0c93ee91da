"""The pump log: what the pump really did, with observed and entered times. Lines are struck or amended, not
edited.

Every change is read as a whole by the strict state machine of the engine, then a new clearance estimate is
stored and the rest of the house is told, all in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sessions import clearance, signals
from sessions.eligibility import Finding
from sessions.models import Infusion, PumpEvent
from sessions.services import estimates
from sessions.services._record import act, locked, moment, need_state, refusals_in_words, touch
from sessions.services.gates import note_start_overrides
from sessions.services.pump_gates import check_gates
from sessions.services.pump_lines import (
    PumpAct,
    PumpChange,
    amended_line,
    need_words,
    new_line,
    read_lines,
    withdraw,
)
from sessions.services.readiness import refresh_ready
from staff.errors import InvalidInput, StateConflict
from staff.models import User

STRIKE_WITHIN = timedelta(minutes=2)
STATUS = {
    "running": Infusion.Status.INFUSING,
    "paused": Infusion.Status.PAUSED,
    "stopped": Infusion.Status.RECOVERING,
}
OPEN_FOR_LOG = Infusion.BEFORE_START | Infusion.RUNNING | {Infusion.Status.RECOVERING}


@act
def record_pump_event(
    *,
    infusion: Infusion,
    kind: str,
    by: User,
    observed_at: datetime | None = None,
    rate_mg_per_min: Decimal | None = None,
    bolus_mg: Decimal | None = None,
    reason: str = "",
    reason_code: str = "",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> PumpEvent:
    """Add one line to the pump log. See `record_pump_events`."""
    wanted = PumpAct(kind, observed_at, rate_mg_per_min, bolus_mg, reason, reason_code)
    return record_pump_events(
        infusion=infusion, events=[wanted], by=by, at=at, expected_version=expected_version
    )[0]


@act
def record_pump_events(
    *,
    infusion: Infusion,
    events: Sequence[PumpAct],
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> list[PumpEvent]:
    """Add lines to the log and work out the estimate once.

    Raises RuleNotMet at the field for an impossible order of events, a time in the future, a start before
    what must stand before it (`start-gate`), and a resume after a pause for vitals without a good reading and
    a note. StateConflict once signed (amend instead).
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(current, OPEN_FOR_LOG, "This record is closed. Amend an entry, with the reason.")
    if not events:
        raise InvalidInput("Send at least one event.", code="empty", field="events")
    lines = list(current.pump_events.live())
    added = []
    for wanted in events:
        line = new_line(current, wanted, estimates.in_log_order(lines), by, now)
        lines.append(line)
        added.append(line)
    log = read_lines(current, lines, added, now)
    decided = [
        item for line in estimates.in_log_order(added) for item in check_gates(current, line, lines, by)
    ]
    with refusals_in_words():
        for line in added:
            line.save(force_insert=True)
        _note_decided(current, decided, events, by, now)
        _apply(current, log, by, now)
    return added


def _note_decided(
    infusion: Infusion, decided: Sequence[Finding], events: Sequence[PumpAct], by: User, now: datetime
) -> None:
    """A start against checks that ask for a decision is an override, one for each check."""
    if not decided:
        return
    start = next(item for item in events if item.kind == PumpEvent.Kind.START)
    note_start_overrides(
        infusion=infusion,
        findings=[(item.code, item.message) for item in decided],
        reason_code=start.reason_code,
        note=start.reason,
        by=by,
        at=now,
    )


@act
def amend_pump_event(
    *,
    event: PumpEvent,
    reason: str,
    by: User,
    observed_at: datetime | None = None,
    rate_mg_per_min: Decimal | None = None,
    bolus_mg: Decimal | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> PumpEvent:
    """Correct the time, rate or amount of one line, also after signing; the old line stays readable.

    Raises InvalidInput without a reason or without a change, StateConflict when the line was already
    corrected.
    """
    return amend_pump_events(
        changes=[PumpChange(event, observed_at, rate_mg_per_min, bolus_mg)],
        reason=reason,
        by=by,
        at=at,
        expected_version=expected_version,
    )[0]


@act
def amend_pump_events(
    *,
    changes: Sequence[PumpChange],
    reason: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> list[PumpEvent]:
    """Correct several lines of one log together (a clock that was 7 minutes wrong moves them all). One
    estimate.
    """
    now = moment(at)
    if not changes:
        raise InvalidInput("Choose at least one entry.", code="empty", field="changes")
    current = locked(changes[0].event.infusion, expected_version)
    need_words(reason, "reason", "Say why the entry is corrected.")
    live = {item.pk: item for item in current.pump_events.live()}
    added = [amended_line(change, live, reason, by, now) for change in changes]
    log = read_lines(current, [*live.values(), *added], added, now)
    with refusals_in_words():
        for line in added:
            withdraw(line.replaces, by, now, reason)
            line.save(force_insert=True)
        _apply(current, log, by, now)
    return added


@act
def move_pump_log(
    *,
    infusion: Infusion,
    minutes: int,
    reason: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> list[PumpEvent]:
    """Move every line of the log by whole `minutes` (negative = earlier): the clock it was read from was
    wrong.
    """
    if minutes == 0 or abs(minutes) > 24 * 60:
        raise InvalidInput("Enter 1 to 1440 minutes, earlier or later.", code="range", field="minutes")
    step = timedelta(minutes=minutes)
    lines = estimates.in_log_order(infusion.pump_events.live())
    changes = [PumpChange(line, line.observed_at + step, exact=True) for line in lines]
    return amend_pump_events(changes=changes, reason=reason, by=by, at=at, expected_version=expected_version)


@act
def strike_pump_event(
    *,
    event: PumpEvent,
    by: User,
    reason: str = "",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> PumpEvent:
    """Take a line out of the log; it stays visible as struck.

    Within 2 minutes whoever entered it needs no reason (a mis-tap); otherwise a reason is needed. Raises
    StateConflict once signed, and RuleNotMet when the rest of the log would make no sense.
    """
    now = moment(at)
    current = locked(event.infusion, expected_version)
    need_state(
        current, OPEN_FOR_LOG, "A signed log is corrected by amending an entry, not by taking one out."
    )
    live = {item.pk: item for item in current.pump_events.live()}
    line = live.pop(event.pk, None)
    if line is None:
        raise StateConflict("This entry was already taken out or corrected.", code="already-withdrawn")
    if not (line.entered_by_id == by.pk and now - line.entered_at <= STRIKE_WITHIN):
        need_words(reason, "reason", "More than 2 minutes have passed, or somebody else entered it: say why.")
    log = read_lines(current, list(live.values()), [], now) if live else None
    with refusals_in_words():
        withdraw(line, by, now, reason or "Mis-tap")
        _apply(current, log, by, now)
    return line


def _apply(infusion: Infusion, log: clearance.PumpLog | None, by: User, now: datetime) -> None:
    """Bring the record in line with its log, renew the estimate, and tell."""
    signed = infusion.status == Infusion.Status.SIGNED_OFF
    was_started = infusion.started_at is not None
    infusion.started_at = log.start if log else None
    infusion.stopped_at = log.stop if log else None
    infusion.delivered_mg = _given(log, now)
    if log is None:
        infusion.status = Infusion.Status.ARRIVED
        refresh_ready(infusion, now)
    elif not signed:
        infusion.status = STATUS[log.state]
    touch(infusion, "started_at", "stopped_at", "delivered_mg", "status")
    estimates.renew_estimate(infusion, log, now)
    if signed:
        signals.tell(signals.infusion_amended, infusion=infusion, by=by, at=now)
    if log and not was_started:
        signals.tell(signals.infusion_started, infusion=infusion, by=by, at=now)
    signals.tell(signals.pump_log_changed, infusion=infusion, by=by, at=now)
    renew_later(infusion, by, now)


def _given(log: clearance.PumpLog | None, now: datetime) -> Decimal | None:
    if log is None:
        return None
    return Decimal(str(round(clearance.delivered_mg(log, until=None if log.stop else now), 2)))


def renew_later(infusion: Infusion, by: User, now: datetime) -> None:
    """What is left of this infusion counts in those of the next 72 h: their estimates follow a correction."""
    if infusion.started_at is None or infusion.stopped_at is None:
        return
    later = Infusion.objects.for_record().filter(
        patient_id=infusion.patient_id,
        started_at__gt=infusion.started_at,
        started_at__lt=infusion.started_at + estimates.CARRY_OVER,
    )
    for other in later.exclude(pk=infusion.pk).order_by("started_at"):
        estimates.renew_estimate(other, estimates.read_log(other), now)
        signals.tell(signals.pump_log_changed, infusion=other, by=by, at=now)
