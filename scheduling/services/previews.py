"""How one message will read, for the staff who answer for it. Nothing is written, and no link is made."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.template.exceptions import TemplateDoesNotExist, TemplateSyntaxError

from scheduling.models import Message
from scheduling.notifications import Links, NotNeutral, render
from scheduling.services.links import OF_KIND, TEACHES, teaching_text
from staff.errors import DomainError

CANNOT = "The text cannot be made as it stands. Nothing would be sent; it would go on the nurses' list."


@dataclass(frozen=True)
class Preview:
    """Subject (e-mail only) and text with the tokens of links left out; or `problem` why there is none."""

    subject: str = ""
    text: str = ""
    problem: str = ""


def preview(message: Message) -> Preview:
    """What has left is shown as it was written; anything else as it would be written now."""
    if message.body:
        return Preview(message.subject if message.channel == "email" else "", message.body)
    try:
        outgoing = render(message, "", _links(message))
    except NotNeutral as error:
        return Preview(problem=f"{CANNOT} It contains: {', '.join(error.words)}.")
    except (TemplateDoesNotExist, TemplateSyntaxError, DomainError, ValueError, LookupError):
        return Preview(problem=CANNOT)
    return Preview("" if message.channel == "sms" else outgoing.subject, outgoing.kept_text)


def _links(message: Message) -> Links:
    if not settings.PUBLIC_URL:
        return Links()
    here = f"{settings.PUBLIC_URL}/p/.../"
    teaches = message.kind in TEACHES and teaching_text(message) is not None
    return Links(here if message.kind in OF_KIND else "", here, here if teaches else "")
