"""From an empty production database to the first booking: the commands of the README, then pages only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import clinic_day as day
from tests.journeys.authenticator import code_now
from tests.journeys.conftest import PREFIX
from tests.journeys.person import Person
from tests.journeys.stack import PASSWORD, Stack, running_stack, wait_until

pytestmark = pytest.mark.journey

HOURS = "08:00-18:00"
COLLEAGUES = (
    ("Max Prescott", "max@clinic.example", "Prescribing clinician", "Prescriber"),
    ("Nell Nurse", "nell@clinic.example", "Infusion nurse", ""),
    ("Theo Talk", "theo@clinic.example", "Licensed therapist", "Therapist"),
    ("Cora Desk", "cora@clinic.example", "Coordinator", ""),
)


@pytest.fixture(scope="module")
def production(empty_clinic: str) -> Iterator[Stack]:
    """Web and SMTP with production's settings on a migrated database without a row of ours."""
    second_step = {"REQUIRE_MFA_ROLES": "manager"}
    with running_stack(f"{PREFIX}_new", template=empty_clinic, env="production", **second_step) as running:
        yield running


@pytest.fixture
def browsers(browser: Any, production: Stack) -> Iterator[Any]:
    """A browser of one's own for each person."""
    opened: list[Person] = []

    def open_one() -> Person:
        opened.append(Person(browser, production))
        return opened[-1]

    yield open_one
    for one in opened:
        one.context.close()


def sign_in_for_the_first_time(manager: Person, email: str) -> None:
    """The role asks for a second step: nothing opens before it is set up, with the password given again."""
    page = manager.page
    page.goto("/accounts/login/")
    page.get_by_label("E-mail").first.fill(email)
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/accounts/reauthenticate/**")
    page.goto("/people/")
    page.wait_for_url("**/accounts/reauthenticate/**")
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/accounts/2fa/totp/activate/")
    manager.check_widths()
    key = page.locator(".qr-code + p .mono").inner_text()
    page.get_by_label("Authenticator code").fill(code_now(key))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("main")).to_contain_text("10 out of 10")
    page.goto("/")


def choose_password(who: Person, link: str) -> None:
    """Behind a one-time link; then sign in with it."""
    who.page.goto(link)
    who.page.get_by_label("New password", exact=True).fill(PASSWORD)
    who.page.get_by_label("New password again").fill(PASSWORD)
    who.check_page()
    who.page.locator("main form button").first.click()
    who.page.wait_for_url("**/accounts/password/reset/key/done/")


def invite(manager: Person, name: str, address: str, role: str, licence: str) -> None:
    """One colleague, with a licence where the role needs one."""
    page = manager.page
    page.goto("/people/invite/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label(re.compile(f"^{role}")).check()
    page.get_by_role("button", name="Send the invitation").click()
    day.flash(page, f"The invitation is on its way to {address}.")
    if licence:
        page.get_by_role("link", name=re.compile("licence", re.IGNORECASE)).first.click()
        page.get_by_label(re.compile(f"^{licence}")).check()
        page.get_by_label("Licence number").fill("L-1001")
        page.get_by_label("First day").fill("2020-01-01")
        page.get_by_role("button", name="Save the licence").click()
        day.flash(page, "Licence recorded.")


def furnish(manager: Person) -> None:
    """A chair, and hours for it; the same for everybody who can be booked."""
    page = manager.page
    page.goto("/resources/new/")
    page.get_by_label("Name").fill("Chair 1")
    page.get_by_role("button", name="Add it").click()
    day.flash(page, "Chair 1 is there.")
    for name in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"):
        page.get_by_label(name).fill(HOURS)
    page.get_by_label("The same for everything here that has no hours yet").check()
    page.get_by_role("button", name="Save the hours").click()
    day.flash(page, "The same hours for Max Prescott, Nell Nurse, Theo Talk.")


def test_an_empty_database_becomes_a_clinic_with_its_first_booking(production: Stack, browsers: Any) -> None:
    stack = production
    printed = stack.manage(
        "open_clinic", "--name", "Lakeside Clinic", "--time-zone", "America/Los_Angeles", "--country", "US",
        "--subdivision", "OR", "--phone", "+1 541 555 0100", "--manager-email", "ada@clinic.example",
        "--manager-name", "Ada Quist",
    )  # fmt: skip
    manager: Person = browsers()
    page = manager.page
    choose_password(manager, printed.strip())
    sign_in_for_the_first_time(manager, "ada@clinic.example")
    assert stack.value("SELECT password LIKE 'argon2%%' FROM staff_user WHERE email = 'ada@clinic.example'")
    setup = page.get_by_role("region", name="Set up your clinic")
    expect(setup.get_by_text("To do", exact=True)).to_have_count(7)
    manager.check_widths()
    for colleague in COLLEAGUES:
        invite(manager, *colleague)
    furnish(manager)
    page.goto("/protocols/")
    page.get_by_role("button", name="Install the shipped protocols").click()
    day.flash(page, "installed")
    page.goto("/")
    expect(setup.get_by_text("To do", exact=True)).to_have_count(2)
    manager.check_page()
    clinician: Person = browsers()
    (mail,) = wait_until(lambda: stack.mailbox.to("max@clinic.example"), seconds=20, what="the invitation")
    link = re.search(r"http://\S+", mail.get_content())
    assert link
    choose_password(clinician, link[0])
    clinician.sign_in("max@clinic.example")
    first_patient(clinician)
    propose_the_first_series(clinician)
    day.book_series(clinician, 6)
    assert stack.value("SELECT count(*) FROM scheduling_appointment WHERE status = 'booked'") >= 6
    clinician.check_page()


def propose_the_first_series(clinician: Person) -> None:
    """Six infusions; the prescriber signs the eligibility checklist on the way."""
    page = clinician.page
    choose_six(page)
    page.get_by_role("link", name="Go through the checklist").click()
    page.wait_for_url("**/accounts/reauthenticate/**")
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Sign the checklist").wait_for()
    for box in page.get_by_label(re.compile("^Not present")).all():
        box.check()
    page.get_by_role("button", name="Sign the checklist").click()
    day.flash(page, "Eligibility signed: a series can be booked.")
    choose_six(page)


def choose_six(page: Page) -> None:
    """From the patient's page to proposed dates."""
    page.get_by_role("main").get_by_role("link", name="Plan a series").first.click()
    offered = page.get_by_label("Protocol").locator("option", has_text="6 infusions").first
    page.get_by_label("Protocol").select_option(str(offered.get_attribute("value")))
    page.get_by_label("Weight").fill("70")
    page.get_by_label("Mornings").check()
    page.get_by_role("button", name=re.compile("^Propose")).click()
    page.get_by_role("button", name="Book 6 visits").wait_for()


def first_patient(clinician: Person) -> None:
    """Who it is; the rest of the record follows later."""
    page = clinician.page
    page.goto("/patients/new/")
    for label, text in (
        ("Family name", "Berg"), ("Given name", "Ida"), ("Date of birth", "1985-04-03"),
        ("Record number (MRN)", "0001"), ("Jurisdiction", "US-OR"),
    ):  # fmt: skip
        page.get_by_label(label).fill(text)
    page.get_by_label("Female").check()
    page.get_by_label("Time zone").select_option("America/Los_Angeles")
    page.locator("main form button.button-primary").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Patient overview")
