"""What prescribers decided about infusions of one series: spacing, the minimum gap, exposure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scheduling.models import TreatmentSeries
from sessions.models import GateAnswer
from sessions.services.before_start import LABELS


@dataclass(frozen=True)
class Decision:
    """One decision: about which infusion, what it lets happen (with the window that is lost), why and who."""

    ordinal: int
    what: str
    reason: str
    who: str
    at: datetime


def decisions_of(series: TreatmentSeries) -> list[Decision]:
    """In the order of the infusions, then of time. Three queries."""
    found = [
        Decision(row.ordinal, row.lost, row.reason, row.decided_by.full_name, row.decided_at)
        for row in series.spacing_decisions.select_related("decided_by")
    ]
    visits = series.appointments.infusions()
    by_visit: dict[object, int] = {}
    by_record: dict[int | None, int] = {}
    for code, ordinal, infusion in visits.values_list("code", "ordinal", "infusion_id"):
        by_visit[code] = ordinal or 0
        by_record[infusion] = ordinal or 0
    about = GateAnswer.objects.current().filter(gate__in=list(LABELS), outcome=GateAnswer.Outcome.OVERRIDDEN)
    rows = about.filter(patient=series.patient_id).select_related("answered_by")
    for row in rows:
        ordinal = by_visit.get(row.visit) or (by_record.get(row.infusion_id) if row.infusion_id else None)
        if ordinal:
            found.append(Decision(ordinal, row.label, row.note, row.answered_by.full_name, row.answered_at))
    return sorted(found, key=lambda item: (item.ordinal, item.at))
