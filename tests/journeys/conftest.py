"""Fixtures of the journeys: one running stack for the folder, one browser page per person."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from config.launcher.chromium import VARIABLE, launch_arguments
from tests.journeys.person import Person
from tests.journeys.stack import Stack, make_template, running_stack

HERE = Path(__file__).parent
expect.set_options(timeout=20_000)  # milliseconds: a busy machine of two cores
PREFIX = "_".join(  # two runs, and two workers of one run, do not meet on one server
    filter(None, (os.environ.get("TEST_DATABASE_NAME", "journey"), os.environ.get("PYTEST_XDIST_WORKER")))
)
WHILE_THE_SAMPLE_IS_MADE = (
    "test_three_patients",
    "test_main_job",
    "test_answer_by_link",
    "test_protocol_life",
)
"""Long journeys on clinics of their own. After them the longest of those that need the sample clinic."""
THEN = ("test_every_form", "test_every_page")
TUESDAY_EIGHT = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)  # 08:00 in Los Angeles


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers take the files in this order (`--no-loadscope-reorder`); short ones come last, so that both end together."""
    order = (*WHILE_THE_SAMPLE_IS_MADE, *THEN)

    def place(item: pytest.Item) -> int:
        return order.index(item.path.stem) if item.path.stem in order else len(order)

    mine = [number for number, item in enumerate(items) if item.path.parent == HERE]
    for number, item in zip(mine, sorted((items[number] for number in mine), key=place), strict=True):
        items[number] = item


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Chromium as found on this machine. A page lives for a second or two here: to optimise its scripts, and axe's, costs
    more than it saves (a seventh of the browser's time).
    """
    found = launch_arguments(os.environ.get(VARIABLE, ""))
    return found | {"args": [*found["args"], "--js-flags=--no-opt --no-maglev"]}


@pytest.fixture(scope="session")
def empty_clinic() -> str:
    """The template database of the stacks: migrated, with roles, without people."""
    return make_template(f"{PREFIX}_template")


@pytest.fixture(scope="session", autouse=True)
def sample_being_made(request: pytest.FixtureRequest) -> Iterator[Future[str] | None]:
    """The sample clinic takes most of a minute: it is begun with the first journey, if any of this run asks for it."""
    if not any("sample_clinic" in item.fixturenames for item in request.session.items):
        yield None
        return
    with ThreadPoolExecutor(1) as aside:
        yield aside.submit(make_template, f"{PREFIX}_sample", sample=True)


@pytest.fixture(scope="session")
def sample_clinic(sample_being_made: Future[str]) -> str:
    """The same with the sample clinic of the demo."""
    return sample_being_made.result()


@pytest.fixture(scope="module")
def stack(empty_clinic: str) -> Iterator[Stack]:
    """Web and SMTP on a database of their own, clock at Tuesday 08:00; worker and beat can be started."""
    with running_stack(f"{PREFIX}_main", template=empty_clinic) as running:
        running.set_clock(TUESDAY_EIGHT)
        yield running


@pytest.fixture(scope="module")
def ticking(stack: Stack) -> Stack:
    """The same with a worker and beat."""
    stack.start("worker")
    stack.start("beat")
    return stack


@pytest.fixture(scope="session")
def demo(sample_clinic: str) -> Iterator[Stack]:
    """The sample clinic behind a web server; nothing ticks, so its day stands as it was made."""
    with running_stack(f"{PREFIX}_demo", template=sample_clinic) as running:
        yield running


@pytest.fixture(scope="module")
def world(stack: Stack) -> dict[str, Any]:
    """The small clinic of the journeys."""
    return stack.run_python("tests.journeys.world")


@pytest.fixture
def person(browser: Any, stack: Stack, world: dict[str, Any]) -> Iterator[Any]:
    """`person("nurse")` signs that role in by the form and returns its browser."""
    opened: list[Person] = []

    def sign_in(role: str, **options: Any) -> Person:
        opened.append(Person(browser, stack, **options))
        opened[-1].sign_in(world["people"][role])
        return opened[-1]

    yield sign_in
    for one in opened:
        one.context.close()


@pytest.fixture
def guest(browser: Any, demo: Stack) -> Iterator[Any]:
    """`guest()` opens a browser on the sample clinic; `guest("Infusion nurse")` is signed in by one click."""
    opened: list[Person] = []

    def open_browser(label: str = "", **options: Any) -> Person:
        opened.append(Person(browser, demo, **options))
        if label:
            opened[-1].one_click(label)
        return opened[-1]

    yield open_browser
    for one in opened:
        one.context.close()
