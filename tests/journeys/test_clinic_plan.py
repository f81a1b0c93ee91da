"""A coordinator plans the waiting patients together, with a real worker, and books what is proposed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.person import Person
from tests.journeys.stack import Stack

pytestmark = pytest.mark.journey


@pytest.mark.usefixtures("ticking")
def test_waiting_patients_are_planned_in_the_background_and_booked_together(
    person: Any, stack: Stack
) -> None:
    who: Person = person("coordinator")
    page = who.page
    who.open("/clinic-plan/")
    boxes = page.locator("input[name=patient]")
    assert boxes.count() >= 1
    row = page.locator("tbody tr").filter(has=boxes).first
    boxes.first.check()
    row.get_by_role("textbox").fill("heavy")
    page.get_by_role("button", name="Plan the chosen patients").click()
    expect(page.get_by_role("alert").or_(page.locator(".error-summary")).first).to_contain_text("weight")
    expect(boxes.first).to_be_checked()
    row.get_by_role("textbox").fill("70")
    page.get_by_label("Quick, 10 s").check()
    who.check_widths(refused=True)
    page.get_by_role("button", name="Plan the chosen patients").click()
    page.wait_for_url(re.compile(r"/clinic-plan/[0-9a-f-]{36}/$"))
    expect(page.get_by_role("heading", name="Proposals")).to_be_visible(timeout=60_000)
    who.check_widths()
    page.get_by_role("button", name="Book the chosen proposals").click()
    expect(page.get_by_text("Booked", exact=True).first).to_be_visible()
    assert stack.value("SELECT count(*) FROM scheduling_clinicplanentry WHERE state = 'booked'") == 1
