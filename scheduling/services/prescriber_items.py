"""What only a prescriber can decide on an infusion record, as an item on their list until it is decided."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from scheduling.loaders_follow import load_course
from scheduling.models import WorkItem
from scheduling.services.workitems import raise_item, settle
from sessions.models import Infusion
from sessions.services import current_estimate, current_sign_off, therapy_time
from staff import roles
from staff.models import User

# topic -> (title, detail, what the item says once it is settled)
TOPICS = {
    "intent": (
        "New or worse suicidal intent today: assess before the patient leaves",
        "Reported at the chair. The patient is not signed off before a prescriber has recorded an assessment.",
        "Assessed.",
    ),
    "level": (
        "A measured level is not below the threshold after the therapy time",
        "The drug has not cleared as estimated. Sign the record again with a later therapy time.",
        "The level no longer contradicts the therapy time.",
    ),
    "time-voided": (
        "The therapy time you stated no longer holds",
        "What was recorded since speaks against it, so the estimate counts again. Sign again if another time is right.",
        "Signed again, or it holds.",
    ),
    "order": (
        "The weight has changed by more than 5 %: sign the order again",
        "The dose for today's weight stands ready on the record: one tap, also from another place.",
        "Signed again.",
    ),
    "consent-withdrawn": (
        "Consent was withdrawn while the pump runs: stop the infusion",
        "Stop the pump, stay with the patient, and record the observation as after any infusion.",
        "The pump was stopped.",
    ),
    "no-estimate": (
        "State when therapy may begin: clearance cannot be estimated",
        "The record says why. Therapy stays locked until a clinician states the time with the signature.",
        "A therapy time stands.",
    ),
}

NURSE_TOO = frozenset({"consent-withdrawn"})  # whoever stands at the chair acts first


def ask_prescriber(*, infusion: Infusion, topic: str, at: datetime) -> None:
    """Put the question on the prescriber's list; asked again it is the same item."""
    title, detail, _ = TOPICS[topic]
    for role in (roles.CLINICIAN, *([roles.NURSE] if topic in NURSE_TOO else [])):
        raise_item(
            kind=WorkItem.Kind.PRESCRIBER, key=_key(infusion, topic, role), site=infusion.site,
            patient=infusion.patient, title=title, detail=detail, role=role,
            owner=prescriber_of(infusion) if role == roles.CLINICIAN else None,
            url=reverse("infusion_detail", args=[infusion.code]), due_at=at, at=at,
        )  # fmt: skip


def _key(infusion: Infusion, topic: str, role: str) -> str:
    return f"{topic}:{infusion.code}" + ("" if role == roles.CLINICIAN else f":{role}")


def settle_question(*, infusion: Infusion, topic: str, at: datetime, by: User | None = None) -> None:
    """The question has its answer."""
    for role in (roles.CLINICIAN, roles.NURSE) if topic in NURSE_TOO else (roles.CLINICIAN,):
        settle(
            kind=WorkItem.Kind.PRESCRIBER,
            key=_key(infusion, topic, role),
            resolution=TOPICS[topic][2],
            by=by,
            at=at,
        )


def ask_for_a_time(*, infusion: Infusion, at: datetime, by: User | None = None) -> None:
    """Ask while nothing says when therapy may begin (the estimate is withheld and no stated time stands), and when a
    stated time was taken back.
    """
    found, signature = current_estimate(infusion), current_sign_off(infusion)
    unknown = found is not None and found.t_pk is None and therapy_time(infusion).at is None
    voided = signature is not None and signature.override_voided_at is not None
    for topic, asked in (("no-estimate", unknown), ("time-voided", voided and not unknown)):
        if asked:
            ask_prescriber(infusion=infusion, topic=topic, at=at)
        else:
            settle_question(infusion=infusion, topic=topic, at=at, by=by)


def prescriber_of(infusion: Infusion) -> User | None:
    """The patient's prescriber, else the one of the series that the infusion belongs to."""
    if infusion.patient.prescriber is not None:
        return infusion.patient.prescriber
    course = load_course(infusion.patient_id)
    return next((item.series.prescriber for item in course if item.visit.infusion_id == infusion.pk), None)
