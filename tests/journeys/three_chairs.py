"""A morning with three patients: two are in the chair since 09:00, one is expected at 10:00; through the services.

Prints what `tests.journeys.world` prints, the records of the two, and the name of the second nurse.
"""

from __future__ import annotations

import json
import os
from typing import Any

import django

from tests.journeys.world import describe, furnish


def build() -> dict[str, Any]:
    """Book, and start the first two pumps together; the clock stands at that moment."""
    from sessions import services
    from tests import factories
    from tests.conftest import Clock
    from tests.scheduling.booking.helpers import book, six, visits_of
    from tests.scheduling.booking.steps import arrive, prepare
    from tests.sessions.world import NORMAL, consented

    clinic, clock = furnish(), Clock()
    colleague = factories.make_user("nurse", sites=[clinic.site], full_name="Noor Haddad")
    lane = factories.make_resource(clinic.site, "nurse", user=colleague, capacity=2)
    team = {"therapist": clinic.therapist, "prescriber": clinic.clinician}
    book(clinic, visits=six(clinic, hour=10))
    records = {}
    for name, chair, nurse in (("Paused", 1, clinic.nurse_lane), ("Stopped", 2, lane)):
        patient = factories.make_patient(clinic.site, given_name="Ben", family_name=name, **team)
        consented(clinic, patient=patient)
        visits = six(clinic, hour=9, chair=str(clinic.chairs[chair].code), nurse=str(nurse.code))
        visit = visits_of(book(clinic, patient=patient, visits=visits))[0]
        records[name.lower()] = prepare(clinic, arrive(clinic, visit, clock))
    clock.advance(minutes=15)
    for record in records.values():
        services.record_vitals(infusion=record, by=clinic.nurse, **NORMAL)
        services.record_pump_event(infusion=record, kind="start", by=clinic.nurse)
    return describe(clinic) | {name: str(record.code) for name, record in records.items()}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps(build()))
