"""The facts that a therapist needs beside each window of the queue, and no others: read in the queue's own queries.

Given dose, adverse events, last scores, the nights since, risk, language, phone, next infusion visit. Dissociation is
never an outcome here: distress during the infusion visit is shown because the therapist meets it the next day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast, JSONObject

from patients.models import UNREADABLE_ADDRESS, ContactPoint
from patients.presenting import interpreter_words, language_name
from scheduling.follow_words import soon_in_words
from scheduling.models import Appointment, PlasticityWindow, StaffAlert
from sessions import scoring
from sessions.models import AdverseEvent, Infusion, NightReport, OutcomeScore, SafetyContact
from sessions.services import ADVERSE_EVENTS
from staff.fields import Unreadable

RISK_FOR = timedelta(days=14)
DISTRESS = frozenset({"anxiety", "dissociation", "agitation"})
ORDER = ("phq9", "qids_sr16", "madrs", "gad7")


@dataclass(frozen=True)
class Fact:
    """One line: what, and the words. `tone` is "risk", "warning" or empty; `href` makes a telephone link."""

    label: str
    text: str
    tone: str = ""
    href: str = ""


def with_facts(rows: QuerySet[PlasticityWindow], now: datetime) -> QuerySet[PlasticityWindow]:
    """The windows with everything that `facts_of` reads, in the same query (the number is decrypted on the way)."""
    visits = Appointment.objects.filter(
        patient=OuterRef("patient"), kind=Appointment.Kind.INFUSION, status__in=Appointment.UPCOMING,
        during__startswith__gt=now,
    )  # fmt: skip
    scores = (
        OutcomeScore.objects.filter(patient=OuterRef("patient"))
        .order_by("instrument", "-taken_at", "-pk")
        .distinct("instrument")
    )
    contacts = SafetyContact.objects.filter(
        patient=OuterRef("patient"), cssrs__gte=1, occurred_at__gt=now - RISK_FOR, occurred_at__lte=now
    ).order_by("-occurred_at")
    numbers = ContactPoint.objects.filter(
        patient=OuterRef("patient"), channel=ContactPoint.Channel.SMS, verified_at__isnull=False,
        whose=ContactPoint.Whose.PATIENT,
    ).order_by("-preferred", "pk")  # fmt: skip
    return rows.annotate(
        fact_phone=Subquery(numbers.values("address")[:1]),
        fact_phone_of=Subquery(numbers.values("code")[:1]),
        fact_adverse=ArraySubquery(
            AdverseEvent.objects.live()
            .filter(infusion=OuterRef("infusion"))
            .order_by("observed_at")
            .values(json=JSONObject(kind="kind", severity="severity", over="resolved_at"))
        ),
        fact_nights=ArraySubquery(
            NightReport.objects.current()
            .filter(infusion=OuterRef("infusion"))
            .order_by("night")
            .values(json=JSONObject(night="night", hours=Cast("hours_slept", CharField()), quality="quality"))
        ),
        fact_scores=ArraySubquery(
            scores.values(
                json=JSONObject(instrument="instrument", total="total", at="taken_at", item9=F("items__8"))
            )
        ),
        fact_contact=Subquery(contacts.values(json=JSONObject(cssrs="cssrs", at="occurred_at"))[:1]),
        fact_alert=Exists(
            StaffAlert.objects.filter(patient=OuterRef("patient"), acknowledged_at__isnull=True)
        ),
        fact_next=Subquery(visits.order_by("during").values("during__startswith")[:1]),
    )


def facts_of(window: Any, zone: ZoneInfo, now: datetime) -> list[Fact]:
    """The lines of one row, risk first. `window` comes from `with_facts`."""
    facts = [*_risk(window, zone, now), *_distress(window)]
    facts += [Fact("Given", given_words(window.infusion)), Fact("Adverse events", _adverse(window))]
    facts += [Fact("Last scores", _scores(window, zone, now)), Fact("Sleep", _nights(window))]
    following = window.fact_next
    facts.append(Fact("Next infusion", soon_in_words(following, zone, now) if following else "none booked"))
    spoken = (language_name(window.patient.language), interpreter_words(window.patient))
    facts.append(Fact("Language", ". ".join(filter(None, spoken))))
    facts.append(_phone(window))
    return facts


def _phone(window: Any) -> Fact:
    """The verified number, opened as what it is: the one of this patient's address row."""
    if not window.fact_phone:
        return Fact("Phone", "no number on file")
    try:
        point = ContactPoint(
            code=window.fact_phone_of, patient_id=window.patient_id, address=window.fact_phone
        )
        number = point.address
    except Unreadable:
        return Fact("Phone", UNREADABLE_ADDRESS)
    return Fact("Phone", number, href=f"tel:{number}")


def given_words(infusion: Any) -> str:
    """`31.5 of 35 mg`; while the record has no end, what was ordered."""
    if infusion.status in Infusion.RUNNING:
        return "pump running" if infusion.status == Infusion.Status.INFUSING else "pump paused"
    ordered = f"{float(infusion.ordered_mg):g} mg" if infusion.ordered_mg is not None else ""
    if infusion.delivered_mg is None:
        return f"{ordered} ordered" if ordered else "not known"
    given = f"{float(infusion.delivered_mg):g}"
    return f"{given} of {ordered}" if ordered else f"{given} mg"


def _risk(window: Any, zone: ZoneInfo, now: datetime) -> list[Fact]:
    """An alert that nobody has confirmed, a positive safety contact of the last 14 days, or PHQ-9 item 9 above 0."""
    words = []
    if window.fact_alert:
        words.append("alert not confirmed yet")
    contact = window.fact_contact
    if contact:
        at = soon_in_words(_moment(contact["at"]), zone, now)
        words.append(f"suicidality screen {contact['cssrs']} of 5 ({at})")
    for score in window.fact_scores:
        if score["instrument"] == "phq9" and score["item9"] and int(score["item9"]) > 0:
            at = soon_in_words(_moment(score["at"]), zone, now)
            words.append(f"PHQ-9 item 9 answered {int(score['item9'])} ({at})")
    return [Fact("Risk", "; ".join(words), "risk")] if words else []


def _distress(window: Any) -> list[Fact]:
    found = [item for item in window.fact_adverse if item["kind"] in DISTRESS]
    words = ", ".join(f"{ADVERSE_EVENTS[item['kind']].lower()} ({item['severity']})" for item in found)
    return [Fact("Distress at the infusion", words, "warning")] if words else []


def _adverse(window: Any) -> str:
    found = [item for item in window.fact_adverse if item["kind"] not in DISTRESS]
    return ", ".join(_event(item) for item in found) or ("none other" if window.fact_adverse else "none")


def _event(item: dict[str, Any]) -> str:
    name = ADVERSE_EVENTS.get(item["kind"], item["kind"]).lower()
    return f"{name} ({item['severity']}{', over' if item['over'] else ''})"


def _scores(window: Any, zone: ZoneInfo, now: datetime) -> str:
    by_name = {item["instrument"]: item for item in window.fact_scores}
    words = []
    for name in ORDER:
        if name in by_name:
            item, about = by_name[name], scoring.INSTRUMENTS[name]
            band = scoring.band(name, item["total"]).label.lower()
            at = soon_in_words(_moment(item["at"]), zone, now).rsplit(" ", 1)[0]
            words.append(f"{about.title} {item['total']} {band} ({at})")
    return ", ".join(words) or "none yet"


def _nights(window: Any) -> str:
    words = []
    for item in window.fact_nights:
        quality = NightReport.QUALITY.get(item["quality"])
        words.append(
            f"night {item['night']}: {float(item['hours']):g} h" + (f", {quality}" if quality else "")
        )
    return "; ".join(words) or "not asked yet"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
