"""A patient with a therapist of their own outside the clinic: on file, released, with an address, and what is sent."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from patients import services
from patients.models import ContactPoint, ExternalTherapist, TherapistRelease
from scheduling import dispatch
from scheduling.models import FollowUp, Message
from tests.scheduling.follow import world as w
from tests.scheduling.follow.mailbox import receiving

PATH = re.compile(r"https://visits\.example(/p/[\w-]{20,}/)")
SIGNED = date(2026, 3, 1)
ADDRESS = "kit@practice.example"


@pytest.fixture
def mailbox(settings):
    settings.PUBLIC_URL = "https://visits.example"
    with receiving(settings) as box:
        yield box


def outsider(clinic, patient=None, **over) -> ExternalTherapist:
    fields = {
        "name": "Kit Marlow",
        "practice": "Marlow Practice",
        "jurisdiction": "us-or",
        "licence_number": "C123",
    }
    return services.record_external(
        patient=patient or clinic.patient, by=clinic.coordinator, **(fields | over)
    )


def release(clinic, therapist, patient=None, **over) -> TherapistRelease:
    fields = {"signed_on": SIGNED, "shown_as": "initials"} | over
    return services.record_release(
        patient=patient or clinic.patient, therapist=therapist, by=clinic.coordinator, **fields
    )


def address(clinic, therapist, patient=None, text=ADDRESS) -> ContactPoint:
    """Read back in a call, and agreed to."""
    point = services.add_contact_point(
        patient=patient or clinic.patient, channel="email", address=text, whose="external", external=therapist,
        by=clinic.coordinator,
    )  # fmt: skip
    point = services.verify_contact_point(contact_point=point, address_again=text, by=clinic.coordinator)
    return services.consent_contact_point(contact_point=point, by=clinic.coordinator)


@pytest.fixture
def therapist(clinic, clock) -> ExternalTherapist:
    """On file with a release and an address."""
    kit = outsider(clinic)
    release(clinic, kit)
    address(clinic, kit)
    return kit


@pytest.fixture
def visit(clinic, clock):
    return w.book_course(clinic, [w.FIRST]).appointments.get()


@pytest.fixture
def session(clinic, clock, therapist, visit) -> FollowUp:
    """The first therapy after an infusion given on Tuesday: its window opens at 15:29."""
    w.given(clinic, visit)
    clock.set(w.FIRST + w.PREDICTED + timedelta(minutes=3))
    dispatch.tick()
    clock.advance(minutes=3)
    return w.follow_up(visit, "integration_1")


def mails(mailbox) -> list:
    return [item for item in mailbox.taken if item["To"] == ADDRESS]


def told(session, kind="outside_window", **where):
    return Message.objects.filter(follow_up=session, kind=kind, **where)


def send(session, mailbox) -> str:
    """The path of the link that left."""
    dispatch.tick()
    return PATH.findall(mails(mailbox)[-1].get_content())[0]
