"""The pump log: what the pump really did, with observed and entered times. Lines are struck or amended, not
edited.

Every change is read as a whole by the strict state machine of the engine, then a new clearance estimate is
stored and the rest of the house is told, all in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sessions import clearance, eligibility, signals
from sessions.models import Infusion, PumpEvent
from sessions.services import estimates
from sessions.services._record import act, locked, moment, need_state, not_in_future, refusals_in_words, touch
from sessions.services.overrides import void_advance
from sessions.services.readiness import readings_until, refresh_ready, start_gate
from staff.errors import DomainError, InvalidInput, RuleNotMet, StateConflict
from staff.models import User

STRIKE_WITHIN = timedelta(minutes=2)
OLDEST_ENTRY = timedelta(hours=24)
FIELDS = {"at": "observed_at", "kind": "kind", "rate_mg_per_min": "rate_mg_per_min", "bolus_mg": "bolus_mg"}
RATED = frozenset({PumpEvent.Kind.START, PumpEvent.Kind.RATE, PumpEvent.Kind.RESUME})
STATUS = {
    "running": Infusion.Status.INFUSING,
    "paused": Infusion.Status.PAUSED,
    "stopped": Infusion.Status.RECOVERING,
}
OPEN_FOR_LOG = Infusion.BEFORE_START | Infusion.RUNNING | {Infusion.Status.RECOVERING}


@dataclass(frozen=True)
class PumpAct:
    """One thing the pump did. Rates in mg/min; `observed_at` None = now. A start without a rate takes the
    order's.
    """

    kind: str
    observed_at: datetime | None = None
    rate_mg_per_min: Decimal | None = None
    bolus_mg: Decimal | None = None
    reason: str = ""


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
    at: datetime | None = None,
    expected_version: int | None = None,
) -> PumpEvent:
    """Add one line to the pump log. See `record_pump_events`."""
    wanted = PumpAct(kind, observed_at, rate_mg_per_min, bolus_mg, reason)
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
        line = _line(current, wanted, estimates.in_log_order(lines), by, now)
        lines.append(line)
        added.append(line)
    log = _read(current, lines, added, now)
    for line in estimates.in_log_order(added):
        _check_gates(current, line, lines, by)
    with refusals_in_words():
        for line in added:
            line.save(force_insert=True)
        _apply(current, log, by, now)
    return added


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


@dataclass(frozen=True)
class PumpChange:
    """New values of one line; None keeps the old one."""

    event: PumpEvent
    observed_at: datetime | None = None
    rate_mg_per_min: Decimal | None = None
    bolus_mg: Decimal | None = None


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
    _need_words(reason, "reason", "Say why the entry is corrected.")
    live = {item.pk: item for item in current.pump_events.live()}
    added = [_amended(change, live, reason, by, now) for change in changes]
    log = _read(current, [*live.values(), *added], added, now)
    with refusals_in_words():
        for line in added:
            _withdraw(line.replaces, by, now, reason)
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
    changes = [PumpChange(line, line.observed_at + step) for line in lines]
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
        _need_words(
            reason, "reason", "More than 2 minutes have passed, or somebody else entered it: say why."
        )
    log = _read(current, list(live.values()), [], now) if live else None
    with refusals_in_words():
        _withdraw(line, by, now, reason or "Mis-tap")
        _apply(current, log, by, now)
    return line


def _line(infusion: Infusion, wanted: PumpAct, before: list[PumpEvent], by: User, now: datetime) -> PumpEvent:
    if wanted.kind not in PumpEvent.Kind.values:
        raise InvalidInput(
            f"Choose one of {', '.join(PumpEvent.Kind.values)}.", code="unknown-kind", field="kind"
        )
    observed = not_in_future(wanted.observed_at or now, now, "observed_at")
    if observed < infusion.arrived_at - OLDEST_ENTRY:
        raise RuleNotMet(
            "This is more than a day before the patient arrived.", code="too-early", field="observed_at"
        )
    rate = wanted.rate_mg_per_min
    if rate is None and wanted.kind == PumpEvent.Kind.START and infusion.ordered_mg is not None:
        rate = infusion.ordered_mg / Decimal(infusion.protocol_version.read().dose.infusion_minutes)
    if rate is None and wanted.kind == PumpEvent.Kind.RESUME:
        rated = [item for item in before if item.kind in RATED and item.observed_at <= observed]
        rate = rated[-1].rate_mg_per_min if rated else None
    return PumpEvent(
        infusion=infusion,
        kind=wanted.kind,
        observed_at=observed,
        entered_at=now,
        entered_by=by,
        rate_mg_per_min=None if rate is None else rate.quantize(Decimal("0.0001")),
        bolus_mg=wanted.bolus_mg,
        reason=wanted.reason.strip(),
    )


def _amended(
    change: PumpChange, live: dict[int, PumpEvent], reason: str, by: User, now: datetime
) -> PumpEvent:
    old = live.pop(change.event.pk, None)
    if old is None:
        raise StateConflict("This entry was already taken out or corrected.", code="already-withdrawn")
    observed = (
        old.observed_at
        if change.observed_at is None
        else not_in_future(change.observed_at, now, "observed_at")
    )
    rate = old.rate_mg_per_min if change.rate_mg_per_min is None else change.rate_mg_per_min
    bolus = old.bolus_mg if change.bolus_mg is None else change.bolus_mg
    if (observed, rate, bolus) == (old.observed_at, old.rate_mg_per_min, old.bolus_mg):
        raise InvalidInput("Nothing would change.", code="no-change", field="observed_at")
    return PumpEvent(
        infusion=old.infusion,
        kind=old.kind,
        observed_at=observed,
        entered_at=now,
        entered_by=by,
        rate_mg_per_min=rate,
        bolus_mg=bolus,
        reason=reason.strip(),
        replaces=old,
    )


def _need_words(text: str, field: str, message: str) -> None:
    if not text.strip():
        raise InvalidInput(message, code="reason-needed", field=field)


def _withdraw(line: PumpEvent | None, by: User, now: datetime, reason: str) -> None:
    if line is not None:
        line.withdrawn_at, line.withdrawn_by, line.withdrawn_reason = now, by, reason.strip()[:200]
        line.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])


def _read(
    infusion: Infusion, lines: Iterable[PumpEvent], changed: Sequence[PumpEvent], now: datetime
) -> clearance.PumpLog:
    """The whole log by the engine's rules; its refusals come back at the field of the entry being made."""
    ordered = estimates.in_log_order(lines)
    if infusion.ordered_mg is None:
        raise RuleNotMet(
            "The pump needs today's weight and a signed order first.", code="start-gate", field="kind"
        )
    try:
        return clearance.read_pump_log(estimates.entries(ordered), bag_mg=float(infusion.ordered_mg), now=now)
    except DomainError as refusal:
        raise _at_own_field(refusal, ordered, changed) from refusal


def _at_own_field(
    refusal: DomainError, ordered: list[PumpEvent], changed: Sequence[PumpEvent]
) -> DomainError:
    match = re.fullmatch(r"entries\.(\d+)\.(\w+)", refusal.field or "")
    field = "kind"
    if match and ordered[int(match[1])] in changed:
        field = FIELDS.get(match[2], "kind")
    return type(refusal)(refusal.message, code=refusal.code, field=field)


def _check_gates(infusion: Infusion, line: PumpEvent, lines: list[PumpEvent], by: User) -> None:
    if line.kind == PumpEvent.Kind.START:
        _check_start(infusion, line, by)
    if line.kind == PumpEvent.Kind.RESUME:
        _check_resume(infusion, line, lines)


def _check_start(infusion: Infusion, line: PumpEvent, by: User) -> None:
    gate = start_gate(infusion, line.observed_at)
    if gate.blocks:
        first = gate.blocks[0]
        more = f" And {len(gate.blocks) - 1} more." if len(gate.blocks) > 1 else ""
        raise RuleNotMet(f"{first.message} {first.what_to_do}{more}", code="start-gate", field="kind")
    if gate.decides and not by.may("infusion.order"):
        words = " ".join(item.message for item in gate.decides)
        raise RuleNotMet(
            f"{words} A prescriber decides, with a reason.", code="start-needs-prescriber", field="kind"
        )
    if gate.decides and not line.reason:
        words = " ".join(item.message for item in gate.decides)
        raise RuleNotMet(
            f"{words} Say why you start all the same.", code="start-needs-reason", field="reason"
        )


def _check_resume(infusion: Infusion, line: PumpEvent, lines: list[PumpEvent]) -> None:
    """Only a pause that vitals asked for needs a good reading and a note before the pump goes on."""
    limits = infusion.protocol_version.read().limits
    pauses = [
        item for item in lines if item.kind == PumpEvent.Kind.PAUSE and item.observed_at <= line.observed_at
    ]
    readings = readings_until(infusion, line.observed_at)
    if not pauses or not readings:
        return
    paused_at = max(item.observed_at for item in pauses)
    if all(
        eligibility.running_gate([item], limits).act in ("none", "recheck")
        for item in _around(readings, paused_at)
    ):
        return
    findings = eligibility.may_resume(readings, limits, paused_at=paused_at, note=line.reason)
    if findings:
        field = "reason" if all(item.code == "note" for item in findings) else "kind"
        words = " ".join(f"{item.message} {item.what_to_do}" for item in findings)
        raise RuleNotMet(words, code="resume-gate", field=field)


def _around(readings: list[eligibility.Reading], paused_at: datetime) -> list[eligibility.Reading]:
    """The last reading before the pause and everything measured since."""
    before = [item for item in readings if item.at <= paused_at][-1:]
    return before + [item for item in readings if item.at > paused_at]


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
    fresh = estimates.renew_estimate(infusion, log, now)
    if signed:
        void_advance(infusion, fresh, log, now)
        signals.tell(signals.infusion_amended, infusion=infusion, by=by, at=now)
    if log and not was_started:
        signals.tell(signals.infusion_started, infusion=infusion, by=by, at=now)
    signals.tell(signals.pump_log_changed, infusion=infusion, by=by, at=now)
    _renew_later(infusion, by, now)


def _given(log: clearance.PumpLog | None, now: datetime) -> Decimal | None:
    if log is None:
        return None
    return Decimal(str(round(clearance.delivered_mg(log, until=None if log.stop else now), 2)))


def _renew_later(infusion: Infusion, by: User, now: datetime) -> None:
    """What is left of this infusion counts in the next ones within 72 h: their estimates follow a correction."""
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


def flows_of(log: clearance.PumpLog, now: datetime) -> list[clearance.Flow]:
    """Flows with an open one closed at `now`, for drawing."""
    return [flow if flow.end else replace(flow, end=max(now, flow.start)) for flow in log.flows]
