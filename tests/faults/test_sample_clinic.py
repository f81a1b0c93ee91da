"""The sample clinic is right at any moment: weekday noon, Sunday night, and both nights on which clocks change.

Each is made by the seed command's own function on a database of its own, as the app role, and then asked.
"""

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

pytestmark = pytest.mark.fault

INSTANTS = {
    "a weekday at noon": datetime(2026, 11, 18, 20, 0, tzinfo=UTC),
    "sunday night": datetime(2026, 11, 23, 5, 40, tzinfo=UTC),
    "clocks go forward": datetime(2026, 3, 8, 9, 30, tzinfo=UTC),
    "clocks go back": datetime(2026, 11, 1, 8, 30, tzinfo=UTC),
    "new year's day": datetime(2027, 1, 1, 3, 7, tzinfo=UTC),
}
STAGES = {
    "running": "SELECT count(*) FROM treatment_sessions_infusion WHERE status = 'infusing'",
    "recovering": "SELECT count(*) FROM treatment_sessions_infusion WHERE status = 'recovering'",
    "waiting": "SELECT count(*) FROM treatment_sessions_infusion WHERE status = 'arrived'",
    "open windows": "SELECT count(*) FROM scheduling_plasticitywindow WHERE status = 'open' AND superseded_at IS NULL",
    "windows ahead": "SELECT count(*) FROM scheduling_plasticitywindow"
    " WHERE status = 'pending' AND superseded_at IS NULL",
    "missed": "SELECT count(*) FROM scheduling_followup WHERE state = 'missed' AND therapy",
    "done": "SELECT count(*) FROM scheduling_followup WHERE state = 'done' AND therapy",
    "completed series": "SELECT count(*) FROM scheduling_treatmentseries WHERE status = 'completed'",
    "sent messages": "SELECT count(*) FROM scheduling_message WHERE state = 'sent'",
}


@pytest.fixture(scope="module")
def template():
    return make_template("sample_template")


@pytest.fixture(scope="module")
def seeded(template, tmp_path_factory):
    """The five clinics, made two at a time: one for each core."""
    base = os.environ["DATABASE_URL"]
    stacks = {}
    for number, moment in enumerate(INSTANTS):
        name = f"sample_instant_{number}"
        _fresh_database(base, name, template)
        environment = _environment(base, name) | {"OUTBOX_DIR": str(tmp_path_factory.mktemp("outbox"))}
        stacks[moment] = Stack(name, ROOT, Mailbox(), environment, 0, with_database(base, name))
        stacks[moment].set_clock(INSTANTS[moment])
    with ThreadPoolExecutor(2) as pool:
        made = {moment: pool.submit(stack.manage, "seed_demo") for moment, stack in stacks.items()}
    return stacks, made


@pytest.mark.parametrize("moment", INSTANTS)
def test_every_stage_is_there_and_the_lists_are_empty(seeded, moment):
    stacks, made = seeded
    stack = stacks[moment]
    assert "Sample sign-ins" in made[moment].result()
    assert stack.manage("check_schedule").endswith("0 findings.\n")
    assert stack.value("SELECT count(*) FROM patients_patient") == 60
    assert stack.value("SELECT count(*) FROM scheduling_resource WHERE kind = 'chair'") == 8
    assert stack.value("SELECT count(*) FROM staff_user") == 20
    empty = [stage for stage, question in STAGES.items() if not stack.value(question)]
    assert empty == []
    assert "Sample sign-ins" in stack.manage("seed_demo")
    assert stack.value("SELECT count(*) FROM patients_patient") == 60
