"""How a patient is shown: the identity banner of every page about one, and the chips of contact addresses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from patients.contraindications import label
from patients.models import ContactPoint, Contraindication, Patient

STATUS_TONES = {"active": "success", "inactive": "neutral", "deceased": "neutral"}


def local_day(patient: Patient, at: datetime) -> date:
    """The patient's site's calendar day at `at` (aware)."""
    return at.astimezone(ZoneInfo(patient.site.time_zone)).date()


def banner(
    patient: Patient,
    *,
    today: date,
    contraindications: Iterable[Contraindication] = (),
    similar: int = 0,
    facts: Iterable[tuple[str, object]] = (),
) -> dict[str, Any]:
    """What `{% patient_banner %}` draws: two identifiers, age, and what everybody must know before acting."""
    chips = [] if patient.status == Patient.Status.ACTIVE else [status_chip(patient)]
    alerts = [
        {"text": label(item.kind), "tone": "warning"}
        for item in contraindications
        if item.resolved_at is None and item.severity == Contraindication.Severity.ABSOLUTE
    ]
    if words := interpreter_words(patient):
        alerts.insert(0, {"text": words, "tone": "info"})
    if similar:
        alerts.append({"text": "Similar name on file", "tone": "warning"})
    return {
        "name": patient.full_name,
        "birth_date": patient.birth_date,
        "age": patient.age_on(today),
        "mrn": patient.mrn,
        "code": patient.code,
        "url": reverse("patient_detail", args=[patient.code]),
        "chips": chips,
        "alerts": alerts,
        "facts": list(facts),
    }


def interpreter_words(patient: Patient) -> str:
    """`Interpreter: Turkish`, for every card of the patient; "" when none is needed."""
    return f"Interpreter: {patient.interpreter}" if patient.interpreter else ""


def language_name(code: str) -> str:
    """A language as people call it; an unknown code as it is."""
    return str(dict(settings.LANGUAGES).get(code, code))


def status_chip(patient: Patient) -> dict[str, str]:
    """Word and tone of the patient's status."""
    return {"word": patient.get_status_display(), "tone": STATUS_TONES[patient.status]}


def contact_chips(point: ContactPoint) -> list[dict[str, str]]:
    """Whether messages may go to this address, and if not, what is missing."""
    if point.opted_out_at:
        return [{"word": "Opted out", "tone": "neutral"}]
    chips = [] if point.verified_at else [{"word": "Not verified", "tone": "warning"}]
    if not point.consented_at:
        chips.append({"word": "No consent to messages", "tone": "warning"})
    return chips or [{"word": "In use", "tone": "success"}]
