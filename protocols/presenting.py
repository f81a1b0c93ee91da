"""How versions are shown: status chips, review dates, and the few numbers everybody looks for first."""

from __future__ import annotations

from datetime import date
from typing import Any

from protocols.models import ProtocolVersion
from protocols.wording import plain_number

Status = ProtocolVersion.Status
CHIPS: dict[str, tuple[str, str, str]] = {
    Status.DRAFT: ("Draft", "neutral", "pencil"),
    Status.IN_REVIEW: ("In review", "pending", "hourglass"),
    Status.ACTIVE: ("Active", "success", "circle-check"),
    Status.SUPERSEDED: ("Superseded", "neutral", "history"),
    Status.RETIRED: ("Retired", "neutral", "archive"),
}


def status_chip(version: ProtocolVersion) -> dict[str, str]:
    """Word, tone and icon of a version's status."""
    word, tone, icon = CHIPS[version.status]
    return {"word": word, "tone": tone, "icon": icon}


def review_chip(version: ProtocolVersion, today: date) -> dict[str, str] | None:
    """A warning when the review of an active version is overdue; None otherwise."""
    due = version.next_review_on
    if version.status != Status.ACTIVE or due is None or due >= today:
        return None
    return {"word": "Review overdue", "tone": "warning", "icon": "calendar-clock"}


def line(version: ProtocolVersion, today: date) -> dict[str, Any]:
    """One rung of the version ladder."""
    return {
        "version": version,
        "chip": status_chip(version),
        "review": review_chip(version, today),
        "sole": version.approval == ProtocolVersion.Approval.SOLE,
    }


def key_facts(version: ProtocolVersion) -> list[tuple[str, str]]:
    """Dose, duration, visits and spacing: what a prescriber compares."""
    text = version.read()
    gaps = sorted({phase.gap_target_hours for phase in text.phases if phase.visits > 1})
    facts = [
        ("Dose", f"{plain_number(text.dose.mg_per_kg)} mg/kg"),
        ("Over", f"{text.dose.infusion_minutes} min"),
        ("Infusion visits", str(text.visits)),
    ]
    if gaps:
        facts.append(("Aim between starts", ", ".join(f"{hours} h" for hours in gaps)))
    facts.append(("Observation", f"{text.discharge.observe_from_start_minutes} min from the start"))
    return facts
