"""Links for patients of the sample clinic, one of each purpose, besides one too old and one whose visit was moved.

Prints their paths as JSON by what the page shows.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from urllib.parse import urlsplit

import django

KINDS = {
    "visit": "visit_reminder",
    "therapy": "therapy_visit",
    "check_in": "check_in",
    "questionnaire": "questionnaire",
    "escort": "escort_reminder",
}


def build() -> dict[str, str]:
    """Make the links as the sending of their messages would."""
    from protocols.models import ProtocolDocument
    from scheduling.models import Appointment, Message
    from scheduling.services.links import links_of
    from staff.clock import app_now

    now, found = app_now(), {}
    mails = Message.objects.filter(channel="email").select_related("contact_point", "patient")
    text = ProtocolDocument.objects.filter(kind=ProtocolDocument.Kind.EDUCATION).order_by("pk").last()
    for name, kind in KINDS.items():
        message = mails.filter(kind=kind, due_at__gt=now, state="scheduled").order_by("due_at").first()
        if message is not None:
            links = links_of(message, at=now, education=text if name == "visit" else None)
            found |= {name: links.answer, "stop": links.stop} | (
                {"education": links.education} if links.education else {}
            )
    past = mails.filter(kind="check_in", due_at__lt=now - timedelta(days=2)).order_by("due_at").first()
    if past is not None:
        found["over"] = links_of(past, at=past.due_at).answer
    moved = mails.filter(kind="visit_reminder", appointment__status=Appointment.Status.COMPLETED).first()
    if moved is not None:
        found["changed"] = links_of(moved, at=now).answer
    return {name: urlsplit(address).path for name, address in found.items()}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps(build()))
