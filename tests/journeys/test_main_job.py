"""The one job of the product, as three people do it in their own browsers: an infusion is planned, given, cleared,
and what follows lands in the therapist's queue and in the patient's mailbox.

Everything is real: gunicorn, a Celery worker and beat, PostgreSQL, Valkey, an SMTP server. The clock is moved over
the waiting; nothing sleeps.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import clinic_day as day
from tests.journeys.person import Person
from tests.journeys.stack import Stack, wait_until

pytestmark = pytest.mark.journey

NO_DRIVING, REST = "Please do not drive today", "For this evening"
GIVEAWAYS = re.compile(
    r"ketamine|infusion|clinic|depress|psych|therap|drug|treatment|plasticity", re.IGNORECASE
)
MINUTE = timedelta(minutes=1)


def infusion_start(stack: Stack, ordinal: int) -> datetime:
    """When that visit is booked."""
    found = stack.value(
        "SELECT lower(during) FROM scheduling_appointment WHERE kind = 'infusion' AND ordinal = %s", [ordinal]
    )
    assert isinstance(found, datetime)
    return found


def therapy_time(stack: Stack) -> datetime:
    """From when the current window after infusion 1 lets therapy begin."""
    found = stack.value("SELECT t0 FROM scheduling_plasticitywindow WHERE superseded_at IS NULL")
    assert isinstance(found, datetime)
    return found


def window_status(stack: Stack) -> str:
    """The stored state of the one current window."""
    return str(stack.value("SELECT status FROM scheduling_plasticitywindow WHERE superseded_at IS NULL"))


def test_an_infusion_is_planned_given_cleared_and_followed_by_therapy(
    ticking: Stack, world: dict[str, Any], person: Any
) -> None:
    stack = ticking
    clinician: Person = person("clinician")
    plan(stack, world, clinician)
    start = infusion_start(stack, 1)
    stack.set_clock(start - 10 * MINUTE)
    nurse: Person = person("nurse")
    prepare(stack, world, nurse, clinician)
    give(stack, nurse, start)
    recover(stack, nurse, start + 45 * MINUTE)
    sign(stack, world, clinician)
    therapist: Person = person("therapist")
    locked_until_then(stack, world, therapist)
    opens_once_and_only_by_the_worker(stack, world, therapist)
    evening(stack, world, clinician)
    treat(stack, world, therapist)
    nothing_is_twice_or_too_early(stack, world)


def plan(stack: Stack, world: dict[str, Any], clinician: Person) -> None:
    """Six infusions on the published protocol: preview, then all or nothing."""
    page = clinician.page
    day.open_patient(clinician, world["patient_name"])
    clinician.settle()
    clinician.check_page()
    day.propose_series(clinician, "70")
    facts = page.locator("dl.facts").first
    expect(facts).to_contain_text("35.0 mg")
    expect(facts).to_contain_text(re.compile(r"Therapy after\s*\d+ h \d+ min\s*from the start, estimate"))
    rows = page.locator("#dates-title").locator("xpath=ancestor::section").locator("tbody tr")
    expect(rows).to_have_count(6)
    expect(rows.first).to_contain_text("estimate")
    page.get_by_text("What follows each infusion").click()
    after_first = page.get_by_role("region", name="After infusion 1")
    expect(after_first).to_contain_text("No driving until tomorrow")
    expect(after_first).to_contain_text("Next-morning check-in")
    expect(after_first).to_contain_text("Post-infusion therapy 1")
    clinician.check_page()
    assert stack.value("SELECT count(*) FROM scheduling_treatmentseries") == 0, "a preview writes nothing"
    day.book_series(clinician, 6)
    expect(page.get_by_role("row", name=re.compile("Infusion [1-6]"))).to_have_count(6)
    clinician.settle()
    expect(page.locator("#follow-ups")).to_contain_text("Next-morning check-in")
    clinician.check_page()
    booked = "SELECT count(*) FROM scheduling_appointment WHERE kind = 'infusion' AND status = 'booked'"
    assert stack.value(booked) == 6
    states = stack.rows("SELECT DISTINCT state FROM scheduling_followup")
    assert states == [("provisional",)]


def prepare(stack: Stack, world: dict[str, Any], nurse: Person, clinician: Person) -> None:
    """Check in, weigh twice, check, measure; the clinician signs the order."""
    day.check_in(nurse, world["patient_name"])
    nurse.check_page()
    day.weigh_twice(nurse, "70")
    assert day.answer_all(nurse, re.compile("^Yes ?: ")) >= 3
    day.measure(nurse, "120/78", "72", "98")
    day.open_record(clinician, world["patient_name"])
    day.sign_order(clinician, "35")
    clinician.check_page()
    nurse.page.reload()
    expect(nurse.page.locator("#before-start")).to_contain_text("All clear")
    nurse.check_page()


def give(stack: Stack, nurse: Person, start: datetime) -> None:
    """Start, pause, resume and stop with their actual times."""
    stack.set_clock(start + 1 * MINUTE)
    day.pump(nurse, "Start the pump", start, "Start")
    main = nurse.page.locator("#record-now .fact-main")
    expect(main).to_contain_text("estimate until signed")
    stack.set_clock(start + 46 * MINUTE)
    day.measure(nurse, "132/84", "80", "97", at=start + 15 * MINUTE)
    day.pump(nurse, "Pause", start + 20 * MINUTE, "Pause")
    day.pump(nurse, "Resume", start + 25 * MINUTE, "Resume")
    day.pump(nurse, "Stop the pump", start + 45 * MINUTE, "Stop")
    expect(nurse.page.locator("#record-now")).to_contain_text("35.00 mg given")
    assert stack.value("SELECT delivered_mg FROM treatment_sessions_infusion") == 35
    assert window_status(stack) == "provisional"
    safety = "SELECT count(*) FROM scheduling_followup WHERE kind = 'no_driving' AND state = 'released'"
    assert stack.value(safety) == 1, "safety does not wait for the signature"
    nurse.check_page()


def recover(stack: Stack, nurse: Person, stopped: datetime) -> None:
    """Vitals, then every criterion that people observe; the observation ends by the clock."""
    stack.set_clock(stopped + 60 * MINUTE)
    nurse.page.reload()
    day.measure(nurse, "122/79", "74", "98")
    assert day.answer_all(nurse, re.compile("^Met ?: ")) >= 6
    expect(nurse.page.locator("#discharge")).to_contain_text("Not yet")
    nurse.check_page()
    ends = nurse.page.locator("#discharge").get_by_text(re.compile("^Until")).locator("time")
    stack.set_clock(datetime.fromisoformat(str(ends.get_attribute("datetime"))) + 2 * MINUTE)
    nurse.page.reload()
    expect(nurse.page.locator("#discharge")).to_contain_text("Ready to leave")


def sign(stack: Stack, world: dict[str, Any], clinician: Person) -> None:
    """The signature, with the password typed again, fixes the therapy time; the page says it in words."""
    assert stack.run_python("tests.journeys.forget_confirmation")["changed"] >= 2
    day.open_record(clinician, world["patient_name"])
    day.sign_off(clinician)
    t0 = therapy_time(stack)
    main = clinician.page.locator("#record-now .fact-main")
    expect(main).to_contain_text(f"Therapy from {day.short_words(t0)}", use_inner_text=True)
    expect(main).to_contain_text("signed")
    clinician.check_page()
    assert window_status(stack) == "pending"
    assert t0 > infusion_start(stack, 1) + timedelta(hours=3)
    held = "SELECT count(*) FROM scheduling_followup WHERE state = 'firm' AND kind = 'integration_1'"
    assert stack.value(held) == 1, "firm after infusion 1 only"


def locked_until_then(stack: Stack, world: dict[str, Any], therapist: Person) -> None:
    """Before the therapy time Start is locked and says when and why; a safety contact is possible."""
    page, t0 = therapist.page, therapy_time(stack)
    stack.set_clock(t0 - 5 * MINUTE)
    page.goto("/queue/")
    row = page.get_by_role("listitem").filter(has_text=world["patient_name"])
    expect(row).to_contain_text("Opening")
    expect(row).to_contain_text(re.compile(r"Therapy from \w{3} \d\d:\d\d, target by .*, until "))
    therapist.check_page()
    row.get_by_role("link", name=world["patient_name"], exact=True).click()
    card = page.get_by_role("region", name="Post-infusion therapy 1")
    expect(card).to_contain_text("Therapy cannot start yet")
    expect(card).to_contain_text(f"{t0.astimezone(day.CLINIC):%H:%M}")
    expect(card.get_by_role("button", name="Start now")).to_have_count(0)
    therapist.check_page()
    card.get_by_role("link", name="safety contact").click()
    page.get_by_label("By phone").check()
    page.get_by_label("What was said and done").fill("Called the desk, feels fine, no thoughts of harm.")
    page.get_by_role("button", name="Save the safety contact").click()
    day.flash(page, "Safety contact saved.")
    assert stack.value("SELECT count(*) FROM treatment_sessions_safetycontact") == 1


def opens_once_and_only_by_the_worker(stack: Stack, world: dict[str, Any], therapist: Person) -> None:
    """With the worker killed the moment passes and nothing opens; restarted, everything opens once."""
    page, t0 = therapist.page, therapy_time(stack)
    stack.kill("worker")
    stack.set_clock(t0 + 1 * MINUTE)
    enough = stack.waiting_tasks() + 3
    wait_until(lambda: stack.waiting_tasks() >= enough, seconds=60, what="three ticks that nobody works on")
    assert window_status(stack) == "pending"
    waiting = "SELECT count(*) FROM scheduling_followup WHERE state = 'firm'"
    assert stack.value(waiting) >= 1
    stack.start("worker")
    wait_until(lambda: window_status(stack) == "open", seconds=90, what="the tick to open the window")
    wait_until(lambda: stack.waiting_tasks() == 0, seconds=90, what="the heap of ticks to be worked off")
    assert stack.value(waiting) == 0
    opened = "SELECT count(*) FROM scheduling_plasticitywindowevent WHERE status = 'open'"
    assert stack.value(opened) == 1, "opened once"
    page.goto("/queue/")
    row = page.get_by_role("listitem").filter(has_text=world["patient_name"])
    expect(row).to_contain_text("Opening")
    row.get_by_role("button", name="Take").click()
    day.flash(page, "Taken. It is on your list now.")
    therapist.check_page()


def evening(stack: Stack, world: dict[str, Any], clinician: Person) -> None:
    """The neutral messages are in the other server's mailbox, once each, at their hours."""
    inbox, address = stack.mailbox, world["address"]
    wait_until(lambda: inbox.to(address), seconds=60, what="the message in the mailbox")
    start = infusion_start(stack, 1).astimezone(day.CLINIC)
    stack.set_clock(start.replace(hour=20, minute=31, second=0, microsecond=0))
    wait_until(lambda: len(inbox.to(address)) >= 2, seconds=60, what="the evening message")
    first, second = inbox.to(address)
    assert first["Subject"] == NO_DRIVING
    assert second["Subject"] != NO_DRIVING
    for message in (first, second):
        text = f"{message['From']} {message['Subject']} {message.get_content()}"
        words = text.replace("clinic.example", "")
        assert not GIVEAWAYS.search(words.replace("Clinic", "")), text
        assert "may drive" not in text
    clinician.page.goto("/messages/?show=sent")
    table = clinician.page.get_by_role("main").get_by_role("table")
    expect(table.get_by_role("row").filter(has_text=world["patient_name"])).to_have_count(2)
    clinician.check_page()


def on_first_row(page: Page, key: str) -> None:
    """j to the first row of the queue, then the key of what is to be done there."""
    page.locator("body").press("j")
    expect(page.locator("[data-row] a").first).to_be_focused()
    page.keyboard.press(key)


def treat(stack: Stack, world: dict[str, Any], therapist: Person) -> None:
    """Book the first free time, start then, complete with a note."""
    page = therapist.page
    page.goto("/queue/?whose=mine")
    row = page.get_by_role("listitem").filter(has_text=world["patient_name"])
    expect(row.get_by_role("link", name="Book a time")).to_be_visible()
    on_first_row(page, "m")
    slot = page.locator("#times .slots button").first
    slot.click()
    day.flash(page, "Booked")
    booked = "SELECT lower(during) FROM scheduling_appointment WHERE kind = 'therapy'"
    start = stack.value(booked)
    expect(page.locator("#times")).to_contain_text(day.short_words(start))
    stack.set_clock(start + 1 * MINUTE)
    page.goto("/queue/?whose=mine")
    expect(row).to_contain_text("Open")
    therapist.check_page()
    expect(row.get_by_role("button", name="Start now")).to_be_visible()
    on_first_row(page, "e")
    expect(page.get_by_role("heading", level=1)).to_have_text("Complete the therapy session")
    page.get_by_label("Goals").fill("Walk to the shop twice this week.")
    page.get_by_label("Practice plan: what").fill("Twenty minutes in the morning and in the evening.")
    therapist.check_page()
    page.get_by_role("button", name="Sign the note and complete").click()
    day.flash(page, "The therapy session is complete.")
    expect(page.locator("#times")).to_contain_text("Done")
    page.goto("/queue/?show=done")
    expect(row).to_contain_text("Therapy done")
    therapist.check_page()


def nothing_is_twice_or_too_early(stack: Stack, world: dict[str, Any]) -> None:
    """What must hold whatever the pages say."""
    early = """SELECT count(*) FROM treatment_sessions_integrationsession s
               JOIN scheduling_plasticitywindow w ON w.patient_id = s.patient_id AND w.superseded_at IS NULL
               WHERE s.started_at < w.t0"""
    assert stack.value("SELECT count(*) FROM treatment_sessions_integrationsession") == 1
    assert stack.value(early) == 0
    twice = """SELECT infusion_id FROM scheduling_plasticitywindow WHERE superseded_at IS NULL
               GROUP BY infusion_id HAVING count(*) > 1"""
    assert stack.rows(twice) == []
    overlap = """SELECT count(*) FROM scheduling_patientspan a JOIN scheduling_patientspan b
                 ON a.patient_id = b.patient_id AND a.kind < b.kind AND a.during && b.during"""
    assert stack.value(overlap) == 0
    subjects = [str(message["Subject"]) for message in stack.mailbox.to(world["address"])]
    assert subjects.count(NO_DRIVING) == 1
    sent = "SELECT count(*) FROM scheduling_message WHERE state = 'sent'"
    wait_until(
        lambda: stack.value(sent) == len(stack.mailbox.messages), seconds=30, what="one row for each mail"
    )
