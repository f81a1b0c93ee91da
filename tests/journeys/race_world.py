"""Fifty of everything and one signed-in coordinator, for clients that race over HTTP. Prints codes and cookies as JSON."""

from __future__ import annotations

import json
import os
from typing import Any

import django

CLIENTS, MOVERS = 50, 12
PATIENTS = CLIENTS + MOVERS + 14 * int(os.environ.get("RACE_ROUNDS", "2"))


def furnish() -> dict[str, Any]:
    """Chairs, nurses and patients in numbers; a version of one infusion; a session of the coordinator."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.db import transaction
    from django.middleware.csrf import _get_new_csrf_string

    from scheduling.models import Resource
    from tests import factories

    with transaction.atomic():
        clinic = factories.make_clinic()
        site = clinic.site
        site.open_on_holidays = True  # a round on a public holiday would be refused to all
        site.save(update_fields=["open_on_holidays"])
        Resource.objects.filter(pk=clinic.clinician_lane.pk).update(capacity=12)
        chairs = [factories.make_resource(site, "chair") for _ in range(CLIENTS + 1)]
        people = [factories.make_user("nurse", sites=[site]) for _ in range(CLIENTS + 1)]
        nurses = [factories.make_resource(site, "nurse", user=person) for person in people]
        only = factories.make_resource(site, "clinician", user=clinic.second_clinician)
        patients = [factories.make_patient(site) for _ in range(PATIENTS)]
        version = factories.make_version("single-infusion", author=clinic.admin)
        user = clinic.coordinator
        store = SessionStore()
        store[SESSION_KEY] = str(user.pk)
        store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        store[HASH_SESSION_KEY] = user.get_session_auth_hash()
        store.create()
    return {
        "chairs": [str(item.code) for item in chairs],
        "nurses": [str(item.code) for item in nurses],
        "patients": [str(item.code) for item in patients],
        "lanes": str(clinic.nurse_lane.code),
        "prescriber": str(clinic.clinician_lane.code),
        "only_prescriber": str(only.code),
        "therapist": str(clinic.therapist_lane.code),
        "six": str(clinic.version.code),
        "version": str(version.code),
        "zone": site.time_zone,
        "session": store.session_key,
        "csrf": _get_new_csrf_string(),
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps(furnish()))
