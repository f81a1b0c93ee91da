"""Somebody at a browser of their own, and what every page is held to while they use it."""

from __future__ import annotations

import re
from typing import Any

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Error, Page, expect

from tests.journeys.stack import PASSWORD, Stack

WIDE, PHONE, NARROWEST = 1440, 390, 320
AXE = Axe()
HOME = re.compile(r"//[^/]+/$")
_SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
_TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .slice(0, 5).map((one) => one.outerHTML.slice(0, 120))"""

# A tick box counts with its label. Words inside a sentence (`.term`) are text, not a target of their own (WCAG 2.5.8).
# What stands in a fold is measured too; the bar at the bottom is a phone's.
_TOO_SMALL = """(wide) => {
  if (wide && !document.body.matches(".chair")) return [];
  const folds = [...document.querySelectorAll("main details:not([open])")];
  for (const fold of folds) fold.open = true;
  const found = [...document.querySelectorAll(
    "main button:not(.term), main a.button, main summary, main select, main input:not([type=hidden]), .breadcrumbs a, .patient-name a, .queue-who a, .touch-link"
    + (wide ? "" : ", .sidenav a, .sidenav summary"))]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest(".visually-hidden"))
  .map((one) => [one, (one.matches("[type=checkbox], [type=radio]") && one.closest("label, .choice") || one).getBoundingClientRect()])
  .filter(([one, box]) => box.height > 1 && (box.height < 43.5 || box.width < 43.5))
  .map(([one, box]) => `${one.outerHTML.slice(0, 120)} ${Math.round(box.width)} x ${Math.round(box.height)}`);
  for (const fold of folds) fold.open = false;
  return found;
}"""


def look_for_barriers(page: Page) -> AxeResults:
    """What axe finds on the open page. Its half megabyte of script is put into a page once, not once a width."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.axe_script)
    return AxeResults(page.evaluate("() => axe.run({resultTypes: ['violations']})"))


class Person:
    """Somebody at a browser of their own; collects what the browser complains of."""

    def __init__(self, browser: Any, stack: Stack, *, width: int = WIDE) -> None:
        self.context = browser.new_context(
            base_url=stack.url,
            viewport={"width": width, "height": 960},
            timezone_id="America/Los_Angeles",
            locale="en-GB",
        )
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.refusals: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, line: ConsoleMessage) -> None:
        """A CSP violation is an error line; an answer of 4xx or 5xx is one too and is kept apart."""
        if line.type != "error":
            return
        kept = self.refusals if line.text.startswith("Failed to load resource") else self.complaints
        kept.append(f"{line.text} {line.location.get('url', '')}")

    def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """By the form, as a person does."""
        self.page.goto("/accounts/login/")
        self.page.get_by_label("E-mail").or_(self.page.get_by_label("Email")).first.fill(email)
        self.page.get_by_label("Password", exact=False).first.fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url(HOME)

    def confirm_password(self, password: str = PASSWORD) -> None:
        """Type it again, so that the pages of a signature open."""
        self.page.goto("/accounts/reauthenticate/")
        self.page.get_by_label("Password", exact=False).first.fill(password)
        self.page.get_by_role("main").get_by_role("button").first.click()
        self.page.wait_for_url(HOME)

    def one_click(self, label: str) -> None:
        """By the demo's button for that role."""
        self.page.goto("/accounts/login/")
        self.page.get_by_role("button", name=label).click()
        self.page.wait_for_url(HOME)

    def open(self, path: str) -> None:
        """Go to an address and let the parts that load by themselves arrive."""
        try:
            self.page.goto(path)
        except Error as error:
            if "interrupted by another navigation" not in str(error):
                raise
            self.page.goto(path)  # the answer to the form before was still on its way
        self.settle()

    def settle(self) -> None:
        """Wait until every part that loads by itself has arrived."""
        self.page.wait_for_load_state("load")
        expect(self.page.locator('[hx-trigger="load"]:not([hx-swap="innerHTML"])')).to_have_count(0)
        expect(self.page.locator(".htmx-request")).to_have_count(
            0
        )  # parts that are filled in place keep their trigger

    def check_widths(self, *, refused: bool = False) -> None:
        """`check_page` on a wide screen, then on a phone."""
        for width in (WIDE, PHONE):
            self.page.set_viewport_size({"width": width, "height": 960})
            self.check_page(refused=refused)
        self.page.set_viewport_size({"width": WIDE, "height": 960})

    def check_narrow_and_wide(self, *, refused: bool = False) -> None:
        """Sideways scroll on a phone, then `check_page` on a wide screen: half the time of `check_widths`."""
        self.page.set_viewport_size({"width": PHONE, "height": 960})
        assert self.page.evaluate(_SIDEWAYS) <= 0, f"{self.page.url}: {self.page.evaluate(_TOO_WIDE)}"
        self.page.set_viewport_size({"width": WIDE, "height": 960})
        self.check_page(refused=refused)

    def check_touch(self) -> None:
        """For a hand at the chair: no sideways scroll at 320 px and at 200 % zoom, and whatever is pressed is 44 px."""
        for width in (NARROWEST, WIDE // 2, PHONE):
            self.page.set_viewport_size({"width": width, "height": 960})
            assert self.page.evaluate(_SIDEWAYS) <= 0, f"{width} px: {self.page.evaluate(_TOO_WIDE)}"
        assert self.page.evaluate(_TOO_SMALL, False) == [], self.page.url
        self.page.set_viewport_size({"width": WIDE, "height": 960})
        assert self.page.evaluate(_TOO_SMALL, True) == [], self.page.url

    def check_page(self, *, refused: bool = False) -> None:
        """No accessibility violation, no console error (a CSP violation is one), no sideways scroll.

        `refused`: this page is the answer to a refused request, of which the browser writes an error line.
        """
        found = look_for_barriers(self.page)
        assert found.violations_count == 0, f"{self.page.url}\n{found.generate_report()}"
        assert not self.complaints, (self.page.url, self.complaints)
        assert refused or not self.refusals, self.refusals
        assert self.page.evaluate(_SIDEWAYS) <= 0, f"{self.page.url}: {self.page.evaluate(_TOO_WIDE)}"
        self.refusals.clear()
