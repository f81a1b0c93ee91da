"""Names of 160 characters, one word of 80, notes as long as they may be: the pages that people live in stay whole.

Held to: no accessibility violation (axe) and no console error, no sideways scroll on a wide screen and on a phone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scheduling.demo.cast import PASSWORD as DEMO_PASSWORD
from tests.journeys.conftest import PREFIX
from tests.journeys.long_words import ONE_WORD
from tests.journeys.person import Person
from tests.journeys.stack import Stack, running_stack
from tests.journeys.test_every_page import walk

pytestmark = pytest.mark.journey

RENAMED = f"SELECT {{}} FROM patients_patient WHERE family_name = '{ONE_WORD}' ORDER BY id LIMIT 1"
RECORD = f"""SELECT i.code FROM treatment_sessions_infusion i JOIN patients_patient p ON p.id = i.patient_id
             WHERE i.status = '{{}}' AND p.family_name = '{ONE_WORD}' ORDER BY i.id LIMIT 1"""
SOUGHT = {
    "patient": RENAMED.format("code"),
    "infusing": RECORD.format("infusing"),
    "recovering": RECORD.format("recovering"),
    "window": f"""SELECT w.code FROM scheduling_plasticitywindow w JOIN patients_patient p ON p.id = w.patient_id
                  WHERE w.superseded_at IS NULL AND w.status = 'open' AND p.family_name = '{ONE_WORD}'
                  ORDER BY w.id LIMIT 1""",
    "series": f"""SELECT s.code FROM scheduling_treatmentseries s JOIN patients_patient p ON p.id = s.patient_id
                  WHERE p.family_name = '{ONE_WORD}' ORDER BY s.id LIMIT 1""",
}
PAGES = {
    "Infusion nurse": (
        "/", "/board/", "/infusions/{infusing}/", "/infusions/{recovering}/", "/infusions/{recovering}/take-home/",
        "/infusions/{recovering}/ambulance/", "/day-sheet/", "/close-the-day/", "/patients/{patient}/",
    ),
    "Licensed therapist": ("/queue/", "/windows/{window}/", "/queue/cover/"),
    "Coordinator": ("/week/", "/patients/", "/work/", "/before-visits/", "/series/{series}/", "/messages/"),
}  # fmt: skip


@pytest.fixture(scope="module")
def long_named(sample_clinic: str) -> Iterator[Stack]:
    """A copy of the sample clinic of its own: others look for people by their names."""
    with running_stack(f"{PREFIX}_long", template=sample_clinic) as running:
        running.run_python("tests.journeys.long_words")
        yield running


@pytest.fixture(scope="module")
def places(long_named: Stack) -> dict[str, str]:
    """The pages of those with long names."""
    return {name: str(long_named.value(statement)) for name, statement in SOUGHT.items()}


@pytest.mark.parametrize("label", PAGES)
def test_long_names_and_texts(browser: Any, long_named: Stack, places: dict[str, str], label: str) -> None:
    who = Person(browser, long_named)
    try:
        who.one_click(label)
        walk(who, [path.format(**places) for path in PAGES[label]], Person.check_narrow_and_wide)
    finally:
        who.context.close()


def test_sign_off_with_long_texts(browser: Any, long_named: Stack, places: dict[str, str]) -> None:
    who = Person(browser, long_named)
    try:
        who.sign_in("clinician@demo.example", DEMO_PASSWORD)
        who.confirm_password(DEMO_PASSWORD)
        paths = [f"/infusions/{places['recovering']}/sign-off/", "/outcomes/?weeks=26"]
        walk(who, paths, Person.check_narrow_and_wide)
    finally:
        who.context.close()
