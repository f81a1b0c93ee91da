"""Adverse events that pause or end the infusion during which they happened (clinical C4). Reads only."""

from __future__ import annotations

from sessions.models import AdverseEvent, Infusion
from sessions.services import rows

Severity = AdverseEvent.Severity
ALWAYS = {"chest_pain": "chest_pain", "neurological": "neurological_deficit"}
UNLESS_MILD = {"agitation": "psychosis_or_agitation"}
DISTRESS = frozenset({"anxiety", "dissociation"})


def signs_of(infusion: Infusion) -> tuple[str, ...]:
    """Codes of `running_gate.STOP_SIGNS` and `PAUSE_SIGNS` that stand on the record since the pump start.

    Distress counts until it is marked as over; what stops a pump counts for the rest of the infusion.
    """
    if infusion.started_at is None:
        return ()
    events = [row for row in rows.live(infusion, AdverseEvent) if row.observed_at >= infusion.started_at]
    found = [sign_of(row.kind, row.severity, over=row.resolved_at is not None) for row in events]
    return tuple(dict.fromkeys(filter(None, found)))


def sign_of(kind: str, severity: str, *, over: bool) -> str:
    """The code that one adverse event stands for; empty when it neither pauses nor stops a pump."""
    if kind in ALWAYS:
        return ALWAYS[kind]
    if kind in UNLESS_MILD and severity != Severity.MILD:
        return UNLESS_MILD[kind]
    if severity == Severity.STOP_RULE:
        return "stop_rule"
    return "severe_distress" if kind in DISTRESS and severity == Severity.SERIOUS and not over else ""
