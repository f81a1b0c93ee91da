"""Sheets printed from a record: for the ambulance, and for the patient to take home. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from patients.contraindications import label
from patients.models import Patient
from patients.presenting import interpreter_words, language_name
from sessions.models import Disposition, Infusion, PumpEvent, TreatmentHold
from sessions.pages.words import pump_words, vitals_words
from sessions.services import ADVERSE_EVENTS
from sessions.services.estimates import in_log_order
from staff.emergency import NO_NUMBER, NUMBERS

SHOWN_READINGS = 6


@dataclass(frozen=True)
class AmbulanceSheet:
    """Everything a crew asks, on one page. Times are aware; lists are newest first where they can be long."""

    disposition: Disposition | None
    pump: list[tuple[datetime, str]]
    vitals: list[tuple[datetime, str]]
    drugs: list[tuple[datetime, str]]
    events: list[tuple[datetime, str]]
    history: list[str]
    given_mg: object
    age: int


def ambulance_sheet(infusion: Infusion, now: datetime) -> AmbulanceSheet:
    """Gather the page for the crew."""
    readings = list(infusion.vital_signs.live().order_by("-observed_at", "-pk")[:SHOWN_READINGS])
    return AmbulanceSheet(
        disposition=infusion.dispositions.current().select_related("entered_by").first(),
        pump=[
            (row.observed_at, pump_words(infusion, row)) for row in in_log_order(infusion.pump_events.live())
        ],
        vitals=[(row.observed_at, vitals_words(row)) for row in readings],
        drugs=[
            (row.observed_at, f"{row.drug_name} {row.dose_mg.normalize():f} mg")
            for row in infusion.given_drugs.live()
        ],
        events=[
            (
                row.observed_at,
                f"{ADVERSE_EVENTS.get(row.kind, row.kind)} ({row.get_severity_display().lower()})",
            )
            for row in infusion.adverse_events.live()
        ],
        history=_history(infusion.patient),
        given_mg=infusion.delivered_mg,
        age=infusion.patient.age_on(now.date()),
    )


def _history(patient: Patient) -> list[str]:
    rows = patient.contraindications.filter(resolved_at__isnull=True)
    return [label(row.kind) for row in rows]


@dataclass(frozen=True)
class TakeHomeSheet:
    """What the patient reads at home. `explain`: for staff, when it has to be gone through in another language."""

    phone: str
    emergency: str
    explain: str = ""


def take_home_sheet(infusion: Infusion) -> TakeHomeSheet:
    """Gather the sheet. It never says that the patient may drive."""
    return TakeHomeSheet(
        phone=infusion.site.phone,
        emergency=NUMBERS.get(infusion.site.country, NO_NUMBER),
        explain=_explain(infusion.patient),
    )


def _explain(patient: Patient) -> str:
    """For staff, not on paper: the sheet is in English, so it is gone through with who reads another."""
    spoken = (
        "" if patient.language == "en" else f"The patient's language is {language_name(patient.language)}"
    )
    return ". ".join(part for part in (spoken, interpreter_words(patient)) if part)


def last_pump_line(infusion: Infusion) -> PumpEvent | None:
    """The latest line that stands."""
    lines = in_log_order(infusion.pump_events.live())
    return lines[-1] if lines else None


def hold_lines(holds: list[TreatmentHold]) -> list[dict[str, object]]:
    """Open holds as the record shows them."""
    return [
        {
            "hold": hold,
            "label": hold.get_kind_display(),
            "detail": ADVERSE_EVENTS.get(hold.adverse_event.kind, "") if hold.adverse_event else "",
        }
        for hold in holds
    ]
