"""Fixtures of the faults: sample clinics made by the seed command at five moments."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.journeys.stack import at_database
from tests.once import fresh_database, prepared_database

INSTANTS = {
    "a weekday at noon": datetime(2026, 11, 18, 20, 0, tzinfo=UTC),
    "sunday night": datetime(2026, 11, 23, 5, 40, tzinfo=UTC),
    "clocks go forward": datetime(2026, 3, 8, 9, 30, tzinfo=UTC),
    "clocks go back": datetime(2026, 11, 1, 8, 30, tzinfo=UTC),
    "new year's day": datetime(2027, 1, 1, 3, 7, tzinfo=UTC),
}


ASKED_FOR = "sample_clinics"


def pytest_collection_modifyitems(items):
    """What asks the sample clinics comes last: they are made while the others mostly wait for processes."""
    items.sort(key=lambda item: ASKED_FOR in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def clinics_being_made(request, tmp_path_factory):
    """The five clinics, if any test of this run asks them: made aside, two at a time, with what the processor has left."""
    if not any(ASKED_FOR in item.fixturenames for item in request.session.items):
        yield None
        return
    base = os.environ["DATABASE_URL"]
    prepared, stacks = prepared_database(base), {}
    for number, moment in enumerate(INSTANTS):
        name = f"sample_instant_{number}"
        fresh_database(base, name, prepared)
        stacks[moment] = at_database(base, name)
        stacks[moment].environment["OUTBOX_DIR"] = str(tmp_path_factory.mktemp("outbox"))
        stacks[moment].set_clock(INSTANTS[moment])
    with ThreadPoolExecutor(2) as aside:
        yield (
            stacks,
            {
                moment: aside.submit(stack.manage, "seed_demo", patient=True)
                for moment, stack in stacks.items()
            },
        )


@pytest.fixture(scope="session")
def sample_clinics(clinics_being_made):
    """(the clinics by moment, what their seed said by moment: to be waited for)."""
    return clinics_being_made
