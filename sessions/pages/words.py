"""Facts in the words of the screen (decisions 3): states, pump lines, readings, times."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sessions import dosing, eligibility, running_gate
from sessions.models import Infusion, PumpEvent, VitalSigns
from sessions.services import TherapyTime

STATES = {
    Infusion.Status.ARRIVED: ("Arrived", "info", "door-open"),
    Infusion.Status.READY: ("Ready to start", "success", "circle-check"),
    Infusion.Status.INFUSING: ("Infusion running", "info", "syringe"),
    Infusion.Status.PAUSED: ("Infusion paused", "warning", "circle-pause"),
    Infusion.Status.RECOVERING: ("Recovering", "info", "armchair"),
    Infusion.Status.SIGNED_OFF: ("Signed off", "success", "file-check"),
    Infusion.Status.NOT_GIVEN: ("Not given", "neutral", "circle-off"),
}
NO_DRIVING = "Still under drug effect: no driving"
NO_DRIVING_TOMORROW = "No driving until tomorrow, after a night's sleep"
MORNING = time(7)


def zone_of(infusion: Infusion) -> ZoneInfo:
    """The time zone of the infusion's site."""
    return ZoneInfo(infusion.site.time_zone)


def state_chip(infusion: Infusion, *, ready_to_sign: bool = False, gone: bool = False) -> dict[str, str]:
    """Word, tone and icon of the record's state. `gone`: the patient left otherwise than by discharge and recovers
    here no longer, as board and Today say.
    """
    if infusion.status == Infusion.Status.RECOVERING and gone:
        return {"word": "Ended otherwise", "tone": "warning", "icon": "triangle-alert"}
    if infusion.status == Infusion.Status.RECOVERING and ready_to_sign:
        return {"word": "Waiting for sign-off", "tone": "pending", "icon": "hourglass"}
    word, tone, icon = STATES[Infusion.Status(infusion.status)]
    return {"word": word, "tone": tone, "icon": icon}


def driving_alert(infusion: Infusion, therapy: TherapyTime, now: datetime) -> str:
    """The warning in the banner: under drug effect until the therapy time, then no driving until the next
    morning.
    """
    if infusion.started_at is None or now < infusion.started_at:
        return ""
    if infusion.status in Infusion.RUNNING or therapy.at is None or now < therapy.at:
        return NO_DRIVING
    zone = zone_of(infusion)
    local = (infusion.stopped_at or infusion.started_at).astimezone(zone)
    morning = datetime.combine(local.date() + timedelta(days=1), MORNING, tzinfo=zone)
    return NO_DRIVING_TOMORROW if now < morning else ""


def rate_words(infusion: Infusion, mg_per_min: Any) -> str:
    """A rate as the pump shows it and in mg/min: "52.5 mL/h (0.875 mg/min)"."""
    plain = f"{mg_per_min.normalize():f} mg/min"
    if infusion.bag_mg_per_ml is None:
        return plain
    shown = dosing.ml_per_hour_from_mg_per_min(mg_per_min, infusion.bag_mg_per_ml)
    return f"{shown:.1f} mL/h ({plain})"


def pump_words(infusion: Infusion, event: PumpEvent) -> str:
    """One line of the log in words."""
    words = {
        PumpEvent.Kind.START: "Pump started",
        PumpEvent.Kind.RATE: "Rate changed",
        PumpEvent.Kind.PAUSE: "Pump paused",
        PumpEvent.Kind.RESUME: "Pump resumed",
        PumpEvent.Kind.BOLUS: "Bolus given",
        PumpEvent.Kind.STOP: "Pump stopped",
    }[PumpEvent.Kind(event.kind)]
    if event.rate_mg_per_min is not None:
        return f"{words}, {rate_words(infusion, event.rate_mg_per_min)}"
    if event.bolus_mg is not None:
        return f"{words}, {event.bolus_mg.normalize():f} mg"
    return words


def vitals_words(row: VitalSigns) -> str:
    """One reading in words."""
    words = f"{row.systolic}/{row.diastolic} mmHg, {row.heart_rate}/min, SpO2 {row.spo2} %"
    if row.moaas is not None:
        words += f", alertness {row.moaas}"
    if row.cadss6 is not None:
        words += f", CADSS-6 {row.cadss6}"
    return words


def reading_chip(limits: Any, reading: eligibility.Reading) -> dict[str, str]:
    """How one reading stands against the limits for a running pump; empty when within them."""
    decision = running_gate.running_gate([reading], limits)
    if decision.act == "stop":
        return {"word": "Stop limit", "tone": "danger"}
    if decision.act == "pause":
        return {"word": "Over limit", "tone": "danger"}
    return {"word": "Recheck", "tone": "warning"} if decision.act == "recheck" else {}
