"""A clinic whose one planned infusion was given and signed, through the services; the clock stands at the signature.

Prints what `tests.journeys.world` prints.
"""

from __future__ import annotations

import json
import os
from typing import Any

import django

from tests.journeys.world import describe, furnish


def build() -> dict[str, Any]:
    """Book a single infusion, give it, sign it."""
    from tests import factories
    from tests.conftest import Clock
    from tests.scheduling.booking.helpers import book, choice, local, visits_of
    from tests.scheduling.booking.steps import give

    clinic, clock = furnish(), Clock()
    version = factories.make_version("single-infusion", author=clinic.admin)
    series = book(clinic, protocol_version=version, visits=[choice(clinic, 1, local(clinic, 5))])
    give(clinic, visits_of(series)[0], clock)
    return describe(clinic)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(json.dumps(build()))
