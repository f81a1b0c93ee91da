"""Run as the app role: `python -m tests.faults.crowd fill|cancel|states|nurse|decide ...`. The last line of output is JSON.

`fill` makes one patient per message, each with an address, a finished visit, the follow-up and its message, due one after
the other. `cancel` lets patients decline through the service that the page uses.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import django


def fill(number: int, channel: str, lead: float, spread: float, expiring: int = 0) -> dict[str, Any]:
    """`number` messages due from `lead` seconds from now over `spread` seconds; the first `expiring` of them are of no
    use any more 2 seconds after they are due.
    """
    from django.db import transaction

    from patients.models import ContactPoint, Patient
    from protocols.models import ProtocolVersion
    from scheduling.models import Appointment, FollowUp, Message, TreatmentSeries
    from staff.clock import app_now
    from staff.fields import blind_index
    from staff.models import Site
    from tests import factories

    factories._number = itertools.count(
        1 + 1000 * Site.objects.count()
    )  # a second crowd has a clinic of its own
    with transaction.atomic():
        clinic = factories.make_clinic(ProtocolVersion.objects.filter(status="active").first())
        now = app_now()
        site, ago = clinic.site, now - timedelta(hours=4)
        patients = Patient.objects.bulk_create(
            Patient(site=site, mrn=f"F{n:05d}", given_name="Alex", family_name=f"Crowd{n}", birth_date="1984-05-17",
                    sex="F", time_zone=site.time_zone, jurisdiction="US-OR", created_at=ago)
            for n in range(number)
        )  # fmt: skip
        addresses = [
            f"p{n}@mail.example" if channel == "email" else f"+1503{5550000 + n}" for n in range(number)
        ]
        points = ContactPoint.objects.bulk_create(
            ContactPoint(patient=patient, channel=channel, address=address, address_index=blind_index(address),
                         preferred=True, verified_at=ago, consented_at=ago, created_at=ago)
            for patient, address in zip(patients, addresses, strict=True)
        )  # fmt: skip
        for patient in patients:
            factories.make_eligible(patient, clinic.version)
        series = TreatmentSeries.objects.bulk_create(
            TreatmentSeries(patient=patient, protocol_version=clinic.version, site=site, weight_kg=Decimal("70.0"), visits=1,
                            prescriber=clinic.clinician, booked_by=clinic.coordinator, booked_at=ago)
            for patient in patients
        )  # fmt: skip
        visits = Appointment.objects.bulk_create(
            Appointment(kind="infusion", status="completed", patient=one.patient, site=site, series=one, ordinal=1,
                        during=(ago, ago + timedelta(hours=2)), predicted_t0=ago + timedelta(hours=5),
                        booked_by=clinic.coordinator, booked_at=ago)
            for one in series
        )  # fmt: skip
        moments = [now + timedelta(seconds=lead + spread * n / number) for n in range(number)]
        tasks = FollowUp.objects.bulk_create(
            FollowUp(patient=visit.patient, site=site, series=visit.series, visit=visit, kind="no_driving", title="No driving",
                     audience="patient", gate="none", state="released", message_kind="no_driving", earliest_at=ago,
                     target_at=due, latest_at=due + timedelta(hours=2), hard_latest_at=due + timedelta(hours=2))
            for visit, due in zip(visits, moments, strict=True)
        )  # fmt: skip
        every = range(number)
        Message.objects.bulk_create(
            Message(patient=patients[n], follow_up=tasks[n], contact_point=points[n], channel=channel, kind="no_driving",
                    due_at=moments[n], due_local="", time_zone=site.time_zone, created_at=now,
                    expires_at=moments[n] + (timedelta(seconds=2) if n < expiring else timedelta(hours=2)),
                    idem_key=f"{uuid.uuid4()}/no_driving/1/{points[n].pk}/{channel}/1")
            for n in every
        )  # fmt: skip
    seconds = real_seconds(now)
    return {
        "due": {addresses[n]: seconds + lead + spread * n / number for n in every},
        "expiring": addresses[:expiring],
    }


def real_seconds(moment: Any) -> float:
    """The moment of the database's moved clock as seconds of the real one."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp() - (app_now() - %s))::float8", [moment])
        return float(cursor.fetchone()[0])


def cancel(number: int) -> dict[str, Any]:
    """Every tenth patient declines (the last ones of the crowd stay), through the service."""
    from scheduling.models import FollowUp
    from scheduling.services.closing import decline_follow_up
    from staff.errors import StateConflict
    from staff.models import User

    nurse = User.objects.filter(full_name="Robin Vale").latest("pk")
    rows = list(
        FollowUp.objects.select_related("patient").order_by("target_at")[
            :: FollowUp.objects.count() // number
        ]
    )
    gone = []
    for row in rows[:number]:
        try:
            decline_follow_up(follow_up=row, reason="Asked for none.", by=nurse)
        except StateConflict:  # a slow machine: its message has left already, so it stays wanted
            continue
        message = row.messages.get()
        if message.state == "cancelled":
            gone.append(message.contact_point.address)
    return {"cancelled": gone}


def nurse() -> dict[str, Any]:
    """Who decides, by e-mail."""
    from staff.models import User

    return {"email": User.objects.filter(full_name="Robin Vale").latest("pk").email}


def decide(what: str, *addresses: str) -> dict[str, Any]:
    """A nurse of the site releases or discards the held messages to these addresses, each on the page."""
    from django.test import Client

    from scheduling.models import Message
    from staff.models import User

    held = Message.objects.filter(state="held").select_related("contact_point", "patient__site")
    rows = {row.contact_point.address: row for row in held}
    for address in addresses:
        browser = Client(HTTP_HOST="127.0.0.1")
        browser.force_login(User.objects.get(full_name="Robin Vale", sites=rows[address].patient.site))
        answer = browser.post(f"/messages/{rows[address].code}/held/", {"what": what})
        assert answer.status_code == 302, answer.content[:2000]
    return {"decided": len(addresses)}


def states() -> dict[str, Any]:
    """How our own tables tell it, for what the other end cannot know: which are shown to a person."""
    from scheduling.models import Message, WorkItem

    return {
        "by_address": {
            row.contact_point.address: row.state for row in Message.objects.select_related("contact_point")
        },
        "items": WorkItem.objects.open().filter(kind="message-failed").count(),
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    verb, *rest = sys.argv[1:]
    numbers = [int(item) if item.isdigit() else item for item in rest]
    verbs = {"fill": fill, "cancel": cancel, "states": states, "nurse": nurse, "decide": decide}
    print(json.dumps(verbs[verb](*numbers)))
