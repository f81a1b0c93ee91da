"""A longer gap than the protocol's own before one infusion: only as far as the version allows, approved by a prescriber
by name, with a reason, and recorded. The planner offers it; nothing takes it silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from protocols.definition import ProtocolDefinition
from scheduling.conflicts import booking_act
from scheduling.models import GapException, TreatmentSeries
from staff.clock import app_now
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StateConflict
from staff.locks import lock
from staff.models import User


def limit_before(definition: ProtocolDefinition, ordinal: int) -> int | None:
    """The longest gap before infusion `ordinal` that may be approved; None where the text allows none."""
    phase = definition.gap_before(ordinal)
    return None if phase is None else phase.long_gap_max_hours


def check_long_gaps(
    definition: ProtocolDefinition, wanted: Mapping[int, int], *, reason: str, by: User
) -> None:
    """Raise unless this person may approve these gaps (hours by ordinal) under this text."""
    if not wanted:
        return
    if not by.may("infusion.order"):
        raise NotAllowed(
            "A prescriber approves a longer gap.", code="needs-prescriber", field="long_gap_reason"
        )
    if not reason.strip():
        raise RuleNotMet("Say why the longer gap is right.", code="reason", field="long_gap_reason")
    for ordinal, hours in wanted.items():
        most = limit_before(definition, ordinal)
        phase = definition.gap_before(ordinal)
        if most is None or phase is None:
            words = f"This protocol allows no longer gap before infusion {ordinal}."
            raise RuleNotMet(words, code="no-long-gap", field="long_gap")
        if not phase.gap_max_hours < hours <= most:
            words = f"A longer gap lies between {phase.gap_max_hours} and {most} h."
            raise InvalidInput(words, code="long-gap-range", field="max_hours")


def write_long_gaps(
    series: TreatmentSeries, wanted: Mapping[int, int], *, reason: str, by: User, at: datetime
) -> None:
    """Record approvals that were checked."""
    GapException.objects.bulk_create(
        GapException(
            series=series,
            ordinal=ordinal,
            max_hours=hours,
            reason=reason.strip()[:200],
            approved_by=by,
            approved_at=at,
        )
        for ordinal, hours in wanted.items()
    )


@booking_act
def approve_long_gap(
    *,
    series: TreatmentSeries,
    ordinal: int,
    max_hours: int,
    reason: str,
    by: User,
    at: datetime | None = None,
) -> GapException:
    """Allow up to `max_hours` before infusion `ordinal` of this series. One approval per infusion.

    Raises NotAllowed, RuleNotMet, InvalidInput, StateConflict (series over, approved before).
    """
    now = at or app_now()
    lock(patients=[series.patient_id])
    current = TreatmentSeries.objects.select_related("protocol_version").get(pk=series.pk)
    if current.status not in TreatmentSeries.LIVE:
        raise StateConflict(f"This series is {current.get_status_display().lower()}.", code="series-over")
    if ordinal not in current.numbers[1:]:
        raise InvalidInput("There is no such gap in this series.", code="ordinal", field="ordinal")
    check_long_gaps(current.protocol_version.read(), {ordinal: max_hours}, reason=reason, by=by)
    if GapException.objects.filter(series=current, ordinal=ordinal).exists():
        raise StateConflict("A longer gap was approved here before.", code="one-long-gap-per-infusion")
    write_long_gaps(current, {ordinal: max_hours}, reason=reason, by=by, at=now)
    return GapException.objects.get(series=current, ordinal=ordinal)
