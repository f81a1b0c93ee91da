"""pytest plugin: the tests run on the same engines as the product, started here before Django reads its
settings.

It starts embedded PostgreSQL and Valkey (or uses DATABASE_URL and REDIS_URL), names them in the environment,
from which xdist's workers inherit them, and ends them with the run, however the run ends
(config/launcher/guardian.py). DATABASE_URL is the owning role, which can create the test database;
DATABASE_APP_ROLE is the role that runs. CLEARWINDOW_TEST_STATE names the folder with the servers' pid files
(`run/`) and logs, for tests that kill servers.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from config import embedded
from config.launcher import chromium
from config.launcher.environment import ADDRESS_FILES, named_by_caller
from config.launcher.errors import LauncherError
from config.launcher.processes import Record, write_record
from config.launcher.state import PROJECT, TEST_STATE_VARIABLE, StateFolder, new_secrets

REPORT_VARIABLE = "CLEARWINDOW_LANE_REPORT"
_ONLY_TELLS = {"-h", "--help", "-V", "--version", "--markers", "--fixtures", "--funcargs"}
_NO_CHROMIUM = "no Chromium on this machine and Playwright could not bring one"


class Lane:
    """The servers of one test run and the guardian that outlives it by a moment."""

    def __init__(self) -> None:
        self.guardian: subprocess.Popen[bytes] | None = None
        self.servers: embedded.Servers | None = None

    def start(self) -> None:
        """Start servers and guardian and put their addresses into the environment."""
        state = StateFolder(Path(tempfile.mkdtemp(prefix="cw-test-")))
        state.prepare()
        self.guardian = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "config.launcher.guardian", str(state.root)],
            cwd=PROJECT, stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        os.environ[TEST_STATE_VARIABLE] = str(state.root)
        self.servers = _start_servers(state)
        _set_environment(state, self.servers)

    def stop(self) -> None:
        """Let the guardian stop the servers, and wait for it."""
        if self.guardian is not None and self.guardian.stdin is not None:
            self.guardian.stdin.close()
            self.guardian.wait(timeout=60)
            self.guardian = None
        if self.servers is not None:
            self.servers.stop()  # they have ended; this collects their exit statuses
            self.servers = None


_LANE = Lane()


def _start_servers(state: StateFolder) -> embedded.Servers:
    def note(record: Record) -> None:
        write_record(state.run, record)

    around = embedded.Surroundings(
        instance=secrets.token_hex(8), logs=state.logs, place=state.data, note=note,
        sockets=state.make_sockets, durable=False,
    )  # fmt: skip
    return embedded.start(
        around,
        want_postgres=not named_by_caller("DATABASE_URL"),
        want_valkey=not named_by_caller("REDIS_URL"),
    )


def _set_environment(state: StateFolder, servers: embedded.Servers) -> None:
    owner = servers.owner_url or named_by_caller("DATABASE_OWNER_URL") or named_by_caller("DATABASE_URL")
    redis = servers.redis_url or named_by_caller("REDIS_URL")
    os.environ.update(
        new_secrets(),
        CLEARWINDOW_ENV="test",
        DATABASE_URL=owner,
        DATABASE_OWNER_URL=owner,
        REDIS_URL=redis,
        OUTBOX_DIR=str(state.outbox),
    )
    os.environ.setdefault("DATABASE_APP_ROLE", embedded.APP_ROLE)
    os.environ.setdefault(chromium.VARIABLE, chromium.find(may_install=False))
    for name in (
        "EMAIL_URL",
        "SMS_BACKEND",
        "ALLOWED_HOSTS",
        *ADDRESS_FILES,
    ):  # a test never reaches a real person
        os.environ.pop(name, None)


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(args: list[str]) -> Generator[None, Any, Any]:
    """A wrapper, because pytest-django reads the settings in this same hook and must come after us."""
    if not _is_worker() and not _ONLY_TELLS & set(args):
        try:
            _LANE.start()
        except LauncherError as error:
            raise pytest.UsageError(str(error)) from error
    try:
        return (yield)
    except BaseException:  # settings that do not load: pytest_unconfigure will not be called
        _LANE.stop()
        raise


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--faults`: the storms at full size, which take half an hour."""
    parser.addoption(
        "--faults", action="store_true", help="run the storms of killed processes at full size, too"
    )


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """The run is over: its servers end."""
    _LANE.stop()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys without a browser are left out, loudly; under CI=true that is an error."""
    journeys = [item for item in items if item.get_closest_marker("journey")]
    if not journeys or os.environ.get(chromium.VARIABLE):
        return
    if os.environ.get("CI") == "true":
        raise pytest.UsageError(f"{len(journeys)} browser journeys cannot run: {_NO_CHROMIUM}")
    for item in journeys:
        item.add_marker(pytest.mark.skip(reason=_NO_CHROMIUM))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Leave the run's counts for `manage.py test`, which adds up its lanes."""
    wanted = os.environ.get(REPORT_VARIABLE)
    if not wanted or _is_worker():
        return
    counts = {kind: len(reports) for kind, reports in terminalreporter.stats.items() if kind}
    Path(wanted).write_text(json.dumps(counts), encoding="utf-8")
