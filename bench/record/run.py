"""How long a nurse waits for a vitals row: from Enter in the browser to the new row and the redrawn chart.

Needs a demo that is running: `python bench/record/run.py http://127.0.0.1:8000 --times 20`. It writes readings into the
record of a running or recovering infusion of that demo, and prints the median, the slowest and what the server took.
"""

from __future__ import annotations

import argparse
import re
import statistics
from typing import Any

from playwright.sync_api import Page, sync_playwright

# The new row is there, the chart was drawn by the same answer, and the browser has painted both.
SAVE = """async () => {
  const rows = () => document.querySelectorAll(".vitals-table tr:not(.row-planned)").length;
  const before = rows(), chart = document.querySelector("#record .plot svg");
  const begun = performance.now();
  document.querySelector(".vitals-save").click();
  while (rows() === before || document.querySelector("#record .plot svg") === chart) {
    if (performance.now() - begun > 10000) throw new Error("no row after ten seconds");
    await new Promise((next) => setTimeout(next, 2));
  }
  await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
  const asked = performance.getEntriesByType("resource").filter((one) => one.name.includes("/vitals/")).at(-1);
  return [performance.now() - begun, asked.responseStart - asked.requestStart];
}"""
READINGS = ((121, 78, 71, 98), (124, 80, 73, 97), (119, 76, 69, 99))


def main() -> None:
    """Sign in as the nurse of the demo, find a record with a chart, save readings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="where the demo listens")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    wanted = parser.parse_args()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=wanted.browser, args=["--no-sandbox"])
        page = browser.new_page(base_url=wanted.url, viewport={"width": 1180, "height": 820})
        find_record(page)
        taken = [save(page, READINGS[number % len(READINGS)]) for number in range(wanted.times + 2)][2:]
        browser.close()
    for name, values in (
        ("row and chart", [one for one, _ in taken]),
        ("server", [other for _, other in taken]),
    ):
        print(f"{name}: median {statistics.median(values):.0f} ms, slowest {max(values):.0f} ms")


def find_record(page: Page) -> None:
    """A record whose pump has run and that takes readings."""
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Infusion nurse").click()
    page.wait_for_url(re.compile(r"//[^/]+/$"))
    page.goto("/board/")
    links = "all => all.map((one) => one.getAttribute('href').split('#')[0])"  # some are links of a picture
    found: Any = page.eval_on_selector_all("a[href*='/infusions/']", links)
    for path in dict.fromkeys(found):
        page.goto(path)
        if page.locator(".vitals-save").count() and page.locator("#record .plot svg").count():
            page.wait_for_load_state("networkidle")
            return
    raise SystemExit("No record of this demo takes readings and has a chart.")


def save(page: Page, reading: tuple[int, int, int, int]) -> tuple[float, float]:
    """Type one reading; milliseconds until it is drawn, and of these the server's."""
    for box, value in zip(("systolic", "diastolic", "heart_rate", "spo2"), reading, strict=True):
        page.locator(f"#vitals_{box}").fill(str(value))
    whole, server = page.evaluate(SAVE)
    page.wait_for_load_state("networkidle")
    return whole, server


if __name__ == "__main__":
    main()
