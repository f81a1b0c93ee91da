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
    found = [sign for sign in map(_sign, events) if sign]
    return tuple(dict.fromkeys(found))


def _sign(event: AdverseEvent) -> str:
    if event.kind in ALWAYS:
        return ALWAYS[event.kind]
    if event.kind in UNLESS_MILD and event.severity != Severity.MILD:
        return UNLESS_MILD[event.kind]
    if event.severity == Severity.STOP_RULE:
        return "stop_rule"
    distressed = event.kind in DISTRESS and event.severity == Severity.SERIOUS and event.resolved_at is None
    return "severe_distress" if distressed else ""
