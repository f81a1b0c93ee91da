"""The kinds of findings of the protocol review: how grave, why, and from which source. Pure module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from protocols.lexicon import Finding as Words

Severity = Literal["block", "warn"]
HOUSE = "House rule"
REGIMENS = "Clinical report C1: 0.1 to 1.0 mg/kg, 30 to 100 minutes, 36 hours apart, three a week at most"


@dataclass(frozen=True)
class Finding:
    """One thing to mend or to judge.

    `field`: a path of the definition ("dose.mg_per_kg"), or `consent`, `education`, `next_review_on`. For a word of
    the lexicon `words` is its place in that field's text.
    """

    severity: Severity
    code: str
    message: str
    reason: str
    source: str
    field: str
    words: Words | None = None

    @property
    def blocks(self) -> bool:
        """Whether it keeps the version from being published."""
        return self.severity == "block"


@dataclass(frozen=True)
class Kind:
    """How grave a kind of finding is, why it matters, and who says so."""

    severity: Severity
    reason: str
    source: str


KINDS: dict[str, Kind] = {
    "without-reason": Kind(
        "block",
        "A compromise in dose, duration or route needs a stated reason with its evidence.",
        "CANMAT (Swainson 2021): level 1 for one IV infusion of 0.5 mg/kg over 40 minutes",
    ),
    "reason-unknown": Kind("block", "Reasons are coded, so that they can be counted.", HOUSE),
    "reason-idle": Kind("warn", "It says something that the numbers do not.", HOUSE),
    "route-without-time": Kind(
        "block",
        "The models were made from infusions into a vein and say nothing about another route.",
        "Otto 2021; Perez-Ruixo 2021: intravenous data",
    ),
    "limits-order": Kind("block", "Start, pause and stop must get stricter in turn.", "Clinical report C4"),
    "no-review-date": Kind("block", "A text that nobody looks at again grows old unseen.", HOUSE),
    "missed-unseen": Kind("block", "What counts and was missed is on a person's list.", HOUSE),
    "no-review-point": Kind(
        "warn",
        "Response, bladder symptoms, interval and dose are looked at before a series goes on.",
        "CANMAT (Swainson 2021); Andrade 2017",
    ),
    "maintenance-unreviewed": Kind(
        "warn", "The bladder and the need to go on are asked about at regular intervals.", "Andrade 2017"
    ),
    "hard-rule": Kind("block", "A hard limit.", REGIMENS),
    "high-dose": Kind(
        "warn",
        "Above the usual range; responses are described up to 0.75 mg/kg.",
        "Andrade 2017 J Clin Psychiatry",
    ),
    "titration-half": Kind("block", "Without a cap the dose could rise without end.", REGIMENS),
    "no-observation": Kind("block", "Two hours from the start at least.", "Esketamine label"),
    "no-nurse": Kind("block", "Monitoring by a licensed person throughout.", "ASA statement; Sanacora 2017"),
    "weekdays-never-fit": Kind("block", "The series could never be booked.", HOUSE),
    "cap-cannot-hold": Kind(
        "block",
        "Spacing, session rule and weekly limit cannot all hold.",
        "Decisions 1.14; clinical report D2",
    ),
    "no-driving-message": Kind("warn", "No driving until the next day after sleep.", "Esketamine label"),
    "consent-incomplete": Kind(
        "block", "A consent without it is not informed.", "Clinical report F; Sanacora 2017"
    ),
    "teach-back-incomplete": Kind("block", "What was understood is asked back in three questions.", HOUSE),
    "duplicate": Kind("warn", "Two of one name cannot be told apart.", HOUSE),
    "check-missing": Kind(
        "warn", "It is asked before every start in any case; the list should say so.", "Clinical report C3"
    ),
    "close": Kind("warn", "Not studied; windows after the infusion get cut.", REGIMENS),
    "too-many-a-week": Kind("block", "More has no evidence and raises exposure.", REGIMENS),
    "window-too-short": Kind(
        "block", "Its earliest start and duration end after it counts as missed.", HOUSE
    ),
    "told-too-late": Kind("block", "Who could still act would hear of it when the window is over.", HOUSE),
    "lead-before-pool": Kind(
        "warn", "The prescriber would be asked before the other therapists were.", HOUSE
    ),
    "before-cleared": Kind(
        "block",
        "Therapy and practice wait until the drug has cleared and a clinician has signed.",
        "Clinical report C6 and F",
    ),
    "unmarked-therapy": Kind(
        "block", "Unmarked, it would not be kept out of the no-therapy period.", "Clinical report F"
    ),
    "dissociation-as-outcome": Kind(
        "block", "Depth of dissociation is safety data, never a target or an outcome.", "Clinical report F"
    ),
    "no-basis": Kind("block", "Every protocol names what it rests on.", HOUSE),
    "no-grade": Kind("block", "Every element says how well founded it is.", HOUSE),
    "no-source": Kind("warn", "Every element says what it rests on.", HOUSE),
    "no-document": Kind("block", "Patients consent to a text, and are taught from one.", "Clinical report F"),
    "staff-overlap": Kind("warn", "One person is planned for each of them.", HOUSE),
}


def finding(code: str, message: str, field: str) -> Finding:
    """A finding of a known kind."""
    kind = KINDS[code]
    return Finding(kind.severity, code, message, kind.reason, kind.source, field)
