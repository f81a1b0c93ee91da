"""The infusion of `tests.journeys.stopped_infusion` is signed, and the first tick after its therapy time has run.

Prints when the window opened.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import django


def go_on() -> dict[str, Any]:
    """Watch, sign, and one tick a minute after the therapy time; the clock stands there."""
    from scheduling.dispatch import tick
    from scheduling.models import PlasticityWindow
    from sessions.models import Infusion
    from staff.models import User
    from tests.conftest import Clock
    from tests.scheduling.booking.steps import sign

    team: Any = SimpleNamespace(
        nurse=User.objects.get(email="nurse@clinic.example"),
        clinician=User.objects.get(email="clinician@clinic.example"),
    )
    clock = Clock()
    infusion = sign(team, Infusion.objects.get(), clock)
    clock.set(PlasticityWindow.objects.current().get(infusion=infusion).t0 + timedelta(minutes=1))
    tick()
    return {"opened_at": PlasticityWindow.objects.current().get(infusion=infusion).opened_at.isoformat()}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps(go_on()))
