"""Outcome scores: totals of a licensed instrument, with items only where the licence allows storing them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from patients.models import Patient
from sessions import scoring, signals
from sessions.models import OutcomeScore
from sessions.services._record import act, moment, not_in_future
from staff.errors import InvalidInput
from staff.models import User

PHQ9 = "phq9"
ITEMS_ALLOWED = frozenset({PHQ9, "gad7"})


@act
def record_outcome(
    *,
    patient: Patient,
    instrument: str,
    by: User | None,
    total: int | None = None,
    items: Sequence[int] | None = None,
    item_9: int | None = None,
    taken_at: datetime | None = None,
    at: datetime | None = None,
) -> OutcomeScore:
    """Store a score from its items (PHQ-9, GAD-7) or as a total. `by` None = answered by the patient through
    a link. `item_9`: the PHQ-9's answer about being better off dead, where only the total is entered.

    What staff enter is told on (`outcome_recorded`): item 9 finds a person, as an answer by link does. The same score
    twice is stored once. Raises InvalidInput at `instrument`, `items.N`, `total`, `item_9` or `taken_at`.
    """
    now = moment(at)
    found = scoring.get_instrument(instrument)
    if items is not None and instrument not in ITEMS_ALLOWED:
        raise InvalidInput(
            "Only the total of this instrument is stored.", code="items-not-stored", field="items"
        )
    if items is not None:
        counted = scoring.total(instrument, list(items))
        if total is not None and total != counted:
            raise InvalidInput(f"The items add up to {counted}.", code="total-differs", field="total")
        total = counted
    if total is None:
        raise InvalidInput(f"Enter the total, 0 to {found.highest}.", code="required", field="total")
    checked = scoring.check_total(instrument, total)
    ninth = _item_9(instrument, checked, items, item_9)
    taken = not_in_future(taken_at or now, now, "taken_at")
    values = {
        "instrument": instrument,
        "total": checked,
        "taken_at": taken,
        "entered_by": by,
        "item_9": ninth,
    }
    same: OutcomeScore | None = patient.outcome_scores.filter(**values).first()
    if same is not None:
        return same
    score: OutcomeScore = OutcomeScore.objects.create(
        patient=patient, items=None if items is None else list(items), entered_at=now, **values
    )
    if by is not None:
        signals.tell_score(score, by=by, at=now)
    return score


def _item_9(instrument: str, total: int, items: Sequence[int] | None, answer: int | None) -> int | None:
    """The answer to the PHQ-9's ninth item: from the items, as entered, or 0 with a total of 0. None: not known."""
    if instrument != PHQ9:
        if answer is not None:
            raise InvalidInput("This questionnaire has no such item.", code="no-item-9", field="item_9")
        return None
    counted = None if items is None else int(items[scoring.SUICIDE_ITEM[PHQ9] - 1])
    if answer is None:
        return 0 if counted is None and total == 0 else counted
    if isinstance(answer, bool) or not 0 <= answer <= scoring.INSTRUMENTS[PHQ9].highest_item:
        raise InvalidInput("Item 9 is answered with 0 to 3.", code="range", field="item_9")
    if counted is not None and counted != answer:
        raise InvalidInput(f"Item 9 is {counted} among the items.", code="item-differs", field="item_9")
    if answer > total:
        raise InvalidInput(
            f"Item 9 cannot be more than the total of {total}.", code="over-total", field="item_9"
        )
    return answer
