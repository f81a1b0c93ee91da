"""Fixtures of the faults: sample clinics made by the seed command at five moments."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.journeys.stack import (
    ROOT,
    Mailbox,
    Stack,
    _environment,
    _fresh_database,
    make_template,
    with_database,
)

INSTANTS = {
    "a weekday at noon": datetime(2026, 11, 18, 20, 0, tzinfo=UTC),
    "sunday night": datetime(2026, 11, 23, 5, 40, tzinfo=UTC),
    "clocks go forward": datetime(2026, 3, 8, 9, 30, tzinfo=UTC),
    "clocks go back": datetime(2026, 11, 1, 8, 30, tzinfo=UTC),
    "new year's day": datetime(2027, 1, 1, 3, 7, tzinfo=UTC),
}


@pytest.fixture(scope="session")
def sample_template():
    return make_template("sample_template")


@pytest.fixture(scope="session")
def sample_clinics(sample_template, tmp_path_factory):
    """The five clinics, made two at a time: one for each core."""
    base = os.environ["DATABASE_URL"]
    stacks = {}
    for number, moment in enumerate(INSTANTS):
        name = f"sample_instant_{number}"
        _fresh_database(base, name, sample_template)
        environment = _environment(base, name) | {"OUTBOX_DIR": str(tmp_path_factory.mktemp("outbox"))}
        stacks[moment] = Stack(name, ROOT, Mailbox(), environment, 0, with_database(base, name))
        stacks[moment].set_clock(INSTANTS[moment])
    with ThreadPoolExecutor(2) as pool:
        made = {moment: pool.submit(stack.manage, "seed_demo") for moment, stack in stacks.items()}
    return stacks, made
