"""What the board knows of the patients in the chairs now: next vitals, what they ask for, when a chair is free.

The facts come along with the rows (`with_live`), so that the board needs no query for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef
from django.db.models.functions import JSONObject

from sessions import monitoring
from sessions.eligibility import Reading
from sessions.models import AdverseEvent, Disposition, GivenDrug, Infusion, VitalSigns
from sessions.services import advice_on, observed_until, sign_of

VALUES = ("systolic", "diastolic", "heart_rate", "spo2", "moaas")
WORDS = {"stop": "Stop the pump", "pause": "Pause the pump"}


@dataclass(frozen=True)
class LiveChair:
    """One patient in a chair. `free_at`: end of the minimum observation by the live record, never before now.

    `alarm`: what the last reading or an adverse event asks for, in words, with why; empty when nothing.
    """

    infusion: Infusion
    next_vitals_at: datetime | None
    vitals_late: bool
    free_at: datetime | None
    observed: bool
    alarm: str = ""
    why: str = ""


def with_live(rows: Any, infusion: str = "infusion") -> Any:
    """Rows annotated with what `live_chair` reads; `infusion` names the record's key.

    `readings` and `happened` are lists of JSON, oldest first; `sedated` and `gone` (ended otherwise than by discharge)
    are true or false.
    """
    of = {"infusion": OuterRef(infusion)}
    readings = VitalSigns.objects.live().filter(**of).order_by("observed_at")
    events = AdverseEvent.objects.live().filter(**of).order_by("observed_at")
    return rows.annotate(
        readings=ArraySubquery(
            readings.values(json=JSONObject(at="observed_at", **{name: name for name in VALUES}))
        ),
        happened=ArraySubquery(
            events.values(
                json=JSONObject(at="observed_at", kind="kind", severity="severity", over="resolved_at")
            )
        ),
        sedated=Exists(GivenDrug.objects.live().filter(**of, sedating=True)),
        gone=Exists(Disposition.objects.current().filter(**of, outcome__in=Disposition.UNPLANNED)),
    )


def live_chair(record: Infusion, row: Any, now: datetime) -> LiveChair | None:
    """For a record whose pump has run, that is not signed off and whose patient is here; None for any other. No query.

    `row`: whatever `with_live` annotated for it.
    """
    if record.status not in (*Infusion.RUNNING, Infusion.Status.RECOVERING) or row.gone:
        return None
    definition = record.protocol_version.read()
    start = record.started_at or now
    readings = [
        Reading(at=_moment(item["at"]), **{name: item[name] for name in VALUES}) for item in row.readings
    ]
    times = [item.at for item in readings]
    grid = monitoring.vitals_grid(definition.vitals_minutes, start=start, readings=times, now=now)
    due = monitoring.next_due(grid, last_reading=times[-1] if times else None)
    until = observed_until(record, extra=definition.sedative_minutes if row.sedated else 0)
    alarm, why = _alarm(record, readings, row.happened)
    return LiveChair(
        infusion=record,
        next_vitals_at=due,
        vitals_late=due is not None and now > due + monitoring.GRID_TOLERANCE,
        free_at=None if until is None else max(until, now),
        observed=until is not None and until <= now,
        alarm=alarm,
        why=why,
    )


def _alarm(record: Infusion, readings: list[Reading], events: list[dict[str, Any]]) -> tuple[str, str]:
    """(what to do now, why), as the record itself says it."""
    start = record.started_at
    since = [item for item in events if start is not None and _moment(item["at"]) >= start]
    signs = [sign_of(item["kind"], item["severity"], over=item["over"] is not None) for item in since]
    found = advice_on(record, readings, [sign for sign in signs if sign])
    if found.act not in WORDS:
        return "", ""
    words = "Call the prescriber" if record.status == Infusion.Status.RECOVERING else WORDS[found.act]
    if found.act == "pause" and record.status == Infusion.Status.PAUSED:
        words = "Stay paused"
    return words, ", ".join(found.reasons)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
