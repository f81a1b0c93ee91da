"""The record page at the chair: state, times, pump, vitals, checks, criteria, and what is still open."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from protocols.wording import ROUTES
from sessions import clearance, monitoring, running_gate
from sessions.charts import ChartFacts, chart_until, level_chart
from sessions.discharge import DischargeDecision
from sessions.models import (
    BagUse,
    ChairNote,
    ClearanceEstimate,
    Disposition,
    EndingAssessment,
    GivenDrug,
    Handover,
    Infusion,
    MeasuredLevel,
    SignOff,
    VitalSigns,
    WeightCorrection,
)
from sessions.order_reasons import words_for
from sessions.pages.criteria import CriterionLine, baseline_lines, criterion_lines
from sessions.pages.estimate_words import compared_times
from sessions.pages.open_items import OpenItem, open_items
from sessions.pages.pump_panel import Dose, PumpPanel, dose_of, pump_panel
from sessions.pages.sheets import hold_lines
from sessions.pages.words import reading_chip, vitals_words, zone_of
from sessions.services import (
    TherapyTime,
    contradicting_level,
    current_disposition,
    last_assessment,
    needs_second_weighing,
    offered_handover,
    open_holds,
    rows,
    start_gate,
    therapy_time,
)
from sessions.services.discharge import discharge_decision
from sessions.services.estimates import (
    age_at_start,
    current_estimate,
    current_sign_off,
    delay_is_needed,
    earlier_logs,
    ended_log,
    read_log,
)
from sessions.services.readiness import StartGate, as_reading
from sessions.services.renewals import order_needed_from, paused_since, renewed_since
from sessions.services.rows import read_together
from sessions.services.vitals import vitals_advice
from staff.charts import Chart
from staff.errors import DomainError
from staff.models import User


@dataclass(frozen=True)
class VitalsRow:
    """One row of the grid: prepared (no reading yet), or a reading with how it stands against the limits."""

    at: datetime
    minute: int | None
    reading: VitalSigns | None = None
    chip: dict[str, str] = field(default_factory=dict)
    overdue: bool = False
    due: bool = False


@dataclass(frozen=True)
class Record:
    """Everything the page reads, worked out once."""

    infusion: Infusion
    now: datetime
    estimate: ClearanceEstimate | None
    signature: SignOff | None
    therapy: TherapyTime
    log: clearance.PumpLog | None
    gate: StartGate | None
    pump: PumpPanel | None
    dose: Dose
    vitals: list[VitalsRow]
    next_reading_at: datetime | None
    advice: running_gate.RunningDecision
    decision: DischargeDecision | None
    criteria: list[CriterionLine]
    open_items: list[OpenItem]
    second_weighing: bool
    baselines: list[CriterionLine] = field(default_factory=list)
    delay_needed: bool = False
    contradiction: MeasuredLevel | None = None
    disposition: Disposition | None = None
    assessment: EndingAssessment | None = None
    bag: BagUse | None = None
    drugs: list[GivenDrug] = field(default_factory=list)
    holds: list[dict[str, object]] = field(default_factory=list)
    notes: list[ChairNote] = field(default_factory=list)
    handover: Handover | None = None
    own_note: ChairNote | None = None
    new_order_from: datetime | None = None
    corrected: WeightCorrection | None = None

    @property
    def withheld(self) -> str:
        """Why there is no clearance time, in words; empty when there is one (or nothing was given)."""
        found = self.estimate
        if found is None or not found.withheld:
            return ""
        return " ".join(
            item["message"] for item in found.warnings if item["code"] in ("infiltrated", "refused")
        )

    @property
    def order_reasons(self) -> list[tuple[str, str]]:
        """Where the order is weaker than what was studied: what, and why."""
        row = self.infusion
        found = [
            ("Less than 0.5 mg/kg", "low_dose", row.order_low_reason),
            ("Less than 40 minutes", "short", row.order_short_reason),
            (f"Route: {ROUTES.get(row.order_route, '')}", "route", row.order_route_reason),
        ]
        return [(what, words_for(kind, code)) for what, kind, code in found if code]

    @property
    def compared(self) -> list[tuple[str, datetime]]:
        """What the clearance time was chosen from, or is shown beside: (label, time) of the models."""
        return compared_times(self.estimate)

    @property
    def planned_later(self) -> list[datetime]:
        """Prepared rows after the next one: only their times are shown."""
        return [row.at for row in self.vitals if row.reading is None and not row.overdue and not row.due]

    @property
    def ready_to_sign(self) -> bool:
        """Recovering, and nothing stands between the patient and the signature."""
        return bool(self.decision and self.decision.ready and self.signature is None)


def read_record(infusion: Infusion, now: datetime, user: User | None = None) -> Record:
    """Gather the page, with what `user` has begun to write. Reads only, all rows of the record together."""
    read_together(infusion)
    log = read_log(infusion)
    estimate, signature = current_estimate(infusion), current_sign_off(infusion)
    before = infusion.status in Infusion.BEFORE_START
    gate = start_gate(infusion, now) if before else None
    readings = rows.live(infusion, VitalSigns)
    grid = _grid(infusion, readings, now)
    decision = discharge_decision(infusion, now) if infusion.status == Infusion.Status.RECOVERING else None
    next_at = None if _closed(infusion) or _gone(infusion) else monitoring.next_due(
        grid, last_reading=readings[-1].observed_at if readings else None
    )  # fmt: skip
    pump = pump_panel(infusion, log, now)
    second = before and needs_second_weighing(infusion)
    record = Record(
        infusion=infusion,
        now=now,
        estimate=estimate,
        signature=signature,
        therapy=therapy_time(infusion),
        log=log,
        gate=gate,
        pump=pump,
        dose=dose_of(infusion),
        vitals=_vitals(infusion, grid, readings, next_at, now),
        next_reading_at=next_at,
        advice=vitals_advice(infusion, now),
        decision=decision,
        criteria=criterion_lines(infusion, decision, now),
        baselines=baseline_lines(infusion) if before else [],
        delay_needed=delay_is_needed(infusion),
        contradiction=contradicting_level(infusion) if signature is not None else None,
        open_items=[],
        second_weighing=second,
        **_of_the_day(infusion, user),
    )
    record.open_items.extend(open_items(record))
    return record


def _of_the_day(infusion: Infusion, user: User | None) -> dict[str, Any]:
    """What the chair's day adds to the record."""
    disposition = current_disposition(infusion)
    notes = rows.rows(infusion, ChairNote)
    paused_at = paused_since(infusion)
    needs_order = paused_at is not None and not renewed_since(infusion, paused_at)
    return {
        "disposition": disposition,
        "assessment": last_assessment(infusion) if disposition and disposition.unplanned else None,
        "bag": next(iter(rows.current(infusion, BagUse)), None),
        "corrected": next(iter(rows.current(infusion, WeightCorrection)), None),
        "drugs": rows.live(infusion, GivenDrug),
        "holds": hold_lines(rows.once(infusion, "holds", lambda: open_holds(infusion.patient_id))),
        "notes": [item for item in notes if item.finished_at is not None],
        "own_note": next(
            (item for item in notes if item.finished_at is None and user and item.entered_by_id == user.pk),
            None,
        ),
        "handover": offered_handover(infusion),
        "new_order_from": order_needed_from(infusion, paused_at) if needs_order and paused_at else None,
    }


def build_chart(record: Record) -> Chart | None:
    """The concentration chart; None before the start, and while no clearance can be estimated."""
    infusion, log = record.infusion, record.log
    if log is None or record.estimate is None or record.estimate.withheld or infusion.weight_kg is None:
        return None
    ended = ended_log(infusion, log, record.now)
    levels = [(row.observed_at, float(row.ketamine_ng_ml)) for row in rows.live(infusion, MeasuredLevel)]
    facts = ChartFacts(
        log=ended,
        threshold_ng_ml=float(record.estimate.threshold_ng_ml),
        now=record.now,
        zone=zone_of(infusion),
        drug_cleared=record.estimate.t_pk,
        ready=record.signature.t_sign if record.signature else None,
        therapy_from=record.therapy.at,
        signed=record.therapy.signed,
        levels=levels,
    )
    try:
        curve = clearance.curve_points(
            log=ended,
            until=chart_until(facts),
            weight_kg=record.corrected.weight_kg if record.corrected else infusion.weight_kg,
            age_years=age_at_start(infusion),
            model=record.estimate.model,
            earlier_logs=earlier_logs(infusion),
        )
    except DomainError:
        return None
    return level_chart(facts, curve)


def _gone(infusion: Infusion) -> bool:
    """The patient left otherwise than by discharge: nobody measures them here any more."""
    ended = current_disposition(infusion)
    return ended is not None and ended.unplanned


def _closed(infusion: Infusion) -> bool:
    return infusion.status in (Infusion.Status.SIGNED_OFF, Infusion.Status.NOT_GIVEN)


def _grid(infusion: Infusion, readings: list[VitalSigns], now: datetime) -> tuple[monitoring.GridSlot, ...]:
    return monitoring.vitals_grid(
        infusion.protocol_version.read().vitals_minutes,
        start=infusion.started_at or max(infusion.planned_start, now),
        readings=[row.observed_at for row in readings],
        now=now,
    )


def _vitals(
    infusion: Infusion,
    grid: tuple[monitoring.GridSlot, ...],
    readings: list[VitalSigns],
    next_at: datetime | None,
    now: datetime,
) -> list[VitalsRow]:
    """Readings and the prepared rows still to come (or left out), in time order."""
    limits = infusion.protocol_version.read().limits
    start = infusion.started_at
    lines = []
    for row in readings:
        minute = None if start is None else round((row.observed_at - start) / timedelta(minutes=1))
        lines.append(VitalsRow(row.observed_at, minute, row, reading_chip(limits, as_reading(row))))
    if start is not None and not _closed(infusion):
        lines += [
            VitalsRow(slot.due_at, slot.minute, overdue=slot.overdue, due=slot.due_at == next_at)
            for slot in grid
            if not slot.taken and slot.minute >= 0
        ]
    return sorted(lines, key=lambda item: item.at)


def time_facts(record: Record) -> list[dict[str, Any]]:
    """The strip of times under the heading, in the words of the screen. Estimates are marked as such."""
    infusion, estimate = record.infusion, record.estimate
    facts: list[dict[str, Any]] = []
    if infusion.status in Infusion.BEFORE_START or infusion.status == Infusion.Status.NOT_GIVEN:
        facts.append({"label": "Planned start", "at": infusion.planned_start})
        if infusion.ordered_mg is not None:
            facts.append({"label": "Ordered", "text": f"{infusion.ordered_mg} mg"})
        return facts
    facts.append({"label": "Pump started", "at": infusion.started_at})
    if infusion.stopped_at is not None:
        facts.append(
            {"label": "Pump stopped", "at": infusion.stopped_at, "note": f"{infusion.delivered_mg} mg given"}
        )
    elif record.pump is not None:
        note = "waiting for resume" if record.pump.state == "paused" else "by the log"
        facts.append(
            {"label": "Bag finishes", "at": record.pump.finishes_at, "note": note, "empty": "paused"}
        )
    if record.signature is not None:
        facts.append({"label": "Ready to leave", "at": record.signature.t_sign, "note": "signed"})
    elif record.decision is not None:
        ready = record.decision.t_sign
        facts.append({"label": "Ready to leave", "at": ready, "empty": "not yet", "note": "not signed"})
    if estimate is not None:
        unstated = record.delay_needed and infusion.stated_delay_hours is None
        note = "a clinician states the time" if record.withheld else "delay not stated" if unstated else ""
        known = estimate.t_pk is not None
        facts.append(
            {
                "label": "Drug cleared",
                "at": estimate.t_pk,
                "estimate": known,
                "empty": "not known",
                "note": note,
            }
        )
    facts.append(
        {
            "label": "Therapy from",
            "at": record.therapy.at,
            "note": _therapy_note(record),
            "style": "short",
            "main": True,
            "empty": "not known",
        }
    )
    return facts


def _therapy_note(record: Record) -> str:
    if record.therapy.signed:
        return "signed"
    return "estimate until signed" if record.therapy.at is not None else "stated with the signature"


def last_vitals_words(record: Record) -> str:
    """The latest reading in words; empty when there is none."""
    taken = [row.reading for row in record.vitals if row.reading is not None]
    return vitals_words(taken[-1]) if taken else ""
