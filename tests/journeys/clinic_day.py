"""What each person does on their pages, step by step; every function ends when the page shows that it worked."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from playwright.sync_api import Page, expect

from tests.journeys.person import Person
from tests.journeys.stack import PASSWORD

CLINIC = ZoneInfo("America/Los_Angeles")


def local(moment: datetime) -> str:
    """As a box for date and time wants it, in the clinic's clock."""
    return f"{moment.astimezone(CLINIC):%Y-%m-%dT%H:%M}"


def short_words(moment: datetime) -> str:
    """As pages write it: `Wed 4 Mar, 15:29`."""
    there = moment.astimezone(CLINIC)
    return f"{there:%a} {there.day} {there:%b}, {there:%H:%M}"


def flash(page: Page, words: str | re.Pattern[str]) -> None:
    """The line at the top says what was done."""
    expect(page.locator("#flash")).to_contain_text(words)


# --- The clinician plans ---


def open_patient(who: Person, name: str) -> None:
    """From the list of patients."""
    page = who.page
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Patients").click()
    page.get_by_role("main").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Patient overview")


def propose_series(who: Person, weight_kg: str) -> None:
    """From the patient's page to a proposal on the one published protocol."""
    page = who.page
    page.get_by_role("main").get_by_role("link", name="Plan a series").first.click()
    expect(page.get_by_label("Protocol")).to_contain_text("6 infusions")
    page.get_by_label("Weight").fill(weight_kg)
    page.get_by_label("Mornings").check()
    page.get_by_role("button", name="Propose dates").click()
    expect(page.get_by_role("button", name=re.compile("^Book "))).to_be_visible()


def book_series(who: Person, visits: int) -> None:
    """All or nothing."""
    page = who.page
    page.get_by_role("button", name=f"Book {visits} visits").click()
    page.wait_for_url("**/series/**")
    flash(page, f"Booked: {visits} infusion visits.")


# --- The nurse at the chair ---


def check_in(who: Person, name: str) -> None:
    """From Today to the opened record."""
    page = who.page
    page.goto("/")
    page.get_by_role("main").get_by_role("link", name=name).first.click()
    page.get_by_role("button", name="Check in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Infusion visit 1")


def weigh_twice(who: Person, weight_kg: str) -> None:
    """The second weighing is blind: the first value is nowhere in its box."""
    page = who.page
    page.locator("#before-start").get_by_label("Weight").fill(weight_kg)
    page.get_by_role("button", name="Save weight").click()
    second = page.get_by_label("Weight, second weighing")
    expect(second).to_have_value("")
    second.fill(weight_kg)
    page.get_by_role("button", name="Compare").click()
    expect(second).to_have_count(0)


def answer_all(who: Person, button: re.Pattern[str]) -> int:
    """Press every button of that name, one after the other; each answer takes its button away."""
    page, pressed = who.page, 0
    buttons = page.get_by_role("button", name=button)
    left = buttons.count()
    while left:
        buttons.first.click()
        left -= 1
        pressed += 1
        expect(buttons).to_have_count(left)
    return pressed


def measure(who: Person, pressure: str, rate: str, saturation: str, at: datetime | None = None) -> None:
    """One row of vitals, now or at a typed time."""
    page = who.page
    systolic, diastolic = pressure.split("/")
    table = page.locator(".vitals-table")
    rows = table.get_by_role("cell", name=pressure).count()
    page.get_by_label("Systolic").fill(systolic)
    page.get_by_label("Diastolic").fill(diastolic)
    page.get_by_label("Heart rate").fill(rate)
    page.get_by_label("SpO2").fill(saturation)
    if at is not None:
        page.get_by_text("Time, alertness, CADSS-6, note").click()
        page.locator("#vitals_observed_at").fill(local(at))
    page.locator("#vitals").get_by_role("button", name="Save", exact=True).click()
    expect(table.get_by_role("cell", name=pressure)).to_have_count(rows + 1)


def pump(who: Person, button: str, at: datetime, log: str) -> None:
    """Press a pump button with a typed time; `log` is what the record of events then says."""
    page = who.page
    page.locator("#pump_observed_at").fill(local(at))
    page.locator("#pump").get_by_role("button", name=button).click()
    line = page.locator("#events").get_by_role("row").filter(has_text=log).filter(has_text=clock(at))
    expect(line).to_have_count(1)


def clock(moment: datetime) -> str:
    """`15:29` in the clinic's clock."""
    return f"{moment.astimezone(CLINIC):%H:%M}"


# --- The clinician signs ---


def open_record(who: Person, name: str) -> None:
    """From Today to the record of a patient who has arrived."""
    page = who.page
    page.goto("/")
    page.get_by_role("main").get_by_role("link", name=name).first.click()
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text(re.compile("^Infusion"))
    if page.get_by_role("link", name="Open the record").count():
        page.get_by_role("link", name="Open the record").click()
    expect(title).to_have_text("Infusion visit 1")


def sign_order(who: Person, mg: str) -> None:
    """The dose of the day's weight stands in the box already."""
    page = who.page
    expect(page.locator("#order").get_by_label("Dose, in mg")).to_have_value(re.compile(rf"^{mg}(\.0)?$"))
    page.get_by_label("Bag concentration").fill("1")
    page.get_by_role("button", name="Sign the order").click()
    expect(page.locator("#order")).to_contain_text("Ordered by")


def sign_off(who: Person) -> None:
    """The signature asks for the signer's own password first."""
    page = who.page
    page.get_by_role("link", name="Sign off infusion 1").click()
    page.wait_for_url("**/accounts/reauthenticate/**")
    page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign off infusion visit 1")
    who.check_widths()
    page.get_by_role("button", name="Sign off infusion 1").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    who.check_widths(refused=True)
    page.get_by_label("Name and date of birth checked with the patient").check()
    page.get_by_role("button", name="Sign off infusion 1").click()
    flash(page, "Infusion visit 1 is signed off.")
