"""The eligibility checklist of a protocol version: what a prescriber goes through before a series. Pure module.

The list is the version's own (`ProtocolDefinition.eligibility`), or the whole list of `sessions/eligibility.py`. Each
line is answered absent, present, or (for a caution) accepted with a reason. A signature holds for every version whose
list and minimum age are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocols.definition import ProtocolDefinition
from sessions.eligibility import CONTRAINDICATIONS, Contraindication
from staff.errors import InvalidInput, RuleNotMet

ABSENT, ACCEPTED = "absent", "accepted"


@dataclass(frozen=True)
class Line:
    """One line as asked. `recorded`: the patient's record names it now, so it cannot be absent."""

    code: str
    known: Contraindication
    recorded: bool

    @property
    def absolute(self) -> bool:
        """It rules treatment out."""
        return self.known.severity == "absolute"


def checklist(definition: ProtocolDefinition) -> tuple[str, ...]:
    """Codes of the version's checklist, in its order."""
    return definition.eligibility or tuple(CONTRAINDICATIONS)


def same_checklist(one: ProtocolDefinition, other: ProtocolDefinition) -> bool:
    """Whether a signature for one version holds for the other: the same lines and the same minimum age."""
    return (
        frozenset(one.eligibility) == frozenset(other.eligibility)
        and one.minimum_age_years == other.minimum_age_years
    )


def lines(definition: ProtocolDefinition, recorded: Mapping[str, str]) -> tuple[Line, ...]:
    """The lines to answer. `recorded` maps the patient's open entries to their severity, which counts; entries that
    the list does not have are added at its end.
    """
    codes = [*checklist(definition), *(code for code in recorded if code not in checklist(definition))]
    return tuple(Line(code, _known(code, recorded.get(code)), code in recorded) for code in codes)


def _known(code: str, severity: str | None) -> Contraindication:
    found = CONTRAINDICATIONS.get(code)
    label = found.label if found else code.replace("_", " ").capitalize()
    source = found.source if found else "Recorded by the clinic"
    weight = severity or (found.severity if found else "caution")
    return Contraindication(label, "absolute" if weight == "absolute" else "caution", source)


def check_answers(asked: Sequence[Line], answers: Mapping[str, str], reason: str) -> None:
    """Raise unless every line is answered and nothing rules treatment out.

    InvalidInput: a line missing, unknown, or answered with another word. RuleNotMet `eligibility-<code>`: an absolute
    contraindication on record; `caution-reason`: a caution accepted without a reason; `recorded`: the record says
    otherwise.
    """
    known = {line.code: line for line in asked}
    for code in answers:
        if code not in known:
            raise InvalidInput("This is not on the checklist.", code="unknown-line", field=code)
    for line in asked:
        answer = answers.get(line.code)
        if answer not in (ABSENT, ACCEPTED):
            raise InvalidInput(f"Answer: {line.known.label}.", code="not-answered", field=line.code)
        if line.absolute and (line.recorded or answer == ACCEPTED):
            raise RuleNotMet(
                f"{line.known.label} rules treatment out. Record it as a contraindication; the list is not signed.",
                code=f"eligibility-{line.code}",
                field=line.code,
            )
        if line.recorded and answer == ABSENT:
            raise RuleNotMet(
                f"{line.known.label} is on record. Accept it with a reason, or close the entry in the record.",
                code="recorded",
                field=line.code,
            )
    if any(answer == ACCEPTED for answer in answers.values()) and not reason.strip():
        raise RuleNotMet(
            "Say why treatment is right in spite of the cautions.", code="caution-reason", field="reason"
        )
