"""The events log of a record: everything that was entered, with when it was seen, when it was typed, and by
whom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.urls import reverse

from sessions import eligibility
from sessions.discharge import CRITERIA
from sessions.discharge_values import SHORT, value_words
from sessions.models import (
    AdverseEvent,
    BagUse,
    ChairNote,
    CriterionResult,
    Disposition,
    EndingAssessment,
    GivenDrug,
    Handover,
    Infusion,
    MeasuredLevel,
    OrderRenewal,
    PreInfusionCheck,
    PumpEvent,
    SignOff,
    VitalSigns,
    WeightCorrection,
)
from sessions.pages.words import pump_words, vitals_words
from sessions.services import ADVERSE_EVENTS, needs_second_weighing, rows

LATE_ENTRY = timedelta(minutes=5)


@dataclass(frozen=True)
class LogEntry:
    """One line. `struck`: taken out or replaced, with the reason in `note`. `pump_event`: may be corrected."""

    observed_at: datetime
    entered_at: datetime
    what: str
    by: str
    kind: str
    note: str = ""
    struck: bool = False
    pump_event: PumpEvent | None = None
    vitals: VitalSigns | None = None
    strike_url: str = ""

    @property
    def entered_late(self) -> bool:
        """Typed more than five minutes after it was seen."""
        return self.entered_at - self.observed_at > LATE_ENTRY


def events_log(infusion: Infusion) -> list[LogEntry]:
    """Every entry, latest first."""
    entries = [
        *_arrival(infusion),
        *_pump(infusion),
        *_vitals(infusion),
        *_checks(infusion),
        *_criteria(infusion),
        *_others(infusion),
        *_chairside(infusion),
        *_endings(infusion),
        *_signatures(infusion),
    ]
    return sorted(entries, key=lambda item: (item.observed_at, item.entered_at), reverse=True)


def changes_since(infusion: Infusion, acts: int) -> list[LogEntry]:
    """The last `acts` entries by the time they were typed: what a person with an old page has not seen."""
    entries = sorted(events_log(infusion), key=lambda item: item.entered_at, reverse=True)
    return entries[: max(1, min(acts, 10))]


def _arrival(infusion: Infusion) -> Iterator[LogEntry]:
    yield LogEntry(
        infusion.arrived_at,
        infusion.arrived_at,
        f"Arrived, {infusion.chair}",
        str(infusion.opened_by),
        "arrival",
    )
    if infusion.weighed_at is not None and infusion.weight_kg is not None:
        at = infusion.weighed_at
        # Blind: whoever weighs a second time does not see the first weight.
        words = "Weighed once" if needs_second_weighing(infusion) else f"Weighed {infusion.weight_kg} kg"
        yield LogEntry(at, at, words, str(infusion.weighed_by), "weight")
    for row in rows.rows(infusion, WeightCorrection, "entered_by"):
        struck = row.superseded_at is not None
        yield LogEntry(
            row.entered_at, row.entered_at, str(row), str(row.entered_by), "weight", row.reason, struck=struck
        )
    if infusion.ordered_at is not None:
        words = f"Ordered {infusion.ordered_mg} mg, bag {infusion.bag_mg_per_ml} mg/mL"
        if infusion.order_cosigned_by is not None:
            words += f", co-signed by {infusion.order_cosigned_by}"
        at = infusion.ordered_at
        yield LogEntry(at, at, words, str(infusion.ordered_by), "order")


def _pump(infusion: Infusion) -> Iterator[LogEntry]:
    lines = rows.rows(infusion, PumpEvent, "entered_by", "withdrawn_by", "replaces")
    replaced = {line.replaces_id for line in lines}
    for event in lines:
        struck = event.withdrawn_at is not None
        note = event.reason
        if struck:
            word = "Corrected" if event.pk in replaced else "Struck out"
            note = f"{word} by {event.withdrawn_by}: {event.withdrawn_reason}"
        elif event.replaces is not None:
            note = f"Correction: {event.reason}"
        yield LogEntry(
            event.observed_at,
            event.entered_at,
            pump_words(infusion, event),
            event.entered_by.full_name,
            "pump",
            note=note,
            struck=struck,
            pump_event=None if struck else event,
        )


def _vitals(infusion: Infusion) -> Iterator[LogEntry]:
    for row in rows.rows(infusion, VitalSigns, "entered_by", "withdrawn_by"):
        struck = row.withdrawn_at is not None
        note = f"Struck out by {row.withdrawn_by}" if struck else row.note
        yield LogEntry(
            row.observed_at,
            row.entered_at,
            vitals_words(row),
            row.entered_by.full_name,
            "vitals",
            note=note,
            struck=struck,
            vitals=None if struck else row,
        )


def _checks(infusion: Infusion) -> Iterator[LogEntry]:
    for item in rows.rows(infusion, PreInfusionCheck, "entered_by"):
        text = eligibility.CHECKS.get(item.kind)
        label = text.label if text else item.kind
        words = f"{label}: {item.get_outcome_display().lower()}"
        struck = item.superseded_at is not None
        yield LogEntry(
            item.observed_at, item.observed_at, words, str(item.entered_by), "check", item.note, struck=struck
        )


def _criteria(infusion: Infusion) -> Iterator[LogEntry]:
    for item in rows.rows(infusion, CriterionResult, "entered_by"):
        answer = value_words(item.criterion, item.value) or item.get_outcome_display()
        label = SHORT[item.criterion] if item.value else CRITERIA.get(item.criterion, item.criterion)
        label = f"{label} before the start" if item.before_start else label
        words = f"{label}: {answer.lower()}"
        struck = item.superseded_at is not None
        yield LogEntry(
            item.observed_at,
            item.entered_at,
            words,
            str(item.entered_by),
            "criterion",
            item.detail,
            struck=struck,
        )


def _others(infusion: Infusion) -> Iterator[LogEntry]:
    for event in rows.rows(infusion, AdverseEvent, "entered_by", "withdrawn_by"):
        label = ADVERSE_EVENTS.get(event.kind, event.kind)
        words = f"Adverse event: {label.lower()} ({event.get_severity_display().lower()})"
        struck = event.withdrawn_at is not None
        yield LogEntry(
            event.observed_at,
            event.entered_at,
            words,
            str(event.entered_by),
            "adverse",
            _struck_note(event) or event.note,
            struck=struck,
            strike_url="" if struck else reverse("adverse_event_strike", args=[event.code]),
        )
    for level in rows.rows(infusion, MeasuredLevel, "entered_by", "withdrawn_by"):
        words = f"Measured level {level.ketamine_ng_ml} ng/mL"
        struck = level.withdrawn_at is not None
        yield LogEntry(
            level.observed_at,
            level.entered_at,
            words,
            str(level.entered_by),
            "level",
            _struck_note(level),
            struck=struck,
            strike_url="" if struck else reverse("measured_level_strike", args=[level.code]),
        )


def _chairside(infusion: Infusion) -> Iterator[LogEntry]:
    for drug in rows.rows(infusion, GivenDrug, "entered_by", "ordered_by", "withdrawn_by"):
        struck = drug.withdrawn_at is not None
        words = f"{drug.drug_name} {drug.dose_mg.normalize():f} mg, ordered by {drug.ordered_by}"
        yield LogEntry(
            drug.observed_at, drug.entered_at, words, str(drug.entered_by), "drug", _struck_note(drug) or drug.note,
            struck=struck, strike_url="" if struck else reverse("given_drug_strike", args=[drug.code]),
        )  # fmt: skip
    for bag in rows.rows(infusion, BagUse, "entered_by", "witness"):
        words = f"Bag lot {bag.lot}, use by {bag.expires_on:%d %b %Y}"
        if bag.waste_mg:
            words += f", {bag.waste_mg.normalize():f} mg wasted before {bag.witness}"
        struck = bag.superseded_at is not None
        yield LogEntry(bag.observed_at, bag.entered_at, words, str(bag.entered_by), "bag", struck=struck)
    for row in rows.rows(infusion, OrderRenewal, "entered_by"):
        words = f"Rest ordered again: {row.remaining_mg.normalize():f} mg"
        yield LogEntry(row.observed_at, row.entered_at, words, str(row.entered_by), "order", row.reason)
    for note in rows.rows(infusion, ChairNote, "entered_by"):
        if note.finished_at is None:
            continue
        quote = note.kind == note.Kind.QUOTE
        words = f"The patient said: “{note.text}”" if quote else f"Note: {note.text}"
        yield LogEntry(note.observed_at, note.finished_at, words, str(note.entered_by), "note")


def _endings(infusion: Infusion) -> Iterator[LogEntry]:
    for row in rows.rows(infusion, Disposition, "entered_by"):
        note = row.condition
        if row.last_seen_at is not None:
            seen = row.last_seen_at.astimezone(ZoneInfo(infusion.site.time_zone))
            note = f"Last seen {seen:%H:%M}: {row.condition}"
        struck = row.superseded_at is not None
        yield LogEntry(
            row.observed_at, row.entered_at, row.get_outcome_display(), str(row.entered_by), "ending", note,
            struck=struck,
        )  # fmt: skip
    for found in rows.rows(infusion, EndingAssessment, "entered_by"):
        words = f"Assessed {found.get_manner_display().lower()}"
        yield LogEntry(
            found.observed_at, found.entered_at, words, str(found.entered_by), "ending", found.words
        )
    for hand in rows.rows(infusion, Handover, "from_nurse", "to_nurse"):
        if hand.accepted_at is None:
            continue
        over = "More patients than planned for one nurse. " if hand.over_capacity else ""
        words = f"Handed over by {hand.from_nurse} to {hand.to_nurse}"
        yield LogEntry(
            hand.offered_at,
            hand.accepted_at,
            words,
            str(hand.to_nurse),
            "handover",
            over + hand.words,
        )


def _struck_note(row: AdverseEvent | MeasuredLevel | GivenDrug) -> str:
    if row.withdrawn_at is None:
        return ""
    return f"Struck out by {row.withdrawn_by}: {row.withdrawn_reason}"


def _signatures(infusion: Infusion) -> Iterator[LogEntry]:
    for row in rows.rows(infusion, SignOff, "signed_by"):
        yield LogEntry(
            row.t_sign, row.signed_at, "Ready to leave; signed", row.signed_name, "signature", _sign_note(row),
            struck=row.superseded_at is not None,
        )  # fmt: skip


def _sign_note(row: SignOff) -> str:
    notes = [
        f"{label}: {text}."
        for label, text in (
            ("Not met", row.unmet_reason.rstrip(".")),
            ("Signed late", row.late_reason.rstrip(".")),
            ("Therapy time stated", row.override_reason.rstrip(".")),
        )
        if text
    ]
    if row.override_voided_at is not None:
        notes.append("The stated therapy time no longer holds: what was recorded since speaks against it.")
    return " ".join(notes)
