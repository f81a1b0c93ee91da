"""From Enter in the vitals row to the redrawn record with its chart, in Chromium. See README.md.

python3 manage.py demo --port 8400        # in another terminal
python bench/pages/record.py http://127.0.0.1:8400
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
PROMISED = 300.0  # milliseconds
# Counted in the page itself, from the key to the first frame after the answer was swapped in.
WATCH = """() => new Promise((resolve) => {
  const began = performance.now();
  const done = (event) => {
    if (event.detail.ctx?.target?.id !== "record") return;
    document.removeEventListener("htmx:after:swap", done);
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - began)));
  };
  document.addEventListener("htmx:after:swap", done);
  document.querySelector("#vitals .vitals-save").click();
})"""


def main() -> None:
    """Sign in as the nurse of the demo, open the record of a running pump, and save rows."""
    from playwright.sync_api import sync_playwright

    from config.launcher.chromium import VARIABLE, launch_arguments

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="of a running demo")
    parser.add_argument("--rows", type=int, default=20)
    asked = parser.parse_args()
    import os

    with sync_playwright() as driver:
        browser = driver.chromium.launch(**launch_arguments(os.environ.get(VARIABLE, "")))
        page = browser.new_context(
            base_url=asked.address, viewport={"width": 1024, "height": 1366}
        ).new_page()
        page.goto("/accounts/login/")
        page.get_by_role("button", name="Infusion nurse").click()
        page.wait_for_url(lambda url: "login" not in url)
        page.goto("/board/")
        page.locator("#board-live a.board-card.tone-info").first.click()
        page.wait_for_selector(".chart svg, figure svg")
        page.wait_for_load_state("networkidle")
        taken = []
        for number in range(asked.rows):
            for name, value in (
                ("systolic", 120 + number % 9),
                ("diastolic", 76),
                ("heart_rate", 70),
                ("spo2", 98),
            ):
                page.fill(f"#vitals_{name}", str(value))
            taken.append(float(page.evaluate(WATCH)))
            page.wait_for_load_state("networkidle")
        browser.close()
    p95 = statistics.quantiles(taken, n=20)[-1]
    print("| rows | median ms | p95 ms | promised | kept |\n| --- | --- | --- | --- | --- |")
    kept = "yes" if p95 <= PROMISED else "NO"
    print(f"| {len(taken)} | {statistics.median(taken):.0f} | {p95:.0f} | {PROMISED:.0f} | {kept} |")


if __name__ == "__main__":
    main()
