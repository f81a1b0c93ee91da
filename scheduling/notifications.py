"""The words of a message: templates `emails/<kind>-subject.txt` and `-text.txt` (`-sms.txt`, `-text.html`
optional).

Neutral by default: no drug, diagnosis, therapy word, kind of clinic or surname. A text that contains one is
refused here and becomes an item for a person (product.md, what must never happen, 8; hazard H9).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.template.exceptions import TemplateDoesNotExist
from django.template.loader import select_template

from patients.contact import contains_clinical_words
from patients.models import Patient
from patients.services.external import release_of, shown_name
from protocols.message_text import fill_in
from scheduling.channels import Outgoing
from scheduling.models import Message
from scheduling.texts_in_use import definition_of
from staff import emergency
from staff.clock import app_now
from staff.models import Site

KINDS = {
    "no_driving": "No driving until tomorrow",
    "rest": "Rest and sleep tonight",
    "check_in": "Next-morning check-in",
    "practice": "Practice",
    "therapy_visit": "Reminder of a therapy visit",
    "practice_check_in": "Practice check-in",
    "questionnaire": "Questionnaire",
    "visit_reminder": "First reminder of an infusion visit",
    "visit_reminder_soon": "Second reminder of an infusion visit",
    "escort_reminder": "First reminder to the adult who takes the patient home",
    "escort_reminder_soon": "Second reminder to the adult who takes the patient home",
    "outside_window": "Times for the outside therapist",
    "outside_withdrawn": "Times withdrawn from the outside therapist",
}


@dataclass(frozen=True)
class Links:
    """The addresses in one message; empty where there is none. `hide` leaves their tokens out of a text."""

    answer: str = ""
    stop: str = ""
    education: str = ""

    def hide(self, text: str) -> str:
        """The text as it may be stored and read by staff."""
        for url in (self.answer, self.stop, self.education):
            if url:
                text = text.replace(url, url.split("/p/")[0] + "/p/...")
        return text


class NotNeutral(ValueError):
    """A text would tell others what the patient is treated for. `words` says which words did."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__(f"not neutral: {len(words)} words")
        self.words = words


def render(message: Message, address: str, links: Links | None = None) -> Outgoing:
    """The message in the patient's language and local time, with its `links` if it has any.

    Raises NotNeutral, or TemplateDoesNotExist for a kind without texts.
    """
    patient, site = message.patient, _site(message)
    links = links or Links()
    context = _context(patient, site, message.about_at)
    context |= {"link": links.answer, "stop": links.stop, "education": links.education}
    context["escort"] = escort = message.contact_point.person_name
    outsider = message.contact_point.external_therapist
    if outsider is not None:
        escort = context["therapist"] = outsider.name
        context["name"] = _released_name(message)
    name = message.kind
    subject = " ".join(_text(f"{name}-subject.txt", patient.language, context).split())
    sms = message.channel == "sms"
    own = _own_words(message, sms=sms)
    text = (
        fill_in(own, context)
        if own
        else _text(f"{name}-sms.txt" if sms else f"{name}-text.txt", patient.language, context)
    )
    if own and links.answer and links.answer not in text:
        text = f"{text.rstrip()}{' ' if sms else chr(10) * 2}Please answer here: {links.answer}"
    html = "" if sms or own else _text(f"{name}-text.html", patient.language, context, optional=True)
    if links.stop and not sms:
        text = f"{text.rstrip()}\n\nNo more messages to this address: {links.stop}"
    text = text.strip() + "\n"
    kept = links.hide(text)
    _check_neutral(f"{subject}\n{kept}\n{links.hide(html)}", patient.given_name, escort, context["name"])
    return Outgoing(
        key=message.idem_key, address=address, subject=subject, text=text, html=html, kept=kept,
        stop_url="" if sms else links.stop,
    )  # fmt: skip


def _released_name(message: Message) -> str:
    """The patient as the release names them to a therapist outside. Raises ValueError without a valid release."""
    release = release_of(message.patient_id, message.contact_point.external_therapist_id, app_now())
    if release is None:
        raise ValueError("no valid release of information")
    return shown_name(message.patient, release)


def _own_words(message: Message, *, sms: bool) -> str:
    """What the protocol's author wrote for this message; empty where the product's own text is sent."""
    if message.follow_up is None or message.contact_point.external_therapist_id is not None:
        return ""
    try:
        rule = definition_of(message.follow_up.protocol_version_id).follow_up(message.follow_up.kind)
    except KeyError:
        return ""
    return rule.sms_text if sms else rule.email_text


def _site(message: Message) -> Site:
    if message.follow_up is not None:
        return message.follow_up.site
    if message.appointment is not None:
        return message.appointment.site
    raise ValueError("a message without a cause")


def _context(patient: Patient, site: Site, about_at: datetime | None) -> dict[str, Any]:
    local = None if about_at is None else about_at.astimezone(ZoneInfo(patient.time_zone))
    return {
        "name": patient.given_name,
        "phone": site.phone,
        "emergency": emergency.ADVICE.get(site.country, emergency.ELSEWHERE),
        "day": "" if local is None else f"{local:%A} {local.day} {local:%B}",
        "time": "" if local is None else f"{local:%H:%M}",
    }


def _text(name: str, language: str, context: dict[str, Any], *, optional: bool = False) -> str:
    try:
        found = select_template([f"emails/{language}/{name}", f"emails/{name}"])
    except TemplateDoesNotExist:
        if optional:
            return ""
        raise
    return found.render(context)


def _check_neutral(text: str, *names: str) -> None:
    """The patient's own given name and the escort's may look like one of the words; everything else may not.

    The surname is not in the context of the templates, so it cannot appear.
    """
    for name in filter(None, names):
        text = text.replace(name, "")
    words = contains_clinical_words(text)
    if words:
        raise NotNeutral(words)
