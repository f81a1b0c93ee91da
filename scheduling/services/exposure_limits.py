"""Limits of exposure at booking, at every move and at check-in: a prescriber's reason is asked, and kept as an override
of the visit, so that whoever starts the pump is not asked the same again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from patients.models import Patient
from protocols.definition import ProtocolDefinition
from scheduling.domain.intervals import as_utc
from scheduling.models import Appointment
from scheduling.services.rules import VisitRules, named
from scheduling.services.seating import VisitChoice
from sessions.exposure import Treatment, limited
from sessions.models import GateAnswer
from sessions.services import exposure_finding, override_for_visit
from sessions.services.before_start import EXPOSURE
from staff.errors import RuleNotMet
from staff.models import User

CODE, FIELD = "exposure-needs-prescriber", "close_reason"
AHEAD = (*sorted(Appointment.UPCOMING), Appointment.Status.ARRIVED)


def beyond_limits(
    patient: Patient,
    definition: ProtocolDefinition,
    starts: Mapping[int, datetime],
    *,
    mg: Decimal | None = None,
    without: Collection[int] = (),
) -> dict[int, str]:
    """Which of these infusions (start by ordinal) would pass a limit, in words. Booked ones before them count, too."""
    if not limited(definition):
        return {}
    rows = Appointment.objects.infusions().filter(patient=patient, status__in=AHEAD).exclude(pk__in=without)
    planned = [Treatment(row.lower) for row in rows.values_list("during", flat=True)]
    found: dict[int, str] = {}
    for ordinal, start in sorted(starts.items(), key=lambda item: as_utc(item[1])):
        finding = exposure_finding(patient, definition, start, mg=mg, planned=planned)
        if finding is not None:
            found[ordinal] = finding.message
        planned.append(Treatment(start, mg))
    return found


def check_exposure(
    rules: VisitRules,
    wanted: Sequence[VisitChoice],
    reason: str,
    *,
    decided: Iterable[Appointment] = (),
    without: Collection[int] = (),
) -> dict[int, str]:
    """Those to be recorded with `reason`. Raises RuleNotMet unless `rules.by` is a prescriber who gave one.

    decided: visits that move; what was decided about one of them stays decided.
    """
    starts = {item.ordinal: as_utc(item.start) for item in wanted}
    found = beyond_limits(
        rules.who.patient, rules.definition, starts, mg=rules.predicted.dose_mg, without=without
    )
    for visit in decided if found else ():
        if (visit.ordinal or 0) in found and is_decided(visit):
            del found[visit.ordinal or 0]
    if found and not may_decide(rules.by, reason):
        first = min(found)
        with named(first, rules.total, alone=True):
            words = f"{found[first]} A prescriber decides, with a reason, before this is booked."
            raise RuleNotMet(words, code=CODE, field=FIELD)
    return found


def may_decide(by: User, reason: str) -> bool:
    """A prescriber who says why."""
    return by.may("infusion.order") and bool(reason.strip())


def is_decided(visit: Appointment) -> bool:
    """A prescriber has overridden the limit for this visit."""
    rows = GateAnswer.objects.current().filter(visit=visit.code, gate=EXPOSURE)
    return bool(rows.filter(outcome=GateAnswer.Outcome.OVERRIDDEN).exists())


def write_exposure(
    visits: Iterable[Appointment], found: Mapping[int, str], reason: str, *, by: User, at: datetime
) -> None:
    """Record decisions that were checked, one for each visit."""
    for visit in visits:
        words = found.get(visit.ordinal or 0)
        if words is not None:
            override_for_visit(
                patient=visit.patient, site=visit.site, visit=visit.code, gate=EXPOSURE, label=words, note=reason,
                by=by, at=at,
            )  # fmt: skip
