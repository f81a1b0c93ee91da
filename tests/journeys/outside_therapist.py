"""The patient's therapist outside the clinic is put on file: a release of information, and an address that was read back.

Prints the address.
"""

from __future__ import annotations

import json
import os
from zoneinfo import ZoneInfo

import django

ADDRESS = "kit@practice.example"


def build() -> dict[str, str]:
    """Through the services, as the coordinator."""
    from patients import services
    from scheduling.domain.localtime import local_date
    from sessions.models import Infusion
    from staff.clock import app_now
    from staff.models import User

    patient = Infusion.objects.select_related("patient__site").get().patient
    desk = User.objects.get(email="coordinator@clinic.example")
    kit = services.record_external(patient=patient, name="Kit Marlow", practice="Marlow Practice", by=desk)
    today = local_date(app_now(), ZoneInfo(patient.site.time_zone))
    services.record_release(patient=patient, therapist=kit, signed_on=today, shown_as="initials", by=desk)
    point = services.add_contact_point(
        patient=patient, channel="email", address=ADDRESS, whose="external", external=kit, by=desk
    )
    services.verify_contact_point(contact_point=point, address_again=ADDRESS, by=desk)
    services.consent_contact_point(contact_point=point, by=desk)
    return {"address": ADDRESS, "patient": str(patient.code)}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps(build()))
