"""The small clinic of the journeys, made as the app role. Prints its people's addresses as JSON."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

import django


def build() -> dict[str, Any]:
    """One site with chairs, staff with passwords, an active protocol, a patient with consent and education."""
    from django.db import transaction

    from staff.clock import app_now
    from tests import factories
    from tests.journeys.stack import PASSWORD

    with transaction.atomic():
        clinic = factories.make_clinic()
        people = (
            "clinician",
            "second_clinician",
            "nurse",
            "therapist",
            "other_therapist",
            "coordinator",
            "admin",
        )
        for name in people:
            user = getattr(clinic, name)
            user.set_password(PASSWORD)
            user.email = f"{name.replace('_', '-')}@clinic.example"
            user.save(update_fields=["password", "email"])
        now = app_now()
        from sessions.models import Consent, EducationRecord

        for kind, document in ((doc.kind, doc) for doc in clinic.version.documents.all()):
            common = {
                "patient": clinic.patient,
                "document": document,
                "recorded_by": clinic.nurse,
                "recorded_at": now,
            }
            if kind == "consent":
                Consent.objects.create(
                    given_at=now - timedelta(days=3), valid_until=now + timedelta(days=180), **common
                )
            else:
                EducationRecord.objects.create(
                    taught_at=now - timedelta(days=3),
                    experience_not_needed=True,
                    work_happens_afterwards=True,
                    no_driving_understood=True,
                    **common,
                )
    return {
        "patient": str(clinic.patient.code),
        "patient_name": str(clinic.patient),
        "address": clinic.contact.address,
        "site": str(clinic.site.code),
        "people": {name: getattr(clinic, name).email for name in people},
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps(build()))
