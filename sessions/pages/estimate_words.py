"""The clearance estimate in words: what it was compared with, and what it does not know."""

from __future__ import annotations

from datetime import datetime

from sessions.models import ClearanceEstimate

SHOWN_BESIDE = (
    ("default_p95", "Standard model (Otto 2021)"),
    ("sensitivity_p95", "Slower clearance of older adults (Perez-Ruixo 2021)"),
    ("alternate_at", "Structural check, typical patient (Kamp 2020)"),
)


def compared_times(found: ClearanceEstimate | None) -> list[tuple[str, datetime]]:
    """(label, time) of the models of one estimate; the older-adult one only above 60 years, where the later stands."""
    if found is None or found.t_pk is None or found.aborted:
        return []
    shown = [(label, found.inputs.get(key)) for key, label in SHOWN_BESIDE]
    return [(label, datetime.fromisoformat(text)) for label, text in shown if text]
