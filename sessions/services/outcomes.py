"""Outcome scores: totals of a licensed instrument, with items only where the licence allows storing them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from patients.models import Patient
from sessions import scoring
from sessions.models import OutcomeScore
from sessions.services._record import act, moment, not_in_future
from staff.errors import InvalidInput
from staff.models import User

ITEMS_ALLOWED = frozenset({"phq9", "gad7"})


@act
def record_outcome(
    *,
    patient: Patient,
    instrument: str,
    by: User | None,
    total: int | None = None,
    items: Sequence[int] | None = None,
    taken_at: datetime | None = None,
    at: datetime | None = None,
) -> OutcomeScore:
    """Store a score from its items (PHQ-9, GAD-7) or as a total. `by` None = answered by the patient through
    a link.

    Raises InvalidInput at `instrument`, `items.N`, `total` or `taken_at`. The same score twice is stored
    once.
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
    taken = not_in_future(taken_at or now, now, "taken_at")
    values = {"instrument": instrument, "total": checked, "taken_at": taken, "entered_by": by}
    same: OutcomeScore | None = patient.outcome_scores.filter(**values).first()
    if same is not None:
        return same
    score: OutcomeScore = OutcomeScore.objects.create(
        patient=patient, items=None if items is None else list(items), entered_at=now, **values
    )
    return score
