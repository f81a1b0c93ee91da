"""One step of a visit from the board of all chairs: checked in, pump started, pump stopped.

The board shows every patient at once, so an act on a pump says that name and date of birth were checked with the
patient. What the step does is done by the same services as on the record, with their rules.
"""

from __future__ import annotations

from scheduling.board_acts import CHECK_IN, START, STOP
from scheduling.models import Appointment
from scheduling.services.visits import check_in
from sessions import services as facts
from sessions.models import Infusion
from staff.errors import InvalidInput, StateConflict
from staff.models import User

NOT_IDENTIFIED = "Check name and date of birth with the patient first, and tick the box."


def advance_visit(
    *, visit: Appointment, step: str, by: User, expected_version: int, identified: bool = False
) -> Infusion:
    """Do `step` (check-in, start or stop) for the visit; a check-in that was done already gives the same record.

    `expected_version` is the visit's for a check-in, the record's for a start; a stop is taken from an old board, too.
    Raises InvalidInput for another step
    and at `identified`, StateConflict before the check-in, and whatever the services of the step refuse.
    """
    if step == CHECK_IN:
        if visit.infusion is not None:
            return visit.infusion
        return check_in(appointment=visit, by=by, expected_version=expected_version)
    if step not in (START, STOP):
        raise InvalidInput("Choose what to do.", code="unknown-step", field="act")
    if visit.infusion is None:
        raise StateConflict("The patient is not checked in yet.", code="not-arrived")
    if not identified:
        raise InvalidInput(NOT_IDENTIFIED, code="not-identified", field="identified")
    version = None if step == STOP else expected_version
    facts.record_pump_event(infusion=visit.infusion, kind=step, by=by, expected_version=version)
    return visit.infusion
