"""After a signed infusion: the evening message is in the mailbox at the right minute of the patient's clock; a week later
the patient answers the questionnaire by its link, and the person on duty is alerted and confirms.

Mail is judged in the mailbox of the SMTP server. The clock is moved over the waiting.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys import clinic_day as day
from tests.journeys.person import PHONE, Person
from tests.journeys.stack import Stack, wait_until

pytestmark = pytest.mark.journey

EVENING, QUESTIONS = "A quiet evening", "A few questions for you"
GIVEAWAYS = re.compile(r"ketamine|infusion|depress|psych|therap|treatment", re.IGNORECASE)
LINK = re.compile(r"http://127\.0\.0\.1:\d+(/p/[\w-]{20,}/)")


@pytest.fixture(scope="module")
def world(stack: Stack) -> dict[str, Any]:
    """An infusion that was given and signed; the clock runs on from there."""
    made = stack.run_python("tests.journeys.single_infusion")
    stack.set_clock(stack.value("SELECT app_now()"))
    return made


def mail(stack: Stack, address: str, subject: str) -> list[EmailMessage]:
    """What the mail server took for this address with this subject."""
    return [one for one in stack.mailbox.to(address) if one["Subject"] == subject]


def test_evening_message_questionnaire_and_alert(
    world: dict[str, Any], ticking: Stack, browser: Any, person: Any
) -> None:
    stack = ticking
    the_evening_message_at_half_past_eight(stack, world["address"])
    the_outside_therapist_is_told_and_reports(stack, browser, person)
    path = the_questionnaire_comes_by_mail(stack, world["address"])
    the_patient_answers(stack, browser, path)
    the_person_on_duty_is_told_and_confirms(stack, world, person)


def the_evening_message_at_half_past_eight(stack: Stack, address: str) -> None:
    """Not before 20:30 of the patient's clock, and once."""
    now: datetime = stack.value("SELECT app_now()")
    half_past = now.astimezone(day.CLINIC).replace(hour=20, minute=30, second=0, microsecond=0)
    stack.set_clock(half_past - timedelta(seconds=12))
    rounds = "SELECT rounds FROM scheduling_heartbeat WHERE name = 'tick'"
    before = wait_until(lambda: stack.rows(rounds), seconds=60, what="the first tick")[0][0]
    wait_until(lambda: stack.value(rounds) > before, seconds=60, what="a tick")
    early = mail(stack, address, EVENING)
    assert stack.value("SELECT app_now()") >= half_past or early == []
    wait_until(lambda: mail(stack, address, EVENING), seconds=90, what="the evening message")
    sent, words = stack.rows("SELECT sent_at, due_local FROM scheduling_message WHERE kind = 'rest'")[0]
    assert words.endswith("20:30")
    assert sent >= half_past
    assert len(mail(stack, address, EVENING)) == 1
    assert "drive" in mail(stack, address, EVENING)[0].get_content()


def the_outside_therapist_is_told_and_reports(stack: Stack, browser: Any, person: Any) -> None:
    """The window is open; who treats outside is put on file, gets the times by mail and reports by the link, with the
    keyboard alone; the queue, the timeline and the figures of the clinic show it as reported and nowhere as theirs.
    """
    made = stack.run_python("tests.journeys.outside_therapist")
    stack.set_clock(
        stack.value("SELECT app_now()") + timedelta(minutes=3)
    )  # while it could be undone nothing leaves
    wait_until(
        lambda: stack.mailbox.to(made["address"]), seconds=90, what="the times for the outside therapist"
    )
    (message,) = stack.mailbox.to(made["address"])
    text = f"{message['Subject']} {message.get_content()}"
    assert not GIVEAWAYS.search(LINK.sub("", text)), text
    found = LINK.search(text)
    assert found is not None, text
    held = stack.value("SELECT earliest_at FROM scheduling_followup WHERE kind = 'integration_1'")
    stack.set_clock(held + timedelta(hours=2))
    kit = Person(browser, stack, width=PHONE)
    page = kit.page
    page.goto(found.group(1))
    expect(page.get_by_role("heading", level=1)).to_have_text(message["Subject"])
    kit.check_page()
    press(page, page.get_by_role("button", name="I have seen the times"))
    press(page, page.get_by_role("link", name="Back to the times"))
    press(page, page.get_by_role("button", name="Report the session"))
    expect(page.locator("[data-error-summary]")).to_be_focused()
    kit.check_page(refused=True)
    page.get_by_label("Start of the session").fill(f"{held.astimezone(day.CLINIC):%Y-%m-%dT%H:%M}")
    press(page, page.get_by_label("It was held as I say"), "Space")
    press(page, page.get_by_role("button", name="Report the session"))
    expect(page.get_by_role("main")).to_contain_text("Your report has arrived")
    kit.check_page()
    kit.context.close()
    desk: Person = person("coordinator")
    for path, words in (
        ("/queue/?show=done", "Therapy reported"),
        (f"/patients/{made['patient']}/timeline/", "Therapy session reported by Kit Marlow"),
        ("/outcomes/?weeks=4", "Counted apart"),
    ):
        desk.open(path)
        expect(desk.page.get_by_role("main")).to_contain_text(words)
    for table in desk.page.get_by_text("Show as a table").all():
        table.click()
    desk.check_narrow_and_wide()  # the figures behind each picture too
    assert stack.value("SELECT count(*) FROM treatment_sessions_integrationsession") == 0


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    """Tab to it, as a hand on the keyboard does, and press the key there. Fails when Tab does not come by."""
    for _ in range(30):
        if target.evaluate("(one) => one === document.activeElement"):
            page.keyboard.press(key)
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {target}")


def the_questionnaire_comes_by_mail(stack: Stack, address: str) -> str:
    """A week later; the path of the link that carries the questions."""
    due = "SELECT due_at FROM scheduling_message WHERE kind = 'questionnaire' AND state = 'scheduled' ORDER BY due_at LIMIT 1"
    stack.set_clock(stack.value("SELECT t0 FROM scheduling_plasticitywindow WHERE superseded_at IS NULL"))
    wait_until(lambda: stack.rows(due), seconds=90, what="the window to open and its messages to be planned")
    stack.set_clock(stack.value(due) + timedelta(seconds=1))
    wait_until(lambda: mail(stack, address, QUESTIONS), seconds=90, what="the questionnaire")
    text = mail(stack, address, QUESTIONS)[0].get_content()
    found = LINK.search(text)
    assert found is not None, text
    assert not GIVEAWAYS.search(text), text
    return found.group(1)


def the_patient_answers(stack: Stack, browser: Any, path: str) -> None:
    """On a phone, without an account: all but item 9 "not at all", item 9 "more than half the days"."""
    patient = Person(browser, stack, width=PHONE)
    page = patient.page
    page.goto(path)
    expect(page.get_by_role("contentinfo")).to_contain_text("Answers are not watched all the time")
    expect(page.get_by_role("contentinfo")).to_contain_text("988")
    patient.check_page()
    page.get_by_role("button", name="Send the answers").click()
    expect(page.get_by_role("link", name=re.compile("Choose an answer"))).to_have_count(16)
    patient.check_page(refused=True)
    for number in range(1, 17):
        name = f"phq9_{number}" if number <= 9 else f"gad7_{number - 9}"
        page.locator(f'input[name="{name}"][value="{2 if name == "phq9_9" else 0}"]').check()
    page.get_by_role("button", name="Send the answers").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you")
    expect(page.get_by_role("main")).to_contain_text("You need not be alone with this")
    patient.check_page()
    patient.context.close()
    assert stack.rows("SELECT instrument, total FROM treatment_sessions_outcomescore ORDER BY 1") == [
        ("gad7", 0),
        ("phq9", 2),
    ]


def the_person_on_duty_is_told_and_confirms(stack: Stack, world: dict[str, Any], person: Any) -> None:
    """The nurse is first on the roster; the mail names nobody; one press ends the climbing."""
    address = world["people"]["nurse"]
    wait_until(lambda: mail(stack, address, "Somebody needs you now"), seconds=60, what="the alert")
    text = mail(stack, address, "Somebody needs you now")[0].get_content()
    family = world["patient_name"].split(",")[0]
    assert family not in text
    (code,) = stack.rows("SELECT code FROM scheduling_staffalert")[0]
    assert f"/alerts/{code}/" in text
    nurse: Person = person("nurse")
    nurse.open(f"/alerts/{code}/")
    expect(nurse.page.get_by_role("heading", level=1)).to_contain_text(family)
    expect(nurse.page.get_by_role("main")).to_contain_text("PHQ-9 item 9 answered 2")
    nurse.check_page()
    nurse.page.get_by_role("button", name="I have seen it and call now").click()
    day.flash(nurse.page, re.compile("Confirmed"))
    nurse.check_page()
    for path in ("/duty/", "/alerts/", "/open-loops/", "/messages/", "/work/"):
        nurse.open(path)
        nurse.check_page()
    assert stack.value("SELECT count(*) FROM scheduling_staffalert WHERE acknowledged_at IS NOT NULL") == 1
