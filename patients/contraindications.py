"""The list from which contraindications are recorded: that of the eligibility rules, and "something else".

Pure module. Weight and source of each entry are in `sessions/eligibility.py`; the weight is where the form
starts, a prescriber may record another one.
"""

from __future__ import annotations

from sessions.eligibility import CONTRAINDICATIONS, Contraindication

OTHER = "other"
KINDS: dict[str, Contraindication] = {
    **CONTRAINDICATIONS,
    OTHER: Contraindication("Something else", "caution", "Recorded by the clinic"),
}


def label(kind: str) -> str:
    """The words for a stored code; an unknown code is shown as it is rather than hidden."""
    return KINDS[kind].label if kind in KINDS else kind.replace("_", " ").capitalize()
