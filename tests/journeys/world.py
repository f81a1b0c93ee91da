"""The small clinic of the journeys, made as the app role. Prints its people's addresses as JSON."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from tests.factories import Clinic


PEOPLE = ("clinician", "second_clinician", "nurse", "therapist", "other_therapist", "coordinator", "admin")


def furnish() -> Clinic:
    """One site with chairs, staff with passwords, an active protocol, a patient with consent and education."""
    from django.db import transaction

    from tests import factories
    from tests.journeys.stack import PASSWORD
    from tests.sessions.world import consented

    with transaction.atomic():
        clinic = factories.make_clinic()
        for name in PEOPLE:
            user = getattr(clinic, name)
            user.set_password(PASSWORD)
            user.email = f"{name.replace('_', '-')}@clinic.example"
            user.save(update_fields=["password", "email"])
        consented(clinic)
        factories.make_patient(clinic.site, therapist=clinic.therapist, prescriber=clinic.clinician)
    return clinic


def describe(clinic: Clinic) -> dict[str, Any]:
    """What a journey needs to find people and the patient on pages."""
    return {
        "patient": str(clinic.patient.code),
        "patient_name": str(clinic.patient),
        "second_patient": str(clinic.site.patients.exclude(pk=clinic.patient.pk).latest("pk").code),
        "address": clinic.contact.address,
        "site": str(clinic.site.code),
        "people": {name: getattr(clinic, name).email for name in PEOPLE},
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps(describe(furnish())))
