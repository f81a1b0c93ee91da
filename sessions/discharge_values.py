"""Coded answers of discharge criteria, and what each means for leaving. Pure module.

Source: clinic-day 18, clinical C5. Gait is compared with how the patient walked before the start, so that a wheelchair
is no obstacle and a new unsteadiness is; an escort that is on the way, or licensed transport with an adult at home, is
an agreed alternative and no override; intent that is new or worse today waits for a prescriber.
"""

from __future__ import annotations

from typing import Literal

from staff.errors import InvalidInput

Outcome = Literal["met", "unmet"]

GAIT = {
    "steady": "Walks steadily",
    "with_aid": "Walks with an aid or an arm",
    "wheelchair": "Uses a wheelchair",
    "unsteady": "Unsteady",
}
ESCORT = {
    "adult_present": "Adult present",
    "adult_phoned": "Named adult phoned and on the way",
    "transport_and_adult_home": "Licensed transport, named adult at home",
    "stays_until_cleared": "Stays in the clinic until the drug has cleared",
    "nobody": "Nobody yet",
}
INTENT = {
    "none": "No suicidal intent",
    "unchanged": "Present before, not new and not worse",
    "new_or_worse": "New or worse today: a prescriber assesses",
    "assessed": "Assessed by a prescriber: may leave",
}
NEW_INTENT, ASSESSED = "new_or_worse", "assessed"
SCALES = {"aldrete": "Modified Aldrete", "padss": "PADSS"}
BEST_SCORE = 10
SCORES = {
    f"{scale}:{score}": f"{name} {score}"
    for scale, name in SCALES.items()
    for score in range(BEST_SCORE, -1, -1)
}
VALUES: dict[str, dict[str, str]] = {
    "gait": GAIT,
    "escort": ESCORT,
    "suicidality": INTENT,
    "recovery_score": SCORES,
}
SHORT = {
    "gait": "Walking",
    "escort": "Escort",
    "suicidality": "Suicidal intent",
    "recovery_score": "Recovery score",
}
# How things were before the start is asked for these; scores and readings have their baseline in the vitals.
BASELINES = {"gait": {key: GAIT[key] for key in ("steady", "with_aid", "wheelchair")}}
USUAL = {"gait": "steady", "escort": "adult_present", "suicidality": "none"}
NEEDS_WORDS = {
    ("escort", "adult_phoned"): "Name the adult who was phoned.",
    ("escort", "transport_and_adult_home"): "Name the transport and the adult at home.",
    ("suicidality", ASSESSED): "Write the assessment in one line.",
}
# Worse to better; who needed a wheelchair before may leave with an aid, not the other way round.
MOBILITY = ("unsteady", "wheelchair", "with_aid", "steady")


def value_outcome(code: str, value: str, *, before: str = "", least: dict[str, int] | None = None) -> Outcome:
    """Whether this coded answer meets its criterion. `before`: the answer before the start, where one was recorded.

    `least`: the score that each scale needs. Raises InvalidInput for a value the criterion does not have.
    """
    if value not in VALUES.get(code, {}):
        raise InvalidInput("Choose one of the answers.", code="unknown-value", field="value")
    if code == "gait":
        return _gait(value, before)
    if code == "recovery_score":
        scale, _, score = value.partition(":")
        return "met" if int(score) >= (least or {}).get(scale, BEST_SCORE) else "unmet"
    return "unmet" if value in ("nobody", NEW_INTENT) else "met"


def _gait(value: str, before: str) -> Outcome:
    if value == "unsteady":
        return "unmet"
    usual = before or "steady"
    return "met" if MOBILITY.index(value) >= MOBILITY.index(usual) else "unmet"


def value_words(code: str, value: str) -> str:
    """The answer on screen; empty when there is none."""
    return VALUES.get(code, {}).get(value, "")
