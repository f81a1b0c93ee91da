"""Coded reasons for changing a plan, and how they are stored: one sentence that begins with the coded words.

Postpone (move or cancel), skip and end are three different acts with lists of their own. `initiator` is who
asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from staff.errors import InvalidInput

MOVE = {
    "patient-asked": "Another time suits the patient better",
    "patient-unwell": "Patient unwell",
    "escort": "No escort on that day",
    "staff": "Staff not available",
    "chair": "Chair or equipment not available",
    "late": "Running late",
    "clinical": "Clinical decision",
    "displaced": "An earlier visit ran over",
}
CANCEL = {
    "patient-asked": "Patient cannot come",
    "patient-unwell": "Patient unwell",
    "escort": "No escort on that day",
    "staff": "Staff not available",
    "closure": "Clinic closed",
    "clinical": "Clinical decision",
}
OMIT = {
    "responded": "Enough response already",
    "adverse-effects": "Adverse effects",
    "patient-declined": "Patient declines this infusion",
    "clinical": "Clinical decision",
}
END = {
    "no-response": "No response",
    "responded": "Enough response already",
    "adverse-effects": "Adverse effects",
    "patient-declined": "Patient declines further treatment",
    "contraindication": "Contraindication found",
    "moved-away": "Patient moved away",
    "deceased": "Patient died",
    "clinical": "Clinical decision",
}
PAUSE = {
    "admitted": "Patient is in hospital",
    "adverse-effects": "Adverse effects to be looked into",
    "patient-asked": "Patient asks for a rest",
    "travel": "Patient is away",
    "authorisation": "Authorisation or funding is open",
    "clinical": "Clinical decision",
}
NO_SHOW = {
    "no-contact": "Did not come, no contact",
    "late-notice": "Did not come, gave notice too late",
    "turned-away": "Came, but could not be treated today",
}
EXTRA = {
    "early-return": "Symptoms return early",
    "partial-response": "Partial response",
    "maintenance": "Maintenance",
    "clinical": "Clinical decision",
}
FOR_UNDO = "Kept for two minutes, so that the change can be undone."
INITIATORS = {"patient": "the patient", "clinic": "the clinic", "clinician": "the clinician"}


def in_words(table: Mapping[str, str], code: str, *, initiator: str, note: str = "") -> str:
    """`Patient unwell (asked by the patient). Fever since Monday.` Raises InvalidInput for an unknown code."""
    if code not in table:
        raise InvalidInput("Choose a reason.", code="reason", field="reason")
    if initiator not in INITIATORS:
        raise InvalidInput("Say who asked for it.", code="initiator", field="initiator")
    words = f"{table[code]} (asked by {INITIATORS[initiator]})"
    extra = note.strip()
    if len(extra) > 110:
        raise InvalidInput("Keep the note below 110 characters.", code="too-long", field="note")
    return f"{words}. {extra}" if extra else words


MOVE_CODES, CANCEL_CODES = sorted(MOVE), sorted(CANCEL)  # as the API describes them
