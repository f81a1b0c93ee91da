"""The one act that brings a visit on, as the board offers it: from booked to signed off.

`ready` is nobody's button: weight and signed order make it. Acts on the pump ask for two identifiers, because the board
shows every patient at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse

from scheduling.models import Appointment
from sessions.models import Infusion
from staff.models import User

Status = Appointment.Status
CHECK_IN, START, STOP = "check-in", "start", "stop"
EARLY = timedelta(hours=2)  # who comes earlier is checked in on the visit's own page


@dataclass(frozen=True)
class NextAct:
    """A button (`act` set) or a link (`url` set). `identify`: name and date of birth are checked with the patient."""

    label: str
    visit: UUID
    name: str
    born: date
    mrn: str
    act: str = ""
    url: str = ""
    version: int = 0
    identify: bool = False
    urgent: bool = False


def next_act(visit: Appointment, user: User, now: datetime) -> NextAct | None:
    """What this person may do next for the visit; None when nothing, or nothing of theirs. No query."""
    record = visit.infusion
    found: dict[str, Any] | None
    if visit.status == Status.BOOKED:
        soon = visit.during.lower - EARLY <= now < visit.during.upper
        may = soon and user.may("appointment.check_in")
        found = {"label": "Check in", "act": CHECK_IN, "version": visit.version} if may else None
    elif record is None or not user.may("infusion.view"):
        found = None
    else:
        found = _on_record(record, user, gone=getattr(visit, "gone", False))
    if found is None:
        return None
    patient = visit.patient
    return NextAct(
        visit=visit.code, name=patient.full_name, born=patient.birth_date, mrn=patient.mrn, **found
    )


def _on_record(record: Infusion, user: User, *, gone: bool) -> dict[str, Any] | None:
    """From the state of the record: prepare, start, stop, discharge, sign. `gone`: ended otherwise, nobody is here."""
    url = reverse("infusion_detail", args=[record.code])
    if not user.may("infusion.record"):
        return None
    pump = {"version": record.version, "identify": True}
    if record.status == Infusion.Status.READY:
        return {"label": "Start the pump", "act": START, **pump}
    if record.status in Infusion.BEFORE_START:
        if record.weight_kg is None:
            return {"label": "Weigh", "url": f"{url}#before-start"}
        return (
            {"label": "Prepare", "url": url}
            if record.ordered_mg
            else {"label": "Get the order", "url": f"{url}#order"}
        )
    if record.status == Infusion.Status.INFUSING:
        return {"label": "Stop the pump", "act": STOP, "urgent": True, **pump}
    if record.status == Infusion.Status.PAUSED:
        return {"label": "Resume or stop", "url": f"{url}#pump"}
    if record.status == Infusion.Status.RECOVERING:
        if gone:
            return {"label": "See how it ended", "url": f"{url}#ending"}
        if user.may("infusion.sign_off"):
            return {"label": "Sign off", "url": reverse("infusion_sign_off", args=[record.code])}
        return {"label": "Criteria to leave", "url": f"{url}#discharge"}
    return None
