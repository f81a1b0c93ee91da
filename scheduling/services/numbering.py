"""Which infusions of a protocol a series books: all of them, or those after infusions that were given elsewhere.

Treatment elsewhere that is on record counts in the numbering (clinic-day 38): who comes with three of six goes on with
infusion 4 of 6. How many of what is on record belong to this course is the word of whoever books.
"""

from __future__ import annotations

from collections.abc import Sequence

from patients.models import Patient
from staff.errors import InvalidInput, RuleNotMet

MOST_VISITS = 60


def check_numbering(patient: Patient, ordinals: Sequence[int], visits: int) -> None:
    """`ordinals`, in order, are the last infusions of a protocol of `visits`, without a hole; `check_given_elsewhere`
    for those before them. Raises InvalidInput `visits`.
    """
    first = ordinals[0] if ordinals else 0
    if (
        len(ordinals) > MOST_VISITS
        or not 1 <= first <= visits
        or list(ordinals) != list(range(first, visits + 1))
    ):
        words = f"Give each of the {visits} infusions of this protocol one date, or each after those given elsewhere."
        raise InvalidInput(words, code="visits", field="visits")
    check_given_elsewhere(patient, first - 1, visits)


def check_given_elsewhere(patient: Patient, given: int, visits: int) -> None:
    """At least one infusion is left, and as many treatments are on record. Raises InvalidInput or RuleNotMet, both
    `given-elsewhere`.
    """
    if given == 0:
        return
    if not 0 < given < visits:
        words = f"0 to {visits - 1}: the protocol has {visits} infusions, and at least one is left to give."
        raise InvalidInput(words, code="given-elsewhere", field="given_elsewhere")
    on_record = patient.prior_exposures.counted()
    if given > on_record:
        found = f"only {on_record} on record" if on_record else "nothing of it is on record"
        words = (
            f"{given} given elsewhere, but {found}. Record the earlier treatment on the patient's page first."
        )
        raise RuleNotMet(words, code="given-elsewhere", field="given_elsewhere")
