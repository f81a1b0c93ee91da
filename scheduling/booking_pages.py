"""How bookings are shown: the words and tones of their states, and the rows of the series and visit pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from patients.models import Patient
from patients.presenting import banner, local_day
from protocols.models import ProtocolVersion
from scheduling.domain.localtime import local_date
from scheduling.loaders import zone_of
from scheduling.models import Appointment, TreatmentSeries
from scheduling.reasons import FOR_UNDO
from sessions.models import Infusion
from sessions.pages.words import STATES
from sessions.services import eligibility_in_force, standing_eligibility
from staff.clock import app_now
from staff.models import User

Status = Appointment.Status
CHIPS: dict[str, tuple[str, str, str]] = {
    Status.RESERVED: ("Slot reserved", "pending", "timer"),
    Status.PROVISIONAL: ("Planned", "pending", "calendar-clock"),
    Status.BOOKED: ("Booked", "neutral", "calendar-check"),
    Status.ARRIVED: STATES[Infusion.Status.ARRIVED],  # one state, one look: as on the record
    Status.INFUSING: STATES[Infusion.Status.INFUSING],
    Status.RECOVERING: STATES[Infusion.Status.RECOVERING],
    Status.IN_PROGRESS: ("In progress", "info", "play"),
    Status.COMPLETED: ("Completed", "success", "circle-check"),
    Status.CANCELLED: ("Cancelled", "neutral", "calendar-x"),
    Status.OMITTED: ("Skipped", "neutral", "skip-forward"),
    Status.NO_SHOW: ("Did not attend", "warning", "user-x"),
    Status.DISPLACED: ("Needs a new time", "warning", "calendar-sync"),
}
SERIES_CHIPS = {
    TreatmentSeries.Status.ACTIVE: ("Active", "success"),
    TreatmentSeries.Status.PAUSED: ("Paused", "warning"),
    TreatmentSeries.Status.COMPLETED: ("Completed", "neutral"),
    TreatmentSeries.Status.ENDED: ("Ended early", "neutral"),
}


@dataclass(frozen=True)
class Chip:
    """A state: word, tone and icon."""

    word: str
    tone: str
    icon: str = ""


def chip_of(visit: Appointment, now: datetime | None = None) -> Chip:
    """The state of a visit in words; a booked one is late after its start, and without a record after its end. Whoever
    left otherwise than by discharge (`gone`, where the rows say so) recovers no longer.
    """
    if visit.status == Status.RECOVERING and getattr(visit, "gone", False):
        return Chip("Ended otherwise", "warning", "triangle-alert")
    if now is not None and visit.status == Status.BOOKED and visit.during.lower < now:
        over = visit.during.upper <= now
        return (
            Chip("Not recorded", "warning", "file-question-mark")
            if over
            else Chip("Late", "warning", "clock-alert")
        )
    return Chip(*CHIPS[visit.status])


def series_chip(series: TreatmentSeries) -> Chip:
    """The state of a series in words."""
    return Chip(*SERIES_CHIPS[TreatmentSeries.Status(series.status)])


def patient_banner(visit_or_series: Any, now: datetime) -> dict[str, Any]:
    """The identity banner of a page about one patient's booking."""
    patient = visit_or_series.patient
    return banner(patient, today=local_day(patient, now))


def resource_name(visit: Appointment, kind: str) -> str:
    """The name of the visit's chair, nurse or prescriber; empty once released. Uses what `for_page` prefetched."""
    found = [row.resource.name for row in visit.resource_bookings.all() if row.resource.kind == kind]
    return found[0] if found else ""


def chair_of(visit: Appointment) -> str:
    """The chair booked, or the one that was really used once the record says so."""
    if visit.infusion is not None and visit.infusion.chair:
        return str(visit.infusion.chair)
    return resource_name(visit, "chair")


def title_of(visit: Appointment) -> str:
    """`Infusion visit 3 of 6`, `Therapy session`."""
    if visit.kind == Appointment.Kind.INFUSION and visit.series is not None:
        return f"Infusion visit {visit.ordinal} of {visit.series.visits}"
    if visit.reason == FOR_UNDO:
        return "Place kept two minutes for undo"
    return str(visit.get_kind_display())


@dataclass(frozen=True)
class VisitRow:
    """One line of the series page. visit None: an infusion without a date."""

    ordinal: int
    visit: Appointment | None
    chip: Chip
    chair: str
    nurse: str
    url: str
    therapy_from: datetime | None
    estimate: bool
    note: str
    therapy: tuple[Appointment, ...]


def series_rows(series: TreatmentSeries, visits: Iterable[Appointment], now: datetime) -> list[VisitRow]:
    """One row per infusion of the series, with the date that counts and the therapy booked after it."""
    found = list(visits)
    therapy: dict[int | None, list[Appointment]] = {}
    for item in found:
        if item.kind == Appointment.Kind.THERAPY and item.status in (*Appointment.BLOCKING, Status.COMPLETED):
            therapy.setdefault(item.ordinal, []).append(item)
    return [
        _row(number, _that_counts(found, number), tuple(therapy.get(number, ())), now)
        for number in series.numbers
    ]


def _that_counts(visits: list[Appointment], number: int) -> Appointment | None:
    """The visit that stands for an infusion: the one that happens or needs a time, else the last that did not."""
    mine = [item for item in visits if item.kind == Appointment.Kind.INFUSION and item.ordinal == number]
    gone = (Status.CANCELLED, Status.OMITTED, Status.NO_SHOW)
    return next((item for item in mine if item.status not in gone), mine[-1] if mine else None)


def _row(number: int, visit: Appointment | None, therapy: tuple[Appointment, ...], now: datetime) -> VisitRow:
    if visit is None:
        return VisitRow(
            number, None, Chip("No date", "warning", "calendar-x"), "", "", "", None, True, "", therapy
        )
    undated = visit.status in (Status.CANCELLED, Status.NO_SHOW)
    window = _window_of(visit)
    shown = visit.predicted_t0 if window is None else window.t0
    return VisitRow(
        ordinal=number,
        visit=visit,
        chip=chip_of(visit, now),
        chair=chair_of(visit),
        nurse=resource_name(visit, "nurse"),
        url=reverse("visit_detail", args=[visit.code]),
        therapy_from=None if undated or visit.status == Status.OMITTED else shown,
        estimate=window is None or window.sign_off_id is None,
        note=visit.reason if visit.status not in Appointment.BLOCKING else "",
        therapy=therapy,
    )


def _window_of(visit: Appointment) -> Any:
    """The current window, from what the page prefetched on the infusion."""
    if visit.infusion is None:
        return None
    return next((item for item in visit.infusion.windows.all() if item.superseded_at is None), None)


def next_acts(visit: Appointment, user: User, now: datetime) -> dict[str, bool]:
    """Which acts the page offers; the services decide again."""
    infusion_visit = visit.kind == Appointment.Kind.INFUSION
    moves = user.may("appointment.move") and infusion_visit
    begun = visit.during.lower <= now
    zone = zone_of(visit.site)
    today = local_date(visit.during.lower, zone) == local_date(now, zone)
    arrives = infusion_visit and today and visit.status == Status.BOOKED
    return {
        "check_in": arrives and user.may("appointment.check_in"),
        "late": moves and today and visit.status == Status.BOOKED,
        "move": moves and visit.status in Appointment.MOVABLE,
        "cancel": moves and visit.status in Appointment.CANCELLABLE,
        "omit": moves and user.may("series.book") and visit.status in Appointment.CANCELLABLE,
        "no_show": moves and visit.status == Status.BOOKED and begun,
        "record": visit.infusion is not None and user.may("infusion.view"),
    }


def record_words(infusion: Infusion | None) -> str:
    """The state of the linked record."""
    return "" if infusion is None else str(infusion.get_status_display())


def eligibility_words(patient: Patient, version: ProtocolVersion) -> dict[str, Any]:
    """For pages: the signature in force as `eligibility`; in `lapsed` what to say of one that has run out."""
    found = eligibility_in_force(patient, version, app_now())
    old = standing_eligibility(patient, version) if found is None else None
    if old is None:
        return {"eligibility": found, "lapsed": ""}
    days = version.read().eligibility_days
    signed = local_date(old.signed_at, zone_of(patient.site))
    words = (
        f"Signed by {old.signed_name} on {signed:%-d %B %Y}; it holds for {days} days. Nothing more is booked until a "
        "prescriber has gone through it again."
    )
    return {"eligibility": None, "lapsed": words}
