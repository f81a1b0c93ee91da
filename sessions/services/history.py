"""What the patient's history says about clearance: liver disease and drugs that interact.

Codes are those of `sessions/eligibility.py`.
"""

from __future__ import annotations

from patients.models import Contraindication, Patient
from sessions import eligibility
from sessions.models import Infusion
from sessions.services import rows

HEPATIC = eligibility.STATES_A_DELAY
INTERACTING = {
    "strong_cyp_inhibitor": "a strong CYP3A4 or CYP2B6 inhibitor",
    "maoi_or_major_interaction": "an MAO inhibitor or another drug with a major interaction",
}


def _open_kinds(patient: Patient) -> set[str]:
    return set(patient.contraindications.filter(resolved_at__isnull=True).values_list("kind", flat=True))


def said_of_clearance(patient: Patient) -> tuple[bool, tuple[str, ...]]:
    """(an open entry of liver disease, open entries of interacting drugs in words), in one query."""
    return _said_by(_open_kinds(patient))


def of_this_record(infusion: Infusion) -> tuple[bool, tuple[str, ...]]:
    """The same of a record's patient, without a query when the record was read together."""
    read = rows.if_read(infusion, Contraindication)
    return said_of_clearance(infusion.patient) if read is None else _said_by({row.kind for row in read})


def _said_by(found: set[str]) -> tuple[bool, tuple[str, ...]]:
    drugs = tuple(dict.fromkeys(words for kind, words in INTERACTING.items() if kind in found))
    return bool(found & HEPATIC), drugs


def hepatic_disease(patient: Patient) -> bool:
    """An open entry of liver disease."""
    return said_of_clearance(patient)[0]


def interacting_drugs(patient: Patient) -> tuple[str, ...]:
    """Open entries of interacting drugs, in words."""
    return said_of_clearance(patient)[1]
