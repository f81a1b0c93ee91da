"""Two days in the life of a protocol, in Chromium: an author writes with faults and mends them, another person approves,
a clinician books, the author revises, the running series stays and is then moved by a signed diff; and somebody who does
not program writes the ELEKT-D protocol from empty, by keyboard alone.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys import clinic_day as day
from tests.journeys.person import Person
from tests.journeys.stack import PASSWORD, Stack

pytestmark = pytest.mark.journey

BOOKED = (
    "SELECT json_agg(json_build_array(kind, ordinal, status, during, predicted_t0) ORDER BY id)"
    " FROM scheduling_appointment"
)
ROW = "details.row-card"


def state(page: Page) -> Locator:
    """The line that says whether it is saved, and what is left to do."""
    return page.locator("#draft-state")


def new_protocol(who: Person, name: str, slug: str, start: str) -> Page:
    """From the list to the editor of a first draft."""
    page = who.page
    page.goto("/protocols/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Address").fill(slug)
    page.get_by_label(start).check()
    page.get_by_role("main").get_by_role("button").last.click()
    page.wait_for_url("**/edit/")
    return page


def submit(who: Person, slug: str, number: int) -> None:
    """Hand the draft over."""
    page = who.page
    page.goto(f"/protocols/{slug}/v/{number}/submit/")
    page.get_by_role("button", name="Submit for approval").click()
    day.flash(page, "Submitted.")


def sign(page: Page) -> None:
    """The password again, where it is asked for."""
    page.wait_for_load_state("load")
    if "/reauthenticate/" in page.url:
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()


def approve(who: Person, slug: str, number: int) -> None:
    """As the second person, with the password."""
    page = who.page
    page.goto(f"/protocols/{slug}/v/{number}/approve/")
    page.get_by_label("I have read this version").check()
    page.get_by_role("button", name=f"Approve and activate version {number}").click()
    sign(page)
    expect(page.get_by_text("Active", exact=True).first).to_be_visible()


def test_written_mended_approved_booked_revised_and_moved(
    stack: Stack, world: dict[str, Any], person: Any
) -> None:
    author: Person = person("admin")
    clinician: Person = person("clinician")
    write_with_three_faults(author)
    submit(author, "weekly-six", 1)
    approve(clinician, "weekly-six", 1)
    book(clinician, world)
    before = stack.value(BOOKED)
    revise(author)
    submit(author, "weekly-six", 2)
    approve(clinician, "weekly-six", 2)
    assert stack.value(BOOKED) == before
    move(clinician, world)
    assert stack.value(BOOKED) != before
    assert stack.value("SELECT count(*) FROM scheduling_seriesversionmove WHERE decision = 'accepted'") == 1


def write_with_three_faults(author: Person) -> None:
    """Ten times the dose, a longest gap below the aim, and a window that ends before it begins."""
    page = new_protocol(author, "Weekly six", "weekly-six", "Six infusions in three weeks")
    author.settle()
    expect(page.locator("#preview")).to_contain_text("Sample series")
    page.get_by_label("Dose, in mg/kg").fill("5")
    page.get_by_label("Longest gap, in h").fill("60")
    row = page.locator(ROW).filter(has_text="Structured practice")
    row.locator("summary").first.click()
    row.get_by_label("Earliest").fill("9 d")
    expect(state(page)).to_contain_text("3 to mend")
    expect(page.get_by_text("Enter a value from 0.1 to 1.0 mg/kg.").last).to_be_visible()
    author.check_page()
    page.reload()
    expect(page.get_by_label("Dose, in mg/kg")).to_have_value("5")
    page.goto("/protocols/weekly-six/v/1/submit/")
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.locator("[data-error-summary]")).to_contain_text("not right yet")
    author.refusals.clear()
    page.goto("/protocols/weekly-six/v/1/edit/")
    state(page).get_by_role("link", name=re.compile("^Dose")).click()
    expect(page.get_by_label("Dose, in mg/kg")).to_be_focused()
    page.get_by_label("Dose, in mg/kg").fill("0.5")
    page.get_by_label("Longest gap, in h").fill("96")
    page.locator(ROW).filter(has_text="Structured practice").get_by_label("Earliest").fill("16 h")
    expect(state(page)).to_contain_text("Every box is right")


def book(clinician: Person, world: dict[str, Any]) -> None:
    """Six visits on the protocol that was just approved."""
    page = clinician.page
    page.goto("/")
    day.open_patient(clinician, world["patient_name"])
    clinician.settle()
    page.get_by_role("main").get_by_role("link", name="Plan a series").first.click()
    label = page.get_by_label("Protocol").locator("option", has_text="Weekly six").inner_text()
    page.get_by_label("Protocol").select_option(label=label)
    page.get_by_label("Weight").fill("70")
    page.get_by_label("Mornings").check()
    page.get_by_role("button", name="Propose dates").click()
    day.book_series(clinician, 6)


def revise(author: Person) -> None:
    """A higher dose and a longer stay, with the reason."""
    page = author.page
    page.goto("/protocols/weekly-six/v/1/revise/")
    page.get_by_role("button", name="Make a draft").click()
    page.wait_for_url("**/v/2/edit/")
    page.get_by_label("Dose, in mg/kg").fill("0.6")
    page.get_by_label("Time in the chair, in min").fill("175")
    page.get_by_label("What changed, and why").fill("Longer stay after audit")
    expect(state(page)).to_contain_text("Every box is right")
    expect(page.locator("[data-save-line]")).to_contain_text("Saved")
    author.open("/protocols/weekly-six/compare/")
    expect(page.get_by_role("main")).to_contain_text("0.6 mg/kg of the weight")
    author.check_page()


def move(clinician: Person, world: dict[str, Any]) -> None:
    """The diff is seen, signed and done."""
    page = clinician.page
    page.goto("/")
    day.open_patient(clinician, world["patient_name"])
    clinician.settle()
    page.get_by_role("main").get_by_role("link", name="Weekly six").first.click()
    clinician.settle()
    page.get_by_role("link", name="See what moving would change").click()
    expect(page.get_by_role("main")).to_contain_text("42 mg over 40 min")
    clinician.check_page()
    page.get_by_label("Why").fill("Audit of the stay")
    page.get_by_role("button", name="Move to version 2").click()
    sign(page)
    day.flash(page, "The series follows version 2 now.")


def test_somebody_who_does_not_program_writes_elekt_d_by_keyboard(
    stack: Stack, world: dict[str, Any], person: Any
) -> None:
    author: Person = person("admin")
    page = author.page
    page.goto("/protocols/new/")
    keys = page.keyboard
    page.get_by_label("Name").focus()
    keys.type("ELEKT-D")
    keys.press("Tab")
    keys.type("elekt-d")
    keys.press("Tab")
    keys.press("Tab")
    keys.press("Space")  # the first way to start: an empty protocol
    keys.press("Enter")
    page.wait_for_url("**/elekt-d/v/1/edit/")
    author.settle()
    tab_to_box(page, "Indication")
    keys.type("Treatment-resistant depression, off-label use of racemic ketamine")
    tab_to_box(page, "Source")
    keys.type("Anand 2023 NEJM (ELEKT-D)")
    for label, value in (
        ("Dose, in mg/kg", "0,5"),
        ("Duration, in min", "40"),
        ("Ceiling, in mg", "60"),
        ("Rounding, in mg", "0.5"),
    ):
        tab_to_box(page, label)
        keys.type(value)
    press(page, "Add a part")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    for value in ("Induction", "6", "48", "84", "96"):
        keys.type(value)
        keys.press("Tab")
    press(page, "Tick the usual checks")
    press(page, "Add the usual staff")
    tab_to_box(page, "Time in the chair, in min")
    keys.type("160")
    press(page, "Add the usual follow-ups")
    expect(state(page)).to_contain_text("Every box is right")
    expect(page.locator("#preview")).to_contain_text("35.0 mg")
    expect(page.locator("#preview")).to_contain_text("Infusions and what follows")
    author.check_page()
    text = stack.value(
        "SELECT definition FROM protocols_protocolversion v JOIN protocols_protocoltemplate t ON t.id = v.template_id WHERE t.slug = 'elekt-d'"
    )
    assert (text["dose"]["mg_per_kg"], text["dose"]["infusion_minutes"]) == ("0.5", 40)
    (phase,) = text["phases"]
    assert [phase[name] for name in ("visits", "gap_min_hours", "gap_target_hours", "gap_max_hours")] == [
        6,
        48,
        84,
        96,
    ]
    assert len(text["follow_ups"]) >= 9


def tab_to_box(page: Page, label: str) -> None:
    """Press Tab until the focus is in the box of that name."""
    wanted = (
        page.get_by_label(label, exact=True)
        .or_(page.get_by_label(re.compile(f"^{re.escape(label)} \\(optional")))
        .first
    )
    name = wanted.get_attribute("id")
    for _ in range(120):
        if page.evaluate("document.activeElement.id") == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {label}")


def press(page: Page, button: str) -> None:
    """Press Tab until the focus is on that button, then Enter; wait until the act is saved."""
    for _ in range(160):
        if page.evaluate("document.activeElement.innerText ?? ''").strip() == button:
            with page.expect_response(
                lambda answer: answer.url.endswith("/edit/") and answer.request.method == "POST"
            ):
                page.keyboard.press("Enter")
            page.wait_for_function("() => !document.querySelector('#editor').inert")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {button}")
