"""What the patient's history says about clearance: liver disease and drugs that interact.

Codes are those of `sessions/eligibility.py`.
"""

from __future__ import annotations

from patients.models import Patient
from sessions import eligibility

HEPATIC = eligibility.STATES_A_DELAY
INTERACTING = {
    "strong_cyp_inhibitor": "a strong CYP3A4 or CYP2B6 inhibitor",
    "maoi_or_major_interaction": "an MAO inhibitor or another drug with a major interaction",
}


def _open_kinds(patient: Patient) -> set[str]:
    return set(patient.contraindications.filter(resolved_at__isnull=True).values_list("kind", flat=True))


def said_of_clearance(patient: Patient) -> tuple[bool, tuple[str, ...]]:
    """(an open entry of liver disease, open entries of interacting drugs in words), in one query."""
    found = _open_kinds(patient)
    drugs = tuple(dict.fromkeys(words for kind, words in INTERACTING.items() if kind in found))
    return bool(found & HEPATIC), drugs


def hepatic_disease(patient: Patient) -> bool:
    """An open entry of liver disease."""
    return said_of_clearance(patient)[0]


def interacting_drugs(patient: Patient) -> tuple[str, ...]:
    """Open entries of interacting drugs, in words."""
    return said_of_clearance(patient)[1]
