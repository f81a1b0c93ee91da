"""The record of the patient called Paused is watched to its end and signed, through the services. Prints its code."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import Any

import django


def go_on() -> dict[str, Any]:
    """Every criterion at the end of the observation, and the signature; the clock stands there."""
    from sessions.models import Infusion
    from staff.models import User
    from tests.conftest import Clock
    from tests.scheduling.booking.steps import sign

    team: Any = SimpleNamespace(
        nurse=User.objects.get(email="nurse@clinic.example"),
        clinician=User.objects.get(email="clinician@clinic.example"),
    )
    infusion = sign(team, Infusion.objects.get(patient__family_name="Paused"), Clock())
    return {"signed": str(infusion.code)}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps(go_on()))
