"""Lines of the pump log before they are stored: made, corrected, and read together by the engine's rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sessions import clearance
from sessions.models import Infusion, PumpEvent
from sessions.services import estimates
from sessions.services._record import not_in_future
from sessions.services.minutes import line_in_its_minute
from staff.errors import DomainError, InvalidInput, RuleNotMet, StateConflict
from staff.models import User

OLDEST_ENTRY = timedelta(hours=24)
FIELDS = {"at": "observed_at", "kind": "kind", "rate_mg_per_min": "rate_mg_per_min", "bolus_mg": "bolus_mg"}
RATED = frozenset({PumpEvent.Kind.START, PumpEvent.Kind.RATE, PumpEvent.Kind.RESUME})


@dataclass(frozen=True)
class PumpAct:
    """One thing the pump did. Rates in mg/min; `observed_at` None = now.

    A start without a rate takes the order's, a resume without one the rate before the pause. `reason_code`: of
    `gates.OVERRIDE_REASONS`, where a prescriber starts against checks that ask for a decision.
    """

    kind: str
    observed_at: datetime | None = None
    rate_mg_per_min: Decimal | None = None
    bolus_mg: Decimal | None = None
    reason: str = ""
    reason_code: str = ""


@dataclass(frozen=True)
class PumpChange:
    """New values of one line; None keeps the old one. `exact`: nobody typed the time to the minute."""

    event: PumpEvent
    observed_at: datetime | None = None
    rate_mg_per_min: Decimal | None = None
    bolus_mg: Decimal | None = None
    exact: bool = False


def new_line(
    infusion: Infusion, wanted: PumpAct, before: list[PumpEvent], by: User, now: datetime
) -> PumpEvent:
    """An unsaved line for `wanted`; `before` are the lines that already stand, in order."""
    if wanted.kind not in PumpEvent.Kind.values:
        raise InvalidInput(
            f"Choose one of {', '.join(PumpEvent.Kind.values)}.", code="unknown-kind", field="kind"
        )
    observed = not_in_future(wanted.observed_at or now, now, "observed_at")
    if wanted.observed_at is not None:
        observed = line_in_its_minute(infusion, wanted.kind, observed, lines=before, before=now)
    if observed < infusion.arrived_at - OLDEST_ENTRY:
        raise RuleNotMet(
            "This is more than a day before the patient arrived.", code="too-early", field="observed_at"
        )
    rate = wanted.rate_mg_per_min
    if rate is None and wanted.kind == PumpEvent.Kind.START and infusion.ordered_mg is not None:
        rate = infusion.ordered_mg / Decimal(infusion.ordered_minutes)
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


def amended_line(
    change: PumpChange, live: dict[int, PumpEvent], reason: str, by: User, now: datetime
) -> PumpEvent:
    old = live.pop(change.event.pk, None)
    if old is None:
        raise StateConflict("This entry was already taken out or corrected.", code="already-withdrawn")
    observed = old.observed_at
    if change.observed_at is not None:
        observed = not_in_future(change.observed_at, now, "observed_at")
        if not change.exact:
            observed = line_in_its_minute(
                old.infusion, old.kind, observed, lines=live.values(), before=old.entered_at
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


def need_words(text: str, field: str, message: str) -> None:
    if not text.strip():
        raise InvalidInput(message, code="reason-needed", field=field)


def withdraw(line: PumpEvent | None, by: User, now: datetime, reason: str) -> None:
    if line is not None:
        line.withdrawn_at, line.withdrawn_by, line.withdrawn_reason = now, by, reason.strip()[:200]
        line.save(update_fields=["withdrawn_at", "withdrawn_by", "withdrawn_reason"])


def read_lines(
    infusion: Infusion, lines: Iterable[PumpEvent], changed: Sequence[PumpEvent], now: datetime
) -> clearance.PumpLog:
    """The whole log by the engine's rules; its refusals come back at the field of the entry being made."""
    lines = list(lines)
    ordered = estimates.in_log_order(lines)
    _not_before_the_start(infusion, lines, changed)
    if infusion.ordered_mg is None:
        raise RuleNotMet(
            "The pump needs today's weight and a signed order first.", code="start-gate", field="kind"
        )
    try:
        return clearance.read_pump_log(estimates.entries(ordered), bag_mg=float(infusion.ordered_mg), now=now)
    except DomainError as refusal:
        raise _at_own_field(refusal, ordered, changed) from refusal


def _not_before_the_start(
    infusion: Infusion, lines: Sequence[PumpEvent], changed: Sequence[PumpEvent]
) -> None:
    """Raise RuleNotMet at the time of an entry that lies before the pump started, with when that was."""
    start = next((item for item in lines if item.kind == PumpEvent.Kind.START), None)
    if start is None:
        return
    for item in changed:
        if item is not start and item.observed_at < start.observed_at:
            at = start.observed_at.astimezone(ZoneInfo(infusion.site.time_zone))
            raise RuleNotMet(
                f"The pump started at {at:%H:%M}: this is before it.",
                code="before-start",
                field="observed_at",
            )


def _at_own_field(
    refusal: DomainError, ordered: list[PumpEvent], changed: Sequence[PumpEvent]
) -> DomainError:
    match = re.fullmatch(r"entries\.(\d+)\.(\w+)", refusal.field or "")
    field = "kind"
    if match and ordered[int(match[1])] in changed:
        field = FIELDS.get(match[2], "kind")
    return type(refusal)(refusal.message, code=refusal.code, field=field)
