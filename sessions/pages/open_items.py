"""What is still open on a record, each with where on the page it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sessions import monitoring
from sessions.discharge import DischargeDecision
from sessions.models import AdverseEvent
from sessions.services import rows
from sessions.services.readiness import consent_in_force

if TYPE_CHECKING:
    from sessions.pages.record import Record


CALL_WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class OpenItem:
    """Something still to do, with where on the page it is done."""

    text: str
    target: str
    tone: str = "warning"
    due_at: datetime | None = None


def open_items(record: Record) -> list[OpenItem]:
    """Everything still to do on this record, the pressing ones first. Reads only."""
    infusion = record.infusion
    items = []
    if infusion.status in infusion.RUNNING and consent_in_force(infusion, record.now) is None:
        items.append(OpenItem("Consent was withdrawn: stop the pump", "pump", "danger"))
    if record.withheld and record.therapy.at is None:
        items.append(OpenItem("State when therapy may begin: clearance cannot be estimated", "discharge"))
    elif record.delay_needed and infusion.stated_delay_hours is None and infusion.started_at is not None:
        items.append(OpenItem("A prescriber states the delay that no model knows", "delay"))
    if record.contradiction is not None:
        words = (
            f"Measured {record.contradiction.ketamine_ng_ml} ng/mL after the therapy time: sign a later one"
        )
        items.append(OpenItem(words, "levels"))
    if record.disposition is not None and record.disposition.unplanned and record.assessment is None:
        words = f"{record.disposition.get_outcome_display()}: a clinician assesses the patient"
        items.append(OpenItem(words, "ending", due_at=record.disposition.entered_at + CALL_WITHIN))
    if record.new_order_from is not None and record.now > record.new_order_from:
        items.append(OpenItem("Paused too long: a prescriber orders the rest again", "pump"))
    if (
        record.pump
        and record.pump.state == "stopped"
        and record.bag is None
        and infusion.status == "recovering"
    ):
        items.append(OpenItem("Lot and use-by day of the bag", "bag", "info"))
    unseen = [line for line in record.baselines if line.state == "open"]
    if unseen and infusion.weight_kg is not None:
        items.append(OpenItem("Record how the patient walks, to compare afterwards", "before-start", "info"))
    if record.gate is not None:
        items += [
            OpenItem(item.message, "before-start") for item in (*record.gate.blocks, *record.gate.decides)
        ]
    if record.next_reading_at is not None and infusion.started_at is not None:
        late = record.now > record.next_reading_at + monitoring.GRID_TOLERANCE
        words = "Vitals overdue" if late else "Next vitals"
        items.append(OpenItem(words, "vitals", "warning" if late else "info", record.next_reading_at))
    if record.pump and record.pump.asks_finished:
        items.append(OpenItem("The bag is empty by the log: stop the pump in the record", "pump"))
    if record.decision is not None:
        items += _before_signing(record.decision)
    for event in rows.live(infusion, AdverseEvent):
        if event.resolved_at is None:
            words = f"Adverse event still open: {event.kind.replace('_', ' ')}"
            items.append(OpenItem(words, "adverse-events"))
    return items


def _before_signing(decision: DischargeDecision) -> list[OpenItem]:
    items = []
    if decision.missing:
        count = len(decision.missing)
        items.append(
            OpenItem(
                f"{count} discharge criteria not recorded" if count > 1 else "1 criterion not recorded",
                "discharge",
            )
        )
    for blocker in decision.blockers:
        if blocker.code in decision.missing:
            continue
        if blocker.code == "observation":
            items.append(OpenItem("Minimum observation ends", "discharge", "info", decision.observe_until))
        else:
            items.append(OpenItem(blocker.message, "discharge"))
    if not decision.blockers:
        items.append(OpenItem("Ready to leave: sign off", "discharge", "success", decision.t_sign))
    return items
