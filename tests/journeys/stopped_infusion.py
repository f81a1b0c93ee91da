"""A clinic whose first infusion of six has run and was stopped ten minutes ago, through the services.

Prints what `tests.journeys.world` prints, and the code of the infusion.
"""

from __future__ import annotations

import json
import os
from typing import Any

import django

from tests.journeys.world import describe, furnish


def build() -> dict[str, Any]:
    """Book, agree on practice, check in, start, stop; the clock stands ten minutes after the stop."""
    from scheduling.services.preparation import hold_preparation
    from sessions.services import PreparationText
    from tests.conftest import Clock
    from tests.scheduling.booking.helpers import book, visits_of
    from tests.scheduling.booking.steps import start, stop

    clinic, clock = furnish(), Clock()
    series = book(clinic)
    hold_preparation(series=series, text=PreparationText(practice_plan="A walk a day"), by=clinic.therapist)
    infusion = stop(clinic, start(clinic, visits_of(series)[0], clock), clock)
    clock.advance(minutes=10)
    return describe(clinic) | {"infusion": str(infusion.code)}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps(build()))
