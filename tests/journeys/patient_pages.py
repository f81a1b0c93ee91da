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
    found |= outside()
    return {name: urlsplit(address).path for name, address in found.items()}


def outside() -> dict[str, str]:
    """What a therapist outside the clinic gets: times, times after a report, of a revoked release; is this your address."""
    from django.db.models import F

    from patients import services
    from patients.models import Patient
    from scheduling.models import Message
    from scheduling.services.links import links_of, token_of
    from scheduling.services.outside_address import send_address_link
    from staff.clock import app_now
    from staff.models import User

    now, found = app_now(), {}
    told = Message.objects.filter(kind="outside_window", state="sent").select_related(
        "contact_point", "patient", "follow_up"
    )
    by_release = "patient__releases__revoked_at__isnull"
    for name, rows in (
        ("outside", told.filter(follow_up__state="released", generation=F("follow_up__generation"), **{by_release: True})),
        ("outside_reported", told.filter(follow_up__state="reported")),
        ("outside_revoked", told.filter(**{by_release: False})),
    ):  # fmt: skip
        message = rows.order_by("-pk").first()
        if message is not None:
            found[name] = links_of(message, at=now).answer
    patient = (
        Patient.objects.filter(releases__revoked_at=None, external_therapist__isnull=False)
        .order_by("pk")
        .first()
    )
    desk = User.objects.get(email="coordinator@demo.example")
    if patient is not None:
        asked = patient.contact_points.filter(whose="external", verified_at=None).first()
        point = asked or services.add_contact_point(
            patient=patient, channel="email", address="other@practice.example", whose="external",
            external=patient.external_therapist, by=desk,
        )  # fmt: skip
        found["address"] = f"/p/{token_of(send_address_link(contact_point=point, by=desk).code)}/"
    return found


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps(build()))
