"""The pump really stopped seven minutes earlier: one correction on the page moves the therapy time, the window, the
follow-ups and the messages, all in one commit, and every page shows it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys import clinic_day as day
from tests.journeys.person import Person
from tests.journeys.stack import Stack, wait_until

pytestmark = pytest.mark.journey

SEVEN = timedelta(minutes=7)
THERAPY_TIME = "SELECT t0 FROM scheduling_plasticitywindow WHERE superseded_at IS NULL"
WINDOW = "SELECT practice_from, core_until FROM scheduling_plasticitywindow WHERE superseded_at IS NULL"
FOLLOW_UPS = "SELECT kind, target_at FROM scheduling_followup WHERE infusion_id IS NOT NULL"
MESSAGES = (
    "SELECT kind, due_at FROM scheduling_message WHERE state = 'scheduled' AND follow_up_id IS NOT NULL"
)
CHANGED = """
    SELECT 'estimate', pgh_created_at FROM treatment_sessions_clearanceestimateevent
    UNION SELECT 'pump', pgh_created_at FROM treatment_sessions_pumpeventevent
    UNION SELECT 'window', pgh_created_at FROM scheduling_plasticitywindowevent
    UNION SELECT 'follow-up', pgh_created_at FROM scheduling_followupevent
    UNION SELECT 'message', pgh_created_at FROM scheduling_messageevent
"""


@pytest.fixture(scope="module")
def world(stack: Stack) -> dict[str, Any]:
    """An infusion that was stopped ten minutes ago; the clock runs on from there."""
    made = stack.run_python("tests.journeys.stopped_infusion")
    stack.set_clock(stack.value("SELECT app_now()"))
    return made


def times_by_kind(stack: Stack, statement: str) -> dict[str, datetime]:
    """Kind and moment of each row."""
    return dict(stack.rows(statement))


def commits(stack: Stack) -> dict[str, set[datetime]]:
    """When rows of each table were written; all rows of one transaction carry its one moment."""
    found: dict[str, set[datetime]] = {}
    for table, moment in stack.rows(CHANGED):
        found.setdefault(table, set()).add(moment)
    return found


def correct_the_stop(nurse: Person, stopped: datetime) -> None:
    """Open the stop in the record of events and type the time at which it really was."""
    page = nurse.page
    line = (
        page.locator("#events").get_by_role("row").filter(has_text="Stop").filter(has_text=day.clock(stopped))
    )
    line.get_by_role("link", name="Correct").click()
    box = page.get_by_label("Observed at")
    box.fill(f"{(stopped - SEVEN).astimezone(day.CLINIC):%Y-%m-%dT%H:%M:%S}")
    page.get_by_label("Reason for the correction").fill("Read off the pump's own log")
    nurse.check_page()
    page.get_by_role("button", name="Save the correction").click()
    day.flash(page, "Entry corrected.")


def correct_on_the_record(stack: Stack, world: dict[str, Any], nurse: Person) -> tuple[timedelta, set[str]]:
    """Correct the stop; returns by how much the therapy time came earlier, and the tables that were written.

    Everything has been written in one commit, and the record shows the time before and after.
    """
    t0, before = stack.value(THERAPY_TIME), commits(stack)
    nurse.open(f"/infusions/{world['infusion']}/")
    main = nurse.page.locator("#record-now .fact-main")
    expect(main).to_contain_text(day.short_words(t0))
    correct_the_stop(nurse, stack.value("SELECT stopped_at FROM treatment_sessions_infusion"))
    new_t0 = stack.value(THERAPY_TIME)
    expect(main).to_contain_text(day.short_words(new_t0))
    read_the_chart(nurse)
    nurse.settle()
    nurse.check_page()
    new = {table: moments - before.get(table, set()) for table, moments in commits(stack).items()}
    assert len(set().union(*new.values())) == 1, f"one commit, not {new}"
    return t0 - new_t0, {table for table, moments in new.items() if moments}


def read_the_chart(nurse: Person) -> None:
    """Values are read off the curve by pointing and with the arrow keys, and said to a screen reader alike."""
    page = nurse.page
    plot, slider = (
        page.locator("#record-chart svg.plot").first,
        page.get_by_label("Read the values along the time"),
    )
    words = page.locator("#record-chart .plot-reading")
    plot.hover(position={"x": 5, "y": 60})
    expect(words).to_contain_text("ng/mL (estimate; 18 of 20 people")
    first = words.inner_text()
    slider.focus()
    slider.press("End")
    expect(words).not_to_have_text(first)
    expect(slider).to_have_attribute("aria-valuetext", words.inner_text())
    slider.press("Home")
    expect(slider).to_have_value("0")
    expect(page.locator("#record-chart .plot-guide")).to_have_attribute("visibility", "visible")


def test_a_stop_corrected_by_seven_minutes_moves_everything_in_one_commit(
    stack: Stack, world: dict[str, Any], person: Any
) -> None:
    ((practice_from, core_until),) = stack.rows(WINDOW)
    follow_ups, messages = times_by_kind(stack, FOLLOW_UPS), times_by_kind(stack, MESSAGES)

    moved, written = correct_on_the_record(stack, world, person("nurse"))

    assert SEVEN < moved < timedelta(minutes=90), "a sixth less drug, on a slow decline"
    assert written == {"estimate", "pump", "window", "follow-up", "message"}
    ((new_practice, new_core),) = stack.rows(WINDOW)
    assert practice_from - new_practice == moved
    assert core_until - new_core in (moved, timedelta(0)), "the next infusion may cut it at the same moment"
    after = times_by_kind(stack, FOLLOW_UPS)
    assert {kind: follow_ups[kind] - after[kind] for kind in follow_ups} == {
        "no_driving": SEVEN,
        "rest_message": timedelta(0),  # 20:30 and 09:00 are times of day
        "morning_check_in": timedelta(0),
        "practice": moved,
        "integration_1": moved,
        "practice_check_in": moved,
    }
    due = times_by_kind(stack, MESSAGES)
    assert {kind: messages[kind] - due[kind] for kind in messages} == {
        "no_driving": SEVEN, "rest": timedelta(0), "check_in": timedelta(0),
    }  # fmt: skip


def test_the_same_after_the_signature_and_in_the_open_window(
    stack: Stack, world: dict[str, Any], person: Any
) -> None:
    """The open window waits for its new time to be confirmed by the tick, which plans its messages anew."""
    stack.run_python("tests.journeys.signed_infusion")
    stack.set_clock(stack.value("SELECT app_now()"))
    messages = times_by_kind(stack, MESSAGES)
    assert "practice" in messages

    moved, written = correct_on_the_record(stack, world, person("nurse"))

    assert SEVEN < moved < timedelta(minutes=90)
    assert written == {"estimate", "pump", "window", "follow-up", "message"}
    assert "practice" not in times_by_kind(stack, MESSAGES), "nothing speaks of a window that is not open"
    stack.start("worker")
    stack.start("beat")
    wait_until(
        lambda: "practice" in times_by_kind(stack, MESSAGES), seconds=90, what="the tick to open it again"
    )
    assert messages["practice"] - times_by_kind(stack, MESSAGES)["practice"] == moved
    sent = [str(message["Subject"]) for message in stack.mailbox.messages]
    assert sent.count("Please do not drive today") <= 1
    the_window_shows_it(stack, world, person("therapist"))


def the_window_shows_it(stack: Stack, world: dict[str, Any], therapist: Person) -> None:
    """The therapist's queue leads to the window, which speaks of the new times."""
    page = therapist.page
    page.goto("/queue/")
    row = page.get_by_role("listitem").filter(has_text=world["patient_name"])
    row.get_by_role("link", name=world["patient_name"], exact=True).click()
    practice = page.get_by_role("row").filter(has_text="Structured practice")
    expect(practice).to_contain_text(day.short_words(times_by_kind(stack, FOLLOW_UPS)["practice"]))
    card = page.get_by_role("region", name="Post-infusion therapy 1")
    card.get_by_text("Why these times").click()
    expect(card).to_contain_text(day.clock(stack.value(THERAPY_TIME)))
    therapist.check_page()
