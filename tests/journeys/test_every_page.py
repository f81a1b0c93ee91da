"""Every page as each role sees it, on a wide screen and on a phone: filled, and with something typed wrongly. Empty pages
are in test_every_form.

Held to: no accessibility violation (axe), no console error (a CSP violation is one), no sideways scroll.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from playwright.sync_api import Error, Page, expect

from scheduling.demo.cast import PASSWORD as DEMO_PASSWORD
from tests.journeys.person import Person
from tests.journeys.stack import Stack

pytestmark = pytest.mark.journey

NOWHERE = uuid.UUID(int=7)
THERAPIST = "SELECT id FROM staff_user WHERE email = 'therapist@demo.example'"
WINDOW = """SELECT w.code FROM scheduling_plasticitywindow w JOIN patients_patient p ON p.id = w.patient_id
            WHERE w.superseded_at IS NULL AND w.status = '{status}' AND p.therapist_id = ({therapist})
            ORDER BY w.t0 DESC LIMIT 1"""
FIRST = {
    "infusing": "SELECT code FROM treatment_sessions_infusion WHERE status = 'infusing' ORDER BY id LIMIT 1",
    "recovering": "SELECT code FROM treatment_sessions_infusion WHERE status = 'recovering' ORDER BY id LIMIT 1",
    "waiting": "SELECT code FROM treatment_sessions_infusion WHERE status IN ('arrived', 'ready') ORDER BY id LIMIT 1",
    "signed": "SELECT code FROM treatment_sessions_infusion WHERE status = 'signed-off' ORDER BY id DESC LIMIT 1",
    "event": """SELECT e.code FROM treatment_sessions_pumpevent e JOIN treatment_sessions_infusion i
                ON i.id = e.infusion_id WHERE i.status = 'recovering' ORDER BY e.id LIMIT 1""",
    "patient": """SELECT p.code FROM patients_patient p JOIN treatment_sessions_infusion i ON i.patient_id = p.id
                  WHERE i.status = 'signed-off' ORDER BY p.id LIMIT 1""",
    "consent": "SELECT code FROM treatment_sessions_consent WHERE withdrawn_at IS NULL ORDER BY id LIMIT 1",
    "unplanned": """SELECT code FROM patients_patient p WHERE NOT EXISTS (
                    SELECT 1 FROM scheduling_treatmentseries s WHERE s.patient_id = p.id) ORDER BY id LIMIT 1""",
    "planned": """SELECT p.code FROM patients_patient p JOIN scheduling_treatmentseries s ON s.patient_id = p.id
                  WHERE s.status = 'active' ORDER BY p.id LIMIT 1""",
    "to_review": """SELECT split_part(key, ':', 2) FROM scheduling_workitem
                   WHERE key LIKE 'review:%%' AND resolved_at IS NULL ORDER BY id LIMIT 1""",
    "series": "SELECT code FROM scheduling_treatmentseries WHERE status = 'active' ORDER BY id LIMIT 1",
    "visit": """SELECT code FROM scheduling_appointment WHERE kind = 'infusion' AND status = 'booked'
                ORDER BY during DESC LIMIT 1""",
    "past": "SELECT code FROM scheduling_appointment WHERE status = 'completed' ORDER BY id LIMIT 1",
    "window": WINDOW.format(status="open", therapist=THERAPIST),
    "pending": WINDOW.format(status="pending", therapist=THERAPIST),
    "therapy": f"""SELECT f.code FROM scheduling_followup f JOIN scheduling_plasticitywindow w
                  ON w.infusion_id = f.infusion_id AND w.superseded_at IS NULL AND w.status = 'open'
                  JOIN patients_patient p ON p.id = f.patient_id
                  WHERE f.therapy AND f.state = 'released' AND p.therapist_id = ({THERAPIST})
                  ORDER BY f.hard_latest_at DESC LIMIT 1""",
    "check_in": """SELECT code FROM scheduling_followup WHERE NOT therapy AND state = 'released'
                   AND audience = 'nurse' ORDER BY id LIMIT 1""",
    "message": "SELECT code FROM scheduling_message WHERE state = 'scheduled' ORDER BY id LIMIT 1",
    "item": "SELECT code FROM scheduling_workitem WHERE resolved_at IS NULL ORDER BY id LIMIT 1",
    "own": f"SELECT code FROM patients_patient WHERE therapist_id = ({THERAPIST}) ORDER BY id LIMIT 1",
    "own_series": f"""SELECT s.code FROM scheduling_treatmentseries s JOIN patients_patient p ON p.id = s.patient_id
                     WHERE s.status = 'active' AND p.therapist_id = ({THERAPIST}) ORDER BY s.id LIMIT 1""",
    "own_signed": f"""SELECT i.code FROM treatment_sessions_infusion i JOIN patients_patient p ON p.id = i.patient_id
                     WHERE i.status = 'signed-off' AND p.therapist_id = ({THERAPIST}) ORDER BY i.id LIMIT 1""",
    "own_therapy": f"""SELECT code FROM treatment_sessions_integrationsession WHERE completed_at IS NOT NULL
                      AND therapist_id = ({THERAPIST}) ORDER BY id LIMIT 1""",
    "colleague": "SELECT code FROM staff_user WHERE email = 'h.berg@demo.example'",
    "licence": "SELECT l.code FROM staff_licence l ORDER BY l.id LIMIT 1",
    "place": "SELECT code FROM staff_site ORDER BY id LIMIT 1",
    "outside": "SELECT code FROM patients_patient WHERE external_therapist_id IS NOT NULL ORDER BY id LIMIT 1",
    "release": "SELECT code FROM patients_therapistrelease WHERE revoked_at IS NULL ORDER BY id LIMIT 1",
    "times": """SELECT code FROM scheduling_followup WHERE outside_id IS NOT NULL AND state = 'released'
                AND kind = 'integration_1' ORDER BY id LIMIT 1""",
    "reported": "SELECT code FROM scheduling_followup WHERE state = 'reported' ORDER BY id LIMIT 1",
    "nurse_lane": "SELECT code FROM scheduling_resource WHERE kind = 'nurse' ORDER BY id LIMIT 1",
}
VERSION = "/protocols/six-in-three-weeks/v/1/"
PAGES = {
    "Prescribing clinician": (
        "/", "/patients/", "/patients/?q=zzzz", "/patients/{patient}/", "/patients/{unplanned}/",
        "/patients/{unplanned}/plan/",
        "/series/{series}/", "/series/{series}/end/", "/patients/{planned}/extra-infusion/",
        "/visits/{visit}/",
        "/visits/{past}/", "/infusions/{signed}/", "/infusions/{recovering}/",
        "/infusions/{recovering}/sign-off/",
        "/consents/{consent}/withdraw/", "/clinic-plan/", "/waitlist/", "/alerts/", "/series/{series}/longer-gap/",
        "/queue/", "/windows/{window}/", VERSION, "/series/{to_review}/review/", "/overrides/",
        "/series/{series}/switch/", "/patients/{patient}/timeline/", "/patients/{unplanned}/timeline/",
        "/visits/{visit}/check-in/decide/",
    ),
    "Infusion nurse": (
        "/", "/board/", "/infusions/{infusing}/", "/infusions/{waiting}/",
        "/infusions/{recovering}/pump/move/",
        "/pump-events/{event}/amend/", "/patients/{patient}/safety-contact/",
        "/patients/{patient}/consents/new/",
        "/patients/{patient}/education/new/", "/patients/{patient}/scores/new/",
        "/follow-ups/{check_in}/done/", "/work/", "/day-sheet/", "/close-the-day/",
        "/infusions/{recovering}/take-home/", "/infusions/{recovering}/ambulance/",
    ),
    "Licensed therapist": (
        "/", "/queue/", "/queue/?show=waiting", "/queue/?show=done", "/queue/?whose=mine", "/queue/cover/", "/outcomes/?weeks=26",
        "/follow-ups/{therapy}/not-fit/", "/patients/{own}/progress/new/", "/therapy/{own_therapy}/",
        "/therapy/{own_therapy}/amend/", "/therapy/{own_therapy}/private/", "/infusions/{own_signed}/nights/",
        "/windows/{window}/",
        "/windows/{pending}/", "/follow-ups/{therapy}/book/", "/follow-ups/{therapy}/declined/",
        "/patients/", "/series/{own_series}/preparation/", "/series/{own_series}/preparation/held/",
    ),
    "Coordinator": (
        "/", "/week/", "/board/", "/visits/{visit}/", "/visits/{visit}/move/",
        "/before-visits/", "/before-visits/?span=month&whose=mine", "/site-gates/", "/visits/{visit}/gates/",
        "/visits/{visit}/gates/escort/",
        "/visits/{visit}/postpone/", "/visits/{visit}/skip/",
        "/work/", "/work/{item}/", "/messages/", "/messages/?show=sent", "/messages/{message}/", "/messages/?show=trouble",
        "/outbox/", "/resources/",
        "/resources/{nurse_lane}/", "/clinic-plan/", "/waitlist/", "/replan/", "/import/", "/visits/{visit}/history/", "/duty/",
        "/open-loops/", "/patients/new/", "/patients/{patient}/edit/",
        "/patients/{patient}/team/",
        "/patients/{patient}/status/", "/patients/{patient}/contacts/new/",
        "/patients/{patient}/quiet-hours/",
        "/patients/{patient}/contraindications/new/",
        "/patients/{patient}/representatives/new/",
        "/patients/{outside}/", "/patients/{outside}/outside-therapist/", "/patients/{outside}/outside-therapist/end/",
        "/patients/{outside}/release/", "/releases/{release}/revoke/", "/follow-ups/{times}/report/",
        "/follow-ups/{reported}/report/withdraw/",
        "/patients/{patient}/exposures/new/", "/accounts/password/change/", "/accounts/sessions/",
    ),
    "Protocol admin": (
        "/", "/protocols/", "/protocols/new/", "/protocols/six-in-three-weeks/", VERSION,
        f"{VERSION}consent/", f"{VERSION}revise/",
        f"{VERSION}retire/", f"{VERSION}preview/", "/protocols/six-in-three-weeks/v/2/outside/", "/protocols/six-in-three-weeks/compare/",
        "/protocols/import/", "/language/", "/compromises/", "/styleguide/", "/accounts/logout/",
    ),
    "Clinic manager": (
        "/", "/people/", "/people/?q=zzzz", "/people/invite/", "/people/{colleague}/", "/people/{colleague}/edit/",
        "/people/{colleague}/access/", "/people/{colleague}/deactivate/", "/people/{colleague}/licences/new/",
        "/licences/{licence}/", "/sites/", "/sites/new/", "/sites/{place}/", "/resources/", "/resources/new/",
        "/resources/{nurse_lane}/", "/resources/{nurse_lane}/change/", "/accounts/2fa/",
    ),
}  # fmt: skip
EMAILS = {"Prescribing clinician": "clinician@demo.example", "Clinic manager": "manager@demo.example"}


@pytest.fixture(scope="module")
def places(demo: Stack) -> dict[str, str]:
    """One example of each kind of thing in the sample clinic."""
    return {name: str(demo.value(statement)) for name, statement in FIRST.items()}


def walk(who: Person, paths: Iterable[str], check: Callable[[Person], None] = Person.check_widths) -> None:
    """Open and check page after page; at the end, say everything that was found."""
    found = []
    for path in paths:
        try:
            who.open(path)
            check(who)
        except (AssertionError, Error) as error:
            found.append(f"{path}: {error}")
            who.refusals.clear()
            who.complaints.clear()
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("label", PAGES)
def test_filled_pages(guest: Any, places: dict[str, str], label: str) -> None:
    who: Person = guest()
    if label in EMAILS:  # a password was typed, so that the page of the signature opens
        who.sign_in(EMAILS[label], DEMO_PASSWORD)
        who.confirm_password(DEMO_PASSWORD)
    else:
        who.one_click(label)
    walk(who, [path.format(**places) for path in PAGES[label]])


def test_pages_of_a_visitor(guest: Any) -> None:
    who: Person = guest()
    walk(who, ["/accounts/login/", "/accounts/password/reset/", "/accounts/password/reset/done/"])
    who.page.goto("/accounts/login/")
    who.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(who.page.locator("[data-error-summary]")).to_be_focused()
    who.check_widths(refused=True)


def test_refusals_say_what_to_do(guest: Any) -> None:
    who: Person = guest("Licensed therapist")
    for path, status, title in (
        (f"/patients/{NOWHERE}/", 404, "There is nothing here that you can open"),
        ("/no-such-page/", 404, "There is nothing here that you can open"),
        ("/protocols/new/", 403, "Your role does not allow this"),
        ("/messages/", 403, "Your role does not allow this"),
    ):
        answer = who.page.goto(path)
        assert answer is not None
        assert answer.status == status
        expect(who.page.get_by_role("heading", level=1)).to_have_text(title)
        expect(who.page.get_by_role("link", name="Go to Today")).to_be_visible()
        who.check_widths(refused=True)


def clear(*labels: str) -> Callable[[Page], None]:
    """Empty these boxes."""

    def do(page: Page) -> None:
        for label in labels:
            page.get_by_label(label).first.fill("")

    return do


def fill(label: str, value: str) -> Callable[[Page], None]:
    """Type something that cannot be."""
    return lambda page: page.get_by_label(label).first.fill(value)


def choose(label: str) -> Callable[[Page], None]:
    """Take a choice that asks for more."""
    return lambda page: page.get_by_label(label).first.check()


def nothing(page: Page) -> None:
    """Leave the form as it is."""


WRONG: tuple[tuple[str, str, Callable[[Page], None], str], ...] = (
    ("Prescribing clinician", "/patients/{unplanned}/plan/", fill("Weight", "7_0"), "Propose dates"),
    ("Prescribing clinician", "/infusions/{recovering}/", fill("Systolic", "1e400"), "Save"),
    ("Prescribing clinician", "/series/{series}/end/", nothing, "End the series"),
    ("Prescribing clinician", "/series/{to_review}/review/", nothing, "Sign the review"),
    ("Prescribing clinician", "/visits/{visit}/check-in/decide/", nothing, "Check in with this reason"),
    ("Infusion nurse", "/patients/{patient}/safety-contact/", nothing, "Save the safety contact"),
    ("Infusion nurse", "/pump-events/{event}/amend/", clear("Observed at"), "Save the correction"),
    ("Infusion nurse", "/patients/{patient}/scores/new/", nothing, "Save"),
    ("Licensed therapist", "/follow-ups/{therapy}/book/", nothing, "Book this time"),
    ("Licensed therapist", "/follow-ups/{therapy}/declined/", nothing, "Record that the patient declines"),
    ("Coordinator", "/patients/new/", nothing, ""),
    ("Coordinator", "/visits/{visit}/postpone/", nothing, ""),
    ("Coordinator", "/visits/{visit}/move/", nothing, "Move the visit"),
    ("Coordinator", "/import/", nothing, "Check the file"),
    ("Coordinator", "/site-gates/", nothing, "Add the gate"),
    ("Coordinator", "/visits/{visit}/gates/escort/", choose("Does not apply"), "Save"),
    ("Coordinator", "/patients/{patient}/contacts/new/", nothing, ""),
    ("Coordinator", "/patients/{patient}/representatives/new/", nothing, "Save the representative"),
    ("Coordinator", "/patients/{outside}/outside-therapist/", nothing, "Save the outside therapist"),
    ("Coordinator", "/patients/{outside}/release/", nothing, "Save the release"),
    ("Coordinator", "/follow-ups/{times}/report/", nothing, "Save the report"),
    ("Coordinator", "/follow-ups/{reported}/report/withdraw/", nothing, "Withdraw the report"),
    ("Licensed therapist", "/series/{own_series}/preparation/held/", nothing, "Save what was agreed"),
    ("Protocol admin", "/protocols/six-in-three-weeks/v/2/outside/", nothing, "Send the link"),
    ("Protocol admin", "/protocols/new/", nothing, ""),
    ("Clinic manager", "/people/invite/", nothing, "Send the invitation"),
    ("Clinic manager", "/people/{colleague}/deactivate/", nothing, "End access"),
    (
        "Clinic manager",
        "/people/{colleague}/licences/new/",
        fill("Where it is valid", "Oregon"),
        "Save the licence",
    ),
    ("Clinic manager", "/sites/new/", nothing, "Open the site"),
    ("Clinic manager", "/resources/new/", nothing, "Add it"),
)


@pytest.mark.parametrize("label", PAGES)
def test_pages_with_something_wrong(guest: Any, places: dict[str, str], label: str) -> None:
    """The answer names the field; the summary has the focus and its links lead to the boxes."""
    who: Person = guest()
    if label in EMAILS:
        who.sign_in(EMAILS[label], DEMO_PASSWORD)
        who.confirm_password(DEMO_PASSWORD)
    else:
        who.one_click(label)
    found = []
    for role, path, spoil, button in WRONG:
        if role != label:
            continue
        try:
            check_error_state(who, path.format(**places), spoil, button)
        except (AssertionError, Error) as error:
            found.append(f"{path}: {error}")
            who.refusals.clear()
    assert not found, "\n\n".join(found)


def check_error_state(who: Person, path: str, spoil: Callable[[Page], None], button: str) -> None:
    """Spoil the form, send it, and look at what comes back."""
    page = who.page
    who.open(path)
    spoil(page)
    buttons = page.get_by_role("main").get_by_role("button", name=re.compile(f"^{button}"))
    (buttons.first if button else page.locator("main form .button-primary").last).click()
    summary = page.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))
    for link in summary.get_by_role("link").all():
        target = str(link.get_attribute("href"))
        expect(page.locator(target)).to_have_count(1)
    who.check_widths(refused=True)
