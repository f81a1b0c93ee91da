"""A day with three patients at once: one as planned and by keyboard alone, one paused for blood pressure and resumed,
one stopped early with a serious adverse event. It ends in the right rows of the queue and the right withheld follow-ups.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys import clinic_day as day
from tests.journeys.person import Person
from tests.journeys.stack import PASSWORD, Stack

pytestmark = pytest.mark.journey

NINE = datetime(2026, 3, 5, 17, 0, tzinfo=UTC)  # 09:00 in Los Angeles, when two pumps start
TEN = NINE + timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TABS = 160  # at most so many presses of Tab lead anywhere on a record
NOTE = "Warm and calm, says the music helps."


@pytest.fixture(scope="module")
def world(stack: Stack) -> dict[str, Any]:
    """Two patients in their chairs, one expected."""
    return stack.run_python("tests.journeys.three_chairs")


def reach(page: Page, target: Locator) -> None:
    """Press Tab until the focus is there."""
    expect(target).to_be_visible()
    for _ in range(TABS):
        if target.evaluate("(one) => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {target}")


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    reach(page, target)
    page.keyboard.press(key)


def fill(page: Page, box: str, words: str) -> None:
    reach(page, page.locator(box))
    for place, part in enumerate(words.split("\t")):
        if place:
            page.keyboard.press("Tab")
        page.keyboard.type(part)


def arrived(who: Person) -> None:
    """The parts of the record that load by themselves are there."""
    expect(who.page.locator("#duty")).to_be_visible()


def open_record(who: Person, code: str) -> None:
    who.page.goto(f"/infusions/{code}/")
    arrived(who)


def test_a_day_with_three_patients(stack: Stack, world: dict[str, Any], person: Any) -> None:
    nurse: Person = person("nurse")
    clinician: Person = person("clinician")
    stack.set_clock(NINE + 10 * MINUTE)
    paused_and_resumed(stack, world, nurse)
    stopped_early(world, nurse)
    board_is_live(stack, world, person("nurse"))
    prepared_by_keyboard(stack, world, nurse, clinician)
    note_survives_a_lost_connection(nurse)
    given_by_keyboard(stack, nurse)
    signed_by_keyboard(stack, world, nurse, clinician)
    therapist: Person = person("therapist")
    queue_and_follow_ups(stack, world, therapist, clinician)
    signing_out_forgets(nurse)


def paused_and_resumed(stack: Stack, world: dict[str, Any], nurse: Person) -> None:
    """Over the limit the record says pause; it goes on with a reading under the limit and a note."""
    page = nurse.page
    open_record(nurse, world["paused"])
    mistyped(page, "104\t184\t88\t97\n")
    nurse.refusals.clear()
    day.measure(nurse, "184/104", "88", "97")
    expect(page.locator("#vitals_diastolic")).to_have_value("")  # what was refused is not offered again
    expect(page.locator("#record-now")).to_contain_text("Pause the pump")
    day.pump(nurse, "Pause", NINE + 10 * MINUTE, "Pause")
    expect(page.locator("#record-now")).to_contain_text("Stay paused")
    nurse.check_page()
    nurse.check_touch()
    stack.set_clock(NINE + 15 * MINUTE)
    day.measure(nurse, "138/84", "76", "98")
    stack.set_clock(NINE + 16 * MINUTE)
    page.locator("#pump_reason").fill("138/84 after rest, prescriber informed")
    day.pump(nurse, "Resume", NINE + 16 * MINUTE, "Resume")


def mistyped(page: Page, numbers: str) -> None:
    """A reading with its pressures the wrong way round stays in its boxes, beside the words."""
    fill(page, "#vitals_systolic", numbers)
    expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page.locator("#vitals_diastolic")).to_have_value("184")


def stopped_early(world: dict[str, Any], nurse: Person) -> None:
    """A serious event: nothing is chosen for the nurse, the pump stops, later infusions wait for a prescriber."""
    page = nurse.page
    open_record(nurse, world["stopped"])
    now, panel = page.locator("#record-now"), page.locator("#adverse-events")
    panel.get_by_text("Record an adverse event").click()
    panel.get_by_label("What happened").select_option("chest_pain")
    panel.get_by_role("button", name="Save the adverse event").click()
    expect(page.locator("[data-error-summary]")).to_contain_text("How serious")
    nurse.refusals.clear()
    panel.get_by_label("Serious", exact=True).check()
    panel.get_by_role("button", name="Save the adverse event").click()
    expect(now).to_contain_text("Stop the pump now. Do not resume. Call the prescriber.")
    expect(now).to_contain_text("Chest pain")
    expect(page.locator("#record")).to_contain_text("on hold")
    day.pump(nurse, "Stop the pump", NINE + 16 * MINUTE, "Stop")
    expect(now).to_contain_text("14.00 mg given")
    expect(now).not_to_contain_text("Stop the pump now")
    arrived(nurse)
    nurse.check_page()


def board_is_live(stack: Stack, world: dict[str, Any], watcher: Person) -> None:
    """Both chairs with their bars and next step; focus and what is open survive the refresh; old data is grey."""
    page = watcher.page
    page.clock.install()
    watcher.open("/board/")
    board, summary = page.locator("#board-live"), page.locator("#board-summary")
    expect(board.locator(".board .board-bar-real")).to_have_count(2)
    expect(board.locator(".board .board-bar-tail").first).to_be_visible()
    watcher.check_widths()
    watcher.check_touch()
    step = board.locator(".board details.board-step").first
    step.locator("summary").click()
    box = step.get_by_role("checkbox")
    box.check()
    stack.set_clock(NINE + 30 * MINUTE)
    page.clock.fast_forward(21_000)
    expect(summary).to_contain_text("09:30")
    expect(box).to_be_checked()
    expect(box).to_be_focused()
    watcher.context.set_offline(True)
    expect(page.locator("#board-stale")).to_contain_text("No connection. The board is as of 09:30.")
    expect(board).to_have_class(re.compile("live-stale-now"))
    watcher.context.set_offline(False)
    page.clock.fast_forward(21_000)
    expect(page.locator("#board-stale")).to_be_hidden()
    expect(board).not_to_have_class(re.compile("live-stale-now"))
    page.close()


def prepared_by_keyboard(stack: Stack, world: dict[str, Any], nurse: Person, clinician: Person) -> None:
    """From Today to the running pump without a mouse; the clinician signs the order."""
    page = nurse.page
    stack.set_clock(TEN - 15 * MINUTE)
    nurse.open("/")
    press(page, page.get_by_role("main").get_by_role("link", name=world["patient_name"]).first)
    press(page, page.get_by_role("button", name="Check in", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("Infusion visit 1")
    arrived(nurse)
    fill(page, "#weight_weight_kg", "70\n")
    fill(page, "#second_weight_weight_kg", "70\n")
    expect(page.locator("#second_weight_weight_kg")).to_have_count(0)
    yes = page.locator("#before-start .check-act > button[value=passed]")
    for left in range(yes.count(), 0, -1):
        line = page.locator(f"#{yes.first.locator('xpath=ancestor::li').get_attribute('id')}")
        press(page, yes.first)
        expect(yes).to_have_count(left - 1)
        expect(line.locator("summary")).to_be_focused()  # the page stays where the hand is
        expect(line).to_be_in_viewport()
    fill(page, "#vitals_systolic", "120\t78\t72\t98\n")
    expect(page.locator(".vitals-table").get_by_role("cell", name="120/78")).to_have_count(1)
    day.open_record(clinician, world["patient_name"])
    day.sign_order(clinician, "35")
    stack.set_clock(TEN)
    page.reload()
    arrived(nurse)
    press(page, page.get_by_role("button", name="Start the pump"))
    expect(page.locator("#record-now .fact-main")).to_contain_text("estimate until signed")
    before = page.locator("#record").get_attribute("data-version")
    reach(page, page.locator("#pump_observed_at"))
    page.keyboard.press(
        "Enter"
    )  # a box for time: the browser itself would press the first button that it finds
    reach(page, page.get_by_role("button", name="Pause"))
    page.reload()
    arrived(nurse)
    assert page.locator("#record").get_attribute("data-version") == before


def note_survives_a_lost_connection(nurse: Person) -> None:
    """The note is saved while it is typed; without a connection the page says so and keeps what is typed."""
    page = nurse.page
    said, kept = page.locator("#offline-note"), page.locator("[data-autosaved]")
    fill(page, "#note_text", NOTE)
    expect(kept).to_contain_text("Draft saved")
    nurse.context.set_offline(True)
    expect(said).to_contain_text("No connection")
    page.keyboard.type(" Asked for water.")
    expect(kept).to_contain_text("on this device only")
    fill(page, "#vitals_systolic", "126\t80\t74\t98\n")
    expect(said).to_be_visible()
    expect(page.locator("#vitals_spo2")).to_have_value("98")
    pressed = re.compile(rf"^{day.local(TEN)[:-1]}")
    expect(page.locator("#vitals_observed_at")).to_have_value(pressed)
    nurse.context.set_offline(False)
    expect(said).to_contain_text("The connection is back")
    nurse.refusals.clear()
    nurse.complaints.clear()  # what the browser writes of requests that found no network
    page.reload()
    arrived(nurse)
    expect(page.locator("#note_text")).to_have_value(f"{NOTE} Asked for water.")
    expect(page.locator("#vitals_systolic")).to_have_value("126")
    expect(said).to_contain_text("It is not saved yet")
    expect(page.locator("#vitals_observed_at")).to_have_value(pressed)
    press(page, page.locator("#vitals").get_by_role("button", name="Save", exact=True))
    expect(page.locator(".vitals-table").get_by_role("cell", name="126/80")).to_have_count(1)
    press(page, page.get_by_role("button", name="Add the note"))
    expect(page.locator("#notes .note-text")).to_contain_text("Asked for water.")


def given_by_keyboard(stack: Stack, nurse: Person) -> None:
    """Stopped at its time; what people observe is recorded after the recovery."""
    page = nurse.page
    stack.set_clock(TEN + 40 * MINUTE)
    page.reload()
    arrived(nurse)
    press(page, page.get_by_role("button", name="Stop the pump"))
    expect(page.locator("#record-now")).to_contain_text(re.compile(r"3[45]\.\d\d mg given"))
    stack.set_clock(TEN + 125 * MINUTE)
    page.reload()
    arrived(nurse)
    fill(page, "#vitals_systolic", "122\t79\t74\t98\n")
    expect(page.locator(".vitals-table").get_by_role("cell", name="122/79")).to_have_count(1)
    met = page.locator("#discharge .check-act > button.button-secondary")
    for left in range(met.count(), 0, -1):
        press(page, met.first)
        expect(met).to_have_count(left - 1)
    expect(page.locator("#discharge")).to_contain_text("Ready to leave")


def signed_by_keyboard(stack: Stack, world: dict[str, Any], nurse: Person, clinician: Person) -> None:
    """The planned patient by keyboard on the page; the paused one's pump stops there, its signature is quicker."""
    page = clinician.page
    page.reload()
    arrived(clinician)
    press(page, page.get_by_role("link", name="Sign off infusion 1"))
    page.wait_for_url("**/accounts/reauthenticate/**")
    reach(page, page.get_by_label("Password", exact=False).first)
    page.keyboard.type(f"{PASSWORD}\n")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign off infusion visit 1")
    press(page, page.get_by_label("Name and date of birth checked with the patient"), "Space")
    press(page, page.get_by_role("button", name="Sign off infusion 1"))
    day.flash(page, "Infusion visit 1 is signed off.")
    open_record(nurse, world["paused"])
    day.pump(nurse, "Stop the pump", NINE + 46 * MINUTE, "Stop")
    assert stack.run_python("tests.journeys.sign_paused")["signed"] == world["paused"]


def signing_out_forgets(nurse: Person) -> None:
    """What is kept on the device belongs to whoever is signed in: the next person at the tablet finds nothing of it."""
    page = nurse.page
    page.locator("#note_text").fill("Typed, and not saved.")
    kept = "() => Object.keys(sessionStorage).filter((name) => name.startsWith('cw-draft:')).length"
    assert page.evaluate(kept) == 1
    page.goto("/accounts/logout/")
    page.get_by_role("main").get_by_role("button").first.click()
    page.wait_for_url("**/accounts/login/**")
    assert page.evaluate(kept) == 0


def by_keys(page: Page) -> None:
    """j and k go through the rows, Enter opens one, m leads to its free times; the page lists the keys. (The main job
    books and starts by m and e.)
    """
    expect(page.locator(".queue-keys")).to_contain_text("next and previous row")
    links = page.locator("[data-row] a")
    page.locator("body").press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    for key, address in (("Enter", "**/windows/*/"), ("m", "**/windows/*/#times")):
        page.keyboard.press(key)
        page.wait_for_url(address)
        page.goto("/queue/")
        page.locator("body").press("j")


def queue_and_follow_ups(stack: Stack, world: dict[str, Any], therapist: Person, clinician: Person) -> None:
    """Two windows are on their way; the unsigned one's therapy is withheld, its next infusion waits for a prescriber."""
    page = therapist.page
    page.goto("/queue/")
    rows = page.locator(".queue-row")
    names = ("Paused, Ben", world["patient_name"])  # the pump that started first: its window ends first
    expect(page.locator(".queue-who a")).to_have_text(names)
    windows = """SELECT p.family_name, w.status, w.t0, s.t_sign, e.t_pk, min(f.earliest_at)
                 FROM scheduling_plasticitywindow w JOIN patients_patient p ON p.id = w.patient_id
                 LEFT JOIN treatment_sessions_signoff s ON s.id = w.sign_off_id
                 JOIN treatment_sessions_clearanceestimate e ON e.infusion_id = w.infusion_id AND e.superseded_at IS NULL
                 JOIN scheduling_followup f ON f.infusion_id = w.infusion_id AND f.kind = 'integration_1'
                 WHERE w.superseded_at IS NULL GROUP BY 1, 2, 3, 4, 5 ORDER BY w.t0"""
    found = {row[0]: row[1:] for row in stack.rows(windows)}
    for name in names:
        status, begins, ready, cleared, earliest = found[name.split(",")[0]]
        assert (status, begins) == ("pending", max(ready, cleared)), name
        there = earliest.astimezone(day.CLINIC)
        row = rows.filter(has_text=name)
        expect(row).to_contain_text("Opening")
        expect(row).to_contain_text(f"Therapy from {there:%a %H:%M}")
        expect(row).to_contain_text("Start is locked until")
        expect(row.get_by_role("link", name="Safety contact")).to_be_visible()
    assert found["Stopped"][0] == "provisional"
    therapist.check_page()
    therapist.check_touch()
    by_keys(page)
    page.get_by_role("link", name="Waiting for sign-off").click()
    page.wait_for_url("**/queue/?show=waiting*")
    expect(page.locator(".queue-who a")).to_have_text("Stopped, Ben")
    expect(rows).to_contain_text("Start is locked: waiting for sign-off.")
    expect(rows).to_contain_text("14 of 35 mg")
    expect(rows).to_contain_text("chest pain (serious)")
    states = """SELECT p.family_name, f.state FROM scheduling_followup f JOIN patients_patient p ON p.id = f.patient_id
                JOIN scheduling_appointment v ON v.id = f.visit_id
                WHERE v.ordinal = 1 AND f.kind = 'integration_1' ORDER BY p.id"""
    assert [state for _, state in stack.rows(states)] == ["firm", "firm", "provisional"]
    withheld = """SELECT f.therapy, f.state, count(m.id) FROM scheduling_followup f
                  JOIN patients_patient p ON p.id = f.patient_id AND p.family_name = 'Stopped'
                  JOIN scheduling_appointment v ON v.id = f.visit_id AND v.ordinal = 1
                  LEFT JOIN scheduling_message m ON m.follow_up_id = f.id
                  WHERE f.therapy OR f.kind LIKE 'practice%%' GROUP BY f.id"""
    assert {(state, told) for _, state, told in stack.rows(withheld)} == {("provisional", 0)}
    released = "SELECT count(*) FROM scheduling_followup WHERE kind = 'no_driving' AND state = 'released'"
    assert stack.value(released) == 3, "safety waits for nobody"
    holds = """SELECT p.family_name FROM treatment_sessions_treatmenthold h JOIN patients_patient p ON p.id = h.patient_id
               WHERE h.released_at IS NULL"""
    assert stack.rows(holds) == [("Stopped",)]
    clinician.open("/work/")
    expect(clinician.page.get_by_role("main")).to_contain_text("Infusions are on hold")
