"""Fixtures of the journeys: one running stack for the folder, one browser page per person."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from config.launcher.chromium import VARIABLE, launch_arguments
from tests.journeys.stack import PASSWORD, Stack, running_stack

TUESDAY_EIGHT = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)  # 08:00 in Los Angeles


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Chromium as found on this machine."""
    return launch_arguments(os.environ.get(VARIABLE, ""))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Web, worker, beat and SMTP on a database of their own, clock at Tuesday 08:00."""
    with running_stack("journey_main") as running:
        running.set_clock(TUESDAY_EIGHT)
        running.start("worker")
        running.start("beat")
        yield running


@pytest.fixture(scope="module")
def world(stack: Stack) -> dict[str, Any]:
    """The small clinic of the journeys."""
    return stack.run_python("tests.journeys.world")


class Person:
    """Somebody at a browser of their own; collects what the browser complains of."""

    def __init__(self, browser: Any, stack: Stack, email: str, *, width: int = 1440) -> None:
        self.context = browser.new_context(
            base_url=stack.url,
            viewport={"width": width, "height": 960},
            timezone_id="America/Los_Angeles",
            locale="en-GB",
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda line: line.type == "error" and self.complaints.append(line.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.sign_in(email)

    def sign_in(self, email: str) -> None:
        """By the form, as a person does."""
        self.page.goto("/accounts/login/")
        self.page.get_by_label("Email").or_(self.page.get_by_label("E-mail")).first.fill(email)
        self.page.get_by_label("Password", exact=False).first.fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url("**/")

    def check_page(self) -> None:
        """No accessibility violation, no console error (a CSP violation is one)."""
        found = Axe().run(self.page)
        assert found.violations_count == 0, found.generate_report()
        assert self.complaints == []


@pytest.fixture
def person(browser: Any, stack: Stack, world: dict[str, Any]) -> Iterator[Any]:
    """`person("nurse")` signs that role in and returns its browser."""
    opened: list[Person] = []

    def sign_in(role: str, **options: Any) -> Person:
        opened.append(Person(browser, stack, world["people"][role], **options))
        return opened[-1]

    yield sign_in
    for one in opened:
        one.context.close()
