"""The ten minutes of somebody who tries the demo: one click to sign in, three steps of a tour, the clock bar, and
all of it by keyboard alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from config.context import DEMO_ACCOUNTS, TOURS
from tests.journeys.person import HOME, Person
from tests.journeys.stack import Stack

pytestmark = pytest.mark.journey

ROLES = {role: label for role, label, *_ in DEMO_ACCOUNTS}
TABS = 60  # at most so many presses of Tab lead to anything near the top of a page


@pytest.fixture
def clock_put_back(demo: Stack) -> Iterator[None]:
    """The demo's clock may be moved; nothing ticks, so afterwards it is put back."""
    offset = demo.value("SELECT offset_by FROM staff_clockoffset")
    yield
    with demo.sql() as cursor:
        cursor.execute("UPDATE staff_clockoffset SET offset_by = %s, frozen_at = NULL", [offset])


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what is called `name`; the focus is always visible."""
    focused = page.locator(":focus")
    for _ in range(TABS):
        page.keyboard.press("Tab")
        if focused.count() and re.search(name, focused.inner_text() or focused.get_attribute("name") or ""):
            outline = focused.evaluate(
                "(one) => { const s = getComputedStyle(one); return s.outlineStyle + s.boxShadow }"
            )
            assert outline != "nonenone", f"{name} shows no focus"
            return
    raise AssertionError(f"Tab does not lead to {name}")


@pytest.mark.parametrize("role", ROLES)
def test_one_click_signs_in_and_leads_through_three_steps(guest: Any, role: str) -> None:
    who: Person = guest(ROLES[role])
    page = who.page
    strip = page.get_by_role("region", name="Demo tour")
    for number, (title, text, _) in enumerate(TOURS[role], start=1):
        expect(strip).to_contain_text(f"Step {number} of 3: {title}")
        expect(strip).to_contain_text(text)
        strip.get_by_role("link", name="Show me" if number < 3 else "Done").click()
    expect(strip).to_have_count(0)
    who.settle()
    who.check_page()


def test_the_tour_can_be_ended_at_once(guest: Any) -> None:
    page = guest(ROLES["nurse"]).page
    strip = page.get_by_role("region", name="Demo tour")
    strip.get_by_role("button", name="End tour").click()
    expect(strip).to_have_count(0)
    page.goto("/")
    expect(strip).to_have_count(0)


@pytest.mark.usefixtures("clock_put_back")
def test_the_clock_bar_moves_everybodys_clock_forward(guest: Any, demo: Stack) -> None:
    who: Person = guest(ROLES["clinician"])
    page = who.page
    bar = page.get_by_role("region", name="Demo clock")
    zone = ZoneInfo(demo.value("SELECT time_zone FROM staff_site ORDER BY id LIMIT 1"))
    for button, check in (
        ("+5 min", lambda before, after: timedelta(minutes=5) <= after - before < timedelta(minutes=7)),
        ("To therapy time", lambda before, after: after > before),
        ("To 20:30", lambda before, after: f"{after.astimezone(zone):%H:%M}" == "20:30"),
        ("Tomorrow 09:00", lambda before, after: f"{after.astimezone(zone):%H:%M}" == "09:00"),
    ):
        before = demo.value("SELECT app_now()")
        bar.get_by_role("button", name=button).click()
        expect(page.locator("#flash")).to_contain_text("The demo clock now shows")
        after = demo.value("SELECT app_now()")
        assert check(before, after), (button, before, after)
        shown = str(bar.locator("time").get_attribute("datetime"))
        assert abs(datetime.fromisoformat(shown) - after) < timedelta(minutes=2)
    who.check_page()


@pytest.mark.usefixtures("clock_put_back")
def test_to_sign_off_leads_to_the_end_of_an_observation(guest: Any, demo: Stack) -> None:
    page = guest(ROLES["nurse"]).page
    before = demo.value("SELECT app_now()")
    page.get_by_role("button", name="To sign-off").click()
    expect(page.locator("#flash")).to_contain_text("The demo clock now shows")
    assert timedelta(0) < demo.value("SELECT app_now()") - before < timedelta(hours=6)


def test_from_sign_in_to_the_queue_with_the_keyboard_alone(guest: Any) -> None:
    who: Person = guest()
    page = who.page
    page.goto("/accounts/login/")
    tab_to(page, ROLES["therapist"])
    page.keyboard.press("Enter")
    page.wait_for_url(HOME)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to main content")
    tab_to(page, "Therapy queue")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Therapy queue")
    who.settle()  # the script that listens to keys comes last
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url(HOME)
    who.settle()
    page.keyboard.press("g")
    page.keyboard.press("q")
    expect(page.get_by_role("heading", level=1)).to_have_text("Therapy queue")
    who.settle()
    page.keyboard.press("j")
    first = page.locator(":focus")
    expect(first).to_have_attribute("href", re.compile("/windows/"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^After infusion visit"))
    who.settle()
    who.check_page()


def test_a_password_signs_in_by_keyboard_too(guest: Any) -> None:
    page = guest().page
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").or_(page.get_by_label("Email")).first.focus()
    page.keyboard.type("nurse@demo.example")
    page.keyboard.press("Tab")
    page.keyboard.type("clearwindow-demo")
    page.keyboard.press("Enter")
    page.wait_for_url(HOME)
    expect(page.get_by_role("main")).to_be_visible()
