"""What must stand before the pump starts or goes on: clinical rules only, never a plan or a booking."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sessions import eligibility, running_gate
from sessions.models import Infusion, PumpEvent
from sessions.services.readiness import readings_until, start_gate
from sessions.services.renewals import check_pause
from sessions.services.stop_signs import signs_of
from staff.errors import RuleNotMet
from staff.models import User


def check_gates(
    infusion: Infusion, line: PumpEvent, lines: Sequence[PumpEvent], by: User
) -> tuple[eligibility.Finding, ...]:
    """Raise RuleNotMet when `line`, a new entry among `lines`, may not stand. Returns what a prescriber decided."""
    if line.kind == PumpEvent.Kind.START:
        return _check_start(infusion, line, by)
    if line.kind == PumpEvent.Kind.RESUME:
        _check_resume(infusion, line, lines)
    return ()


def _check_start(infusion: Infusion, line: PumpEvent, by: User) -> tuple[eligibility.Finding, ...]:
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
    return gate.decides


def _check_resume(infusion: Infusion, line: PumpEvent, lines: Sequence[PumpEvent]) -> None:
    """A stop rule ends it; a long pause needs a new order; one that vitals asked for a good reading and a note."""
    limits = infusion.protocol_version.read().limits
    pauses = [
        item for item in lines if item.kind == PumpEvent.Kind.PAUSE and item.observed_at <= line.observed_at
    ]
    readings = readings_until(infusion, line.observed_at)
    if pauses:
        check_pause(infusion, max(item.observed_at for item in pauses), line.observed_at)
    signs = signs_of(infusion)
    ended = running_gate.stop_reasons(readings, limits, signs=signs, since=infusion.started_at)
    if not pauses or not (readings or ended):
        return
    paused_at = max(item.observed_at for item in pauses)
    calm = all(
        running_gate.running_gate([item], limits).act in ("none", "recheck")
        for item in _around(readings, paused_at)
    )
    if calm and not signs and not ended:
        return
    findings = running_gate.may_resume(
        readings, limits, paused_at=paused_at, note=line.reason, signs=signs, since=infusion.started_at
    )
    if findings:
        field = "reason" if all(item.code == "note" for item in findings) else "kind"
        words = " ".join(f"{item.message} {item.what_to_do}" for item in findings)
        raise RuleNotMet(words, code="resume-gate", field=field)


def _around(readings: list[eligibility.Reading], paused_at: datetime) -> list[eligibility.Reading]:
    """The last reading before the pause and everything measured since."""
    before = [item for item in readings if item.at <= paused_at][-1:]
    return before + [item for item in readings if item.at > paused_at]
