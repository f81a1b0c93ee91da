"""Every page that has a route is found by itself and looked at, and every form on it is sent with what cannot be.

Held to: no accessibility violation (axe), no console error (a CSP violation is one), no sideways scroll, on a wide screen
and on a phone; a refused form comes back with a summary that has the focus and whose links lead to the boxes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Error, Page, Response, expect

from scheduling.demo.cast import PASSWORD as DEMO_PASSWORD
from tests.journeys import places
from tests.journeys.authenticator import code_now
from tests.journeys.conftest import PREFIX
from tests.journeys.person import HOME, Person
from tests.journeys.stack import Stack, running_stack
from tests.journeys.test_every_page import PAGES

pytestmark = pytest.mark.journey

PEOPLE = {
    "Coordinator": "coordinator@demo.example",
    "Prescribing clinician": "clinician@demo.example",
    "Infusion nurse": "nurse@demo.example",
    "Licensed therapist": "therapist@demo.example",
    "Protocol admin": "admin@demo.example",
    "Clinic manager": "manager@demo.example",
}
NOT_A_PAGE = {
    "week/limits/": "a part of the week, asked for one visit",
    "p/<str:token>/": "for patients: looked at below",
    "review/<str:token>/": "for outside reviewers: looked at in test_outside_review",
    "accounts/email/": "the clinic's to change, not the person's",
    "accounts/confirm-email/": "the clinic's to change, not the person's",
    "accounts/login/": "for visitors: looked at in test_every_page",
    "accounts/signup/": "nobody signs up by himself: leads to the sign-in",
    "accounts/password/set/": "for people without a password: leads to the change",
    "accounts/login/code/confirm/": "codes by mail are not used",
    "accounts/2fa/authenticate/": "second step of a sign-in: without a first one it leads to the sign-in",
    "accounts/2fa/reauthenticate/": "for people with a second factor",
    "accounts/2fa/totp/deactivate/": "for people with a second factor",
    "accounts/2fa/recovery-codes/": "for people with a second factor",
    "accounts/2fa/recovery-codes/download/": "for people with a second factor",
}
"""Routes that show no page to anybody who is signed in, and why."""

EMPTY = ("/", "/patients/", "/board/", "/week/", "/queue/", "/work/", "/messages/", "/outbox/", "/resources/")
"""Pages that a new site must show without a line on them, among all others that need nothing to open."""
SPOIL = """(place) => {
    const form = document.querySelectorAll("main form")[place];
    form.noValidate = true;
    for (const fold of form.querySelectorAll("details")) fold.open = true;
    for (const box of form.elements) {
        if (box.disabled || box.readOnly) continue;
        if (box.matches("[type=checkbox], [type=radio]")) box.checked = false;
        else if (box.matches("select")) { if ([...box.options].some((one) => one.value === "")) box.value = ""; }
        else if (box.matches("[type=number], [type=date], [type=time], [type=datetime-local], [inputmode]")) {
            box.type = "text"; box.value = "7_0";
        }
        else if (box.matches("input:not([type=hidden]):not([type=submit]):not([type=file]), textarea")) box.value = "";
    }
    window.before = true;
    [...form.elements].find((one) => one.type === "submit" && !one.disabled).click();
}"""


@pytest.fixture(scope="module")
def spare(sample_clinic: str) -> Iterator[Stack]:
    """A sample clinic of this module's own, because a form may be accepted."""
    hour = {"REAUTHENTICATION_TIMEOUT": "3600"}
    with running_stack(f"{PREFIX}_forms", template=sample_clinic, **hour) as running:
        running.run_python("tests.journeys.rare")
        yield running


@pytest.fixture(scope="module")
def people(browser: Any, spare: Stack) -> Iterator[dict[str, Person]]:
    """Everybody signed in with a password, so that the pages of a signature open."""
    found = {label: Person(browser, spare) for label in PEOPLE}
    for label, who in found.items():
        who.sign_in(PEOPLE[label], DEMO_PASSWORD)
        who.confirm_password(DEMO_PASSWORD)
    yield found
    for who in found.values():
        who.context.close()


@pytest.fixture(scope="module")
def found(spare: Stack, people: dict[str, Person]) -> Any:
    """The pages of all routes, and the routes without one."""
    return places.find(places.routes(), places.Examples(spare), people)


def test_every_route_is_a_page_or_explained(found: Any) -> None:
    """A page that no role and no example of the sample clinic leads to is a page that nobody looked at."""
    _, without = found
    unseen = {
        route: met
        for route, met in without.items()
        if not met & {"post", "part", "file"} and route not in NOT_A_PAGE
    }
    assert not unseen, "\n".join(f"{route}: {sorted(met)}" for route, met in unseen.items())
    assert not [route for route in NOT_A_PAGE if route not in without]


def test_pages_that_no_list_names(found: Any, people: dict[str, Person]) -> None:
    """What `test_every_page` does not look at as a certain role is looked at here."""
    pages, _ = found
    named = [re.sub(r"\{\w+\}", "x", path) for paths in PAGES.values() for path in paths]
    rest = set(places.left_out((page.route for page in pages), named))
    check([(page.label, page.path) for page in pages if page.route in rest], people)


def check(pages: list[tuple[str, str]], people: dict[str, Person]) -> None:
    """Look at each; say everything that was found at the end."""
    wrong = []
    for label, path in pages:
        who = people[label]
        try:
            who.open(path)
            who.check_widths()
        except (AssertionError, Error) as error:
            wrong.append(f"{label} {path}: {error}")
            who.refusals.clear()
            who.complaints.clear()
    assert not wrong, "\n\n".join(wrong)


def test_pages_of_patients(browser: Any, spare: Stack) -> None:
    """Each kind of link: as it opens, sent empty, too old, and of a visit that was moved. Before the forms of the house are
    sent, some of which are taken: a release that is revoked takes the therapist's link with it.
    """
    links = spare.run_python("tests.journeys.patient_pages")
    assert set(links) >= {
        "visit", "check_in", "questionnaire", "stop", "education", "over", "changed",
        "outside", "outside_reported", "outside_revoked", "address",
    }  # fmt: skip
    who = Person(browser, spare)
    wrong = []
    for name, path in links.items():
        try:
            who.open(path)
            who.check_widths(refused=name in ("over", "changed", "outside_revoked"))
            for place, _ in places.forms_with_boxes(who):
                who.open(path)
                spoil(who, place)
        except (AssertionError, Error) as error:
            wrong.append(f"{name}: {error}")
            who.complaints.clear()
        who.refusals.clear()
    who.context.close()
    assert not wrong, "\n\n".join(wrong)


def test_every_form_that_is_refused(found: Any, people: dict[str, Person]) -> None:
    """Each form of each page once, sent with nothing and nonsense in it."""
    pages, _ = found
    wrong, refused, taken, seen = [], [], [], set()
    for _, label, path, may_have_forms in pages:
        if not may_have_forms:
            continue
        who = people[label]
        who.open(path)
        fresh = True
        for place, shape in places.forms_with_boxes(who):
            if shape in seen:
                continue
            seen.add(shape)
            if not fresh:
                who.open(path)
            fresh = False
            try:
                (refused if spoil(who, place) else taken).append(f"{path} form {place}")
            except (AssertionError, Error) as error:
                wrong.append(f"{label} {path} form {place}: {error}")
                who.complaints.clear()
            who.refusals.clear()
    print(f"\n{len(refused)} forms refused; taken although empty: {taken}")
    assert not wrong, "\n\n".join(wrong)
    assert len(refused) > 40


def spoil(who: Person, place: int) -> bool:
    """Send this form of the open page with nothing and nonsense in it. True when it was refused and that looks right."""
    page = who.page
    answer = send(page, place)
    shown = page.locator("[data-error-summary]").count()
    if answer.status < 400 and not shown:  # the library's forms answer 200
        return False
    assert answer.status < 500, answer.status
    check_refusal(page)
    who.check_narrow_and_wide(refused=True)
    return True


def send(page: Page, place: int) -> Response:
    """The answer to the spoilt form, once the page shows it."""
    with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        page.evaluate(SPOIL, place)
    answer: Response = sent.value
    if answer.request.is_navigation_request() or "hx-redirect" in answer.headers:
        page.wait_for_function("() => !window.before")
    page.wait_for_load_state("load")
    return answer


def check_refusal(page: Page) -> None:
    """The summary has the focus, and its links lead to the boxes."""
    summary = page.locator("[data-error-summary]").first
    expect(summary).to_be_focused()
    for link in summary.get_by_role("link").all():
        expect(page.locator(str(link.get_attribute("href")))).to_have_count(1)


def test_second_factor(browser: Any, spare: Stack) -> None:
    """Turned on with the code of an authenticator, asked for at the next sign-in, and every page of it."""
    email = "therapist@demo.example"
    who = Person(browser, spare)
    who.sign_in(email, DEMO_PASSWORD)
    who.confirm_password(DEMO_PASSWORD)
    who.open("/accounts/2fa/totp/activate/")
    key = who.page.locator(".qr-code + p .mono").inner_text()
    who.page.get_by_label("Authenticator code").fill(code_now(key))
    who.page.get_by_role("button", name="Turn it on").click()
    expect(who.page.get_by_role("main")).to_contain_text("10 out of 10")
    spare_code = who.page.locator("textarea").input_value().split()[0]  # an app's code counts once
    pages = ("recovery-codes/", "recovery-codes/generate/", "totp/deactivate/", "", "reauthenticate/")
    check([("own", f"/accounts/2fa/{page}") for page in pages], {"own": who})
    again = Person(browser, spare)
    again.page.goto("/accounts/login/")
    again.page.get_by_label("E-mail").or_(again.page.get_by_label("Email")).first.fill(email)
    again.page.get_by_label("Password", exact=False).first.fill(DEMO_PASSWORD)
    again.page.get_by_role("button", name="Sign in", exact=True).click()
    again.page.wait_for_url(re.compile("/accounts/2fa/authenticate/"))
    again.check_widths()
    again.page.locator("input[name=code]").fill(spare_code)
    again.page.get_by_role("main").get_by_role("button").first.click()
    again.page.wait_for_url(HOME)
    for one in (who, again):
        one.context.close()


def test_every_page_of_a_site_that_has_just_been_opened(found: Any, browser: Any, spare: Stack) -> None:
    """The empty state of every page that needs nothing to open."""
    email = str(spare.run_python("tests.journeys.empty_site")["email"])
    who = Person(browser, spare)
    who.sign_in(email)
    pages, _ = found
    empty = [f"/{page.route}" for page in pages if "<" not in page.route]
    assert set(EMPTY) <= set(empty)
    check([("first", path) for path in empty], {"first": who})
    who.context.close()
