"""How versions are shown: status chips, review dates, and the few numbers everybody looks for first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from protocols.models import OutsideReview, ProtocolVersion
from protocols.review_kinds import Finding
from protocols.sheet_boxes import boxes, lists
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


def cautions(version: ProtocolVersion, today: date) -> list[tuple[str, str]]:
    """(what, what it means) for everybody who books or treats on this version; empty when all is in order."""
    found = []
    if version.held:
        found.append(("On hold", "This version was withdrawn for safety: no infusion starts on it."))
    elif version.status == Status.RETIRED:
        found.append(("Version retired", "Series that run finish on it; nothing new is planned."))
    if version.status == Status.ACTIVE and version.next_review_on and version.next_review_on < today:
        found.append(("Review overdue", f"Its review was due on {version.next_review_on:%-d %B %Y}."))
    if version.approval == ProtocolVersion.Approval.SOLE:
        found.append(("No second reviewer", "Its author approved it alone, 24 hours after submitting it."))
    return found


def approver(version: ProtocolVersion) -> str:
    """Who approved it, in words: a colleague, or an outside reviewer with their registration; "" while nobody has."""
    if version.approval == ProtocolVersion.Approval.OUTSIDE:
        signer = getattr(version, "outside_signer", None)
        return f"{signer} (outside reviewer)" if signer else "an outside reviewer"
    return version.approved_by.full_name if version.approved_by else ""


def line(version: ProtocolVersion, today: date) -> dict[str, Any]:
    """One rung of the version ladder."""
    return {
        "version": version,
        "chip": status_chip(version),
        "review": review_chip(version, today),
        "sole": version.approval == ProtocolVersion.Approval.SOLE,
        "approver": approver(version),
    }


OUTSIDE_CHIPS = {
    "approved": ("Approved", "success"),
    "returned": ("Returned", "warning"),
    "ended": ("Ended", "neutral"),
    "over": ("Run out", "neutral"),
    "unsent": ("Not sent", "danger"),
    "waits": ("Waiting", "pending"),
}


def outside_lines(reviews: Iterable[OutsideReview], now: datetime) -> list[dict[str, Any]]:
    """The links of outside reviewers as the page shows them; `open`: it can still be sent again or taken back."""
    found = []
    for review in reviews:
        if review.answer:
            state = review.answer
        elif review.ended_at is not None:
            state = "ended"
        elif review.expires_at <= now:
            state = "over"
        else:
            state = "waits" if review.handed_over_at else "unsent"
        found.append(
            {
                "review": review,
                "chip": OUTSIDE_CHIPS[state],
                "open": state in ("waits", "unsent"),
                "state": state,
            }
        )
    return found


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


def finding_lines(found: Iterable[Finding], *, in_draft: bool) -> list[dict[str, Any]]:
    """Findings of the review as a page shows them: where the field is, and what one click would put there.

    `anchor`: the id of its box in the editor, "" for a document.
    """
    return [
        {
            "finding": item,
            "chip": ("Must be mended", "danger") if item.blocks else ("Look again", "warning"),
            "document": item.field if item.field in ("consent", "education") else "",
            "anchor": anchor(item.field),
            "where": where(item.field),
            "start": item.words.start if item.words else None,
            "match": item.words.match if item.words else "",
            "term": item.words.term if item.words and in_draft and not item.blocks else None,
        }
        for item in found
    ]


def anchor(field: str) -> str:
    """The id of the editor's box for a path of the definition: "phases.0.name" -> "id_phases.r1.name"."""
    if field in ("consent", "education", "next_review_on"):
        return ""
    parts = [f"r{int(part) + 1}" if part.isdecimal() else part for part in field.split(".")]
    return f"id_{'.'.join(parts)}"


def where(field: str) -> str:
    """The field as the editor labels it: "Follow-ups, 3: Earliest"."""
    first, *rest = field.split(".")
    rows = lists().get(first)
    if rows is not None:
        number = f", {int(rest[0]) + 1}" if rest and rest[0].isdecimal() else ""
        label = next((box.label for box in rows.boxes if rest and box.name == rest[-1]), "")
        return f"{rows.label}{number}" + (f": {label}" if label else "")
    box = boxes().get(field)
    names = {"consent": "Consent text", "education": "Education text", "next_review_on": "Next review"}
    return box.label if box else names.get(field, field.replace("_", " ").capitalize())
