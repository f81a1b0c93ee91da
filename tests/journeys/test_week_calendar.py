"""Six infusions over a holiday week in three clicks, the calendar with drag and keyboard, and a second browser that is
refused the chair live.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.stack import Stack

pytestmark = pytest.mark.journey

STARTS = """SELECT lower(during) FROM scheduling_appointment WHERE kind = 'infusion' ORDER BY ordinal"""


@pytest.fixture(scope="module")
def world(stack: Stack) -> dict[str, Any]:
    return stack.run_python("tests.journeys.world")


def test_three_clicks_book_six_then_the_calendar_moves_one(
    stack: Stack, world: dict[str, Any], person: Any
) -> None:
    coordinator = person("coordinator")
    page = coordinator.page
    # A closed day in the way is named; three clicks: plan, propose, book.
    page.goto("/resources/")
    page.get_by_label("First day closed").fill("2026-03-09")
    page.get_by_label("Last day closed").fill("2026-03-09")
    page.get_by_label("Reason").fill("Founders' day")
    page.get_by_role("button", name="Close these days").click()
    page.goto(f"/patients/{world['patient']}/plan/")
    page.get_by_label("Weight").fill("70")
    page.get_by_role("button", name="Propose dates").press("Enter")
    expect(page.get_by_role("button", name=re.compile("Book 6 visits"))).to_be_visible()
    expect(page.locator("#propose")).to_be_focused()  # who works by keyboard goes on from where they were
    page.locator("#change-2").press("Enter")
    expect(page.get_by_role("heading", name="Other times for infusion 2")).to_be_visible()
    expect(page.locator("#change-2")).to_be_focused()
    page.get_by_text("Dates that are not possible").click()
    expect(page.get_by_text("Founders' day").first).to_be_visible()
    # A second browser is shown the same places for another patient; the first is quicker.
    second = person("second_clinician")
    theirs = second.page
    theirs.goto(f"/patients/{world['second_patient']}/plan/")
    theirs.get_by_label("Weight").fill("81")
    theirs.get_by_label("Mornings").check()
    theirs.get_by_role("button", name="Propose dates").click()
    take = theirs.get_by_role("button", name=re.compile("Book 6 visits"))
    expect(take).to_be_visible()
    page.get_by_role("button", name=re.compile("Book 6 visits")).click()
    expect(page.get_by_role("heading", name="Infusion visits")).to_be_visible()
    is_refused_the_chair(stack, world, second)
    first, *_, last = stack.rows(STARTS)
    assert len(stack.rows(STARTS)) == 6, "the second browser has booked nothing"

    # The week of the last visit: another browser has it open, too.
    week = f"/week/?day={last[0]:%Y-%m-%d}"
    nurse = person("nurse")
    nurse.open(week)
    coordinator.open(week)
    card = page.locator(".cal-card a[data-move]").last
    expect(card).to_be_visible()
    coordinator.check_page()
    box = card.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 23, box["y"] + 24)
    expect(page.locator(".cal-ghost")).to_have_count(0)  # five pixels are a click, not a drag
    page.mouse.move(box["x"] + 20, box["y"] + 20 + 48, steps=4)
    expect(page.locator(".cal-ghost")).to_have_count(1)
    expect(page.locator(".shade-gap").first).to_be_attached()
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator("dialog[open]")).to_have_count(0)

    # By keyboard: an hour earlier, in the dialog, and taken back.
    card.focus()
    page.keyboard.press("m")
    page.keyboard.press("Shift+ArrowUp")
    expect(page.locator("#week-says")).to_contain_text("Chair")
    page.keyboard.press("Enter")
    dialog = page.locator("dialog[open]")
    expect(dialog.get_by_role("heading", name=re.compile("Move infusion visit"))).to_be_visible()
    dialog.get_by_label("Reason").select_option("staff")
    dialog.get_by_role("button", name="Move the visit").click()
    expect(page.get_by_text("Moved. The other visits stay where they are.")).to_be_visible()
    moved = stack.rows(STARTS)[-1][0]
    assert moved != last[0]
    assert stack.rows(STARTS)[0] == first

    # The nurse's calendar has not been reloaded: what it shows is old, and the move from it is refused in words.
    old = nurse.page.locator(".cal-card a[data-move]").last
    code = old.get_attribute("data-visit")
    nurse.page.goto(f"/visits/{code}/move/")
    nurse.page.locator("input[name=version]").evaluate("box => { box.value = '1'; }")
    nurse.page.get_by_label("Reason").select_option("staff")
    nurse.page.get_by_role("button", name="Move the visit").click()
    expect(nurse.page.locator("[data-error-summary]")).to_contain_text("Somebody else changed this visit")
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text("Taken back.")).to_be_visible()
    assert stack.rows(STARTS)[-1][0] == last[0]
    coordinator.open(week)
    coordinator.check_widths()


def is_refused_the_chair(stack: Stack, world: dict[str, Any], second: Any) -> None:
    """Without a reload: what was taken is named, what was chosen stays, and the next best places are one click away."""
    page = second.page
    page.get_by_role("button", name=re.compile("Book 6 visits")).click()
    expect(page.locator("[data-error-summary]")).to_contain_text(
        re.compile("1 of 6: .+ (is taken|has no room)")
    )
    expect(page.get_by_label("What stands in the way")).to_contain_text("infusion visit 1")
    expect(page.get_by_label("Weight")).to_have_value("81")
    expect(page.get_by_label("Mornings")).to_be_checked()
    expect(page.get_by_role("button", name=re.compile("Book 6 visits"))).to_be_visible()
    assert stack.value("SELECT count(*) FROM scheduling_treatmentseries") == 1
    second.check_page(refused=True)
