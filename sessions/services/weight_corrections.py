"""The weight on a record was wrong, and the pump has run: corrected by a second person, the dose stays a fact."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sessions import signals
from sessions.models import Infusion, WeightCorrection
from sessions.services import estimates
from sessions.services._record import act, locked, moment, need_state, refusals_in_words, touch
from sessions.services.pump import renew_later
from sessions.services.pump_lines import need_words
from staff.errors import InvalidInput, RuleNotMet
from staff.models import User

LEAST_KG, MOST_KG = Decimal(20), Decimal(350)


@act
def correct_weight(
    *,
    infusion: Infusion,
    weight_kg: Decimal,
    reason: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> WeightCorrection:
    """Say the right weight in kg, also after signing. The order and what was given stay; clearance is worked out
    again, an earlier therapy time that no longer holds is voided, and what follows the infusion is planned anew.

    Raises StateConflict before the start (weigh again instead), RuleNotMet for whoever weighed, InvalidInput for a
    weight outside 20 to 350 kg, the weight already on record, or no reason.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(current, Infusion.STARTED, "The pump has not run: weigh the patient again.")
    need_words(reason, "reason", "Say how the weight came to be wrong.")
    if not LEAST_KG <= weight_kg <= MOST_KG:
        raise InvalidInput("Enter a weight of 20 to 350 kg.", code="range", field="weight_kg")
    if by.pk == current.weighed_by_id:
        raise RuleNotMet(
            "Whoever weighed does not correct it: another person does.",
            code="weight-second-person",
            field="weight_kg",
        )
    if weight_kg == estimates.weight_of(current) or current.weight_kg is None:
        raise InvalidInput("This is the weight on record.", code="unchanged", field="weight_kg")
    with refusals_in_words():
        current.weight_corrections.current().update(superseded_at=now)
        row: WeightCorrection = WeightCorrection.objects.create(
            infusion=current,
            recorded_kg=current.weight_kg,
            weight_kg=weight_kg,
            reason=reason.strip()[:200],
            entered_at=now,
            entered_by=by,
        )
        touch(current)
    estimates.renew_estimate(current, estimates.read_log(current), now)
    if current.status == Infusion.Status.SIGNED_OFF:
        signals.tell(signals.infusion_amended, infusion=current, by=by, at=now)
    signals.tell(signals.pump_log_changed, infusion=current, by=by, at=now)
    renew_later(current, by, now)
    return row
