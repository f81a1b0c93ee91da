"""Commands beside `demo` and `test`: what they are told about the database, and what they say without one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError

from config.launcher import commands
from config.launcher.environment import Addresses, demo_environment, named_by_caller
from config.launcher.processes import record_of, write_record
from config.launcher.state import PROJECT, STATE_VARIABLE, StateFolder
from config.launcher.sweep import LAUNCHER

ADDRESSES = Addresses(
    "postgres://owner@:5432/c?host=/s", "postgres://app@:5432/c?host=/s", "unix:///s/valkey.sock"
)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """A prepared state folder."""
    folder = StateFolder(tmp_path / "state folder")
    folder.prepare()
    return folder


@pytest.fixture
def bare(state: StateFolder) -> Iterator[pytest.MonkeyPatch]:
    """An environment that names no server, and this state folder; patches made through it are undone first."""
    before = dict(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "FIELD_KEY"):
            patch.delenv(name, raising=False)
        patch.setenv(STATE_VARIABLE, str(state.root))
        yield patch
    os.environ.clear()
    os.environ.update(before)


def seen_by(command: str, bare: pytest.MonkeyPatch) -> str | None:
    """DATABASE_URL as a command would find it."""
    found: list[str | None] = []
    bare.setattr(
        "django.core.management.execute_from_command_line",
        lambda argv: found.append(os.environ.get("DATABASE_URL")),
    )
    assert commands.run(["manage.py", command]) == 0
    return found[0]


def pretend_a_demo_runs(state: StateFolder) -> None:
    """This very process stands for the launcher."""
    write_record(state.run, record_of(LAUNCHER, os.getpid(), "mine"))
    state.write_json(
        "info.json",
        {
            "port": 8000,
            "owner_url": ADDRESSES.owner_url,
            "app_url": ADDRESSES.app_url,
            "redis_url": ADDRESSES.redis_url,
            "instance": "mine",
        },
    )


def test_commands_use_the_running_demo(state: StateFolder, bare: pytest.MonkeyPatch) -> None:
    pretend_a_demo_runs(state)
    assert seen_by("check_schedule", bare) == ADDRESSES.app_url
    assert os.environ["REDIS_URL"] == ADDRESSES.redis_url
    assert os.environ["SECRET_KEY"] == state.secrets()["SECRET_KEY"]


def test_commands_that_change_tables_use_its_owner(state: StateFolder, bare: pytest.MonkeyPatch) -> None:
    pretend_a_demo_runs(state)
    assert seen_by("migrate", bare) == ADDRESSES.owner_url


@pytest.mark.parametrize("command", sorted(commands.WITHOUT_DATABASE))
def test_commands_without_a_database_are_told_of_none(
    command: str, state: StateFolder, bare: pytest.MonkeyPatch
) -> None:
    pretend_a_demo_runs(state)
    assert seen_by(command, bare) is None


def test_a_demo_that_was_killed_is_not_used(state: StateFolder, bare: pytest.MonkeyPatch) -> None:
    pretend_a_demo_runs(state)
    launcher = state.run / f"{LAUNCHER}.json"
    launcher.write_text(launcher.read_text(encoding="utf-8").replace(":", ":1", 1), encoding="utf-8")
    assert seen_by("check_schedule", bare) is None


def test_an_address_of_the_callers_own_comes_first(state: StateFolder, bare: pytest.MonkeyPatch) -> None:
    pretend_a_demo_runs(state)
    bare.setenv("DATABASE_URL", "postgres://app@elsewhere/c")
    bare.setenv("DATABASE_OWNER_URL", "postgres://owner@elsewhere/c")
    assert seen_by("check_schedule", bare) == "postgres://app@elsewhere/c"
    assert seen_by("migrate", bare) == "postgres://owner@elsewhere/c"


def test_an_error_of_a_database_that_answers_is_not_taken_for_its_absence(
    bare: pytest.MonkeyPatch,
) -> None:
    class Refused(Exception):
        pgcode = "55P03"

    def fail(argv: list[str]) -> None:
        raise OperationalError("lock not available") from Refused()

    bare.setattr("django.core.management.execute_from_command_line", fail)
    with pytest.raises(OperationalError):
        commands.run(["manage.py", "migrate"])


def run_for_real(state: StateFolder, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, with no server named and no demo running."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE", "REDIS"))}
    environment = {**kept, STATE_VARIABLE: str(state.root), "CLEARWINDOW_NO_BOOTSTRAP": "1", **extra}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=PROJECT, env=environment, text=True, timeout=120,
        check=False, stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip


def test_without_any_database_a_command_says_what_to_do(state: StateFolder) -> None:
    nowhere = f"postgres://nobody@:5432/none?host={state.root}"
    done = run_for_real(state, "migrate", "--check", DATABASE_URL=nowhere)
    assert done.returncode == 1
    assert done.stderr.startswith("The database in DATABASE_URL does not answer: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert commands._no_database(OperationalError("refused\nmore"), named=False) == (
        "No database: first start `python3 manage.py demo` elsewhere, or set DATABASE_URL. (refused)"
    )


def test_a_child_gets_chosen_addresses_and_none_of_the_callers(
    state: StateFolder, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {
        "DATABASE_URL_FILE": "/secret", "DJANGO_DEBUG": "1", "PGPORT": "9", "PYTHONDONTWRITEBYTECODE": "1",
        "CLEARWINDOW_ENV": "production",
    }.items():  # fmt: skip
        bare.setenv(name, value)
    for name in ("SECRET_KEY", "FIELD_KEY", "EMAIL_URL", "OUTBOX_DIR", "ALLOWED_HOSTS"):
        bare.delenv(name, raising=False)
    child = demo_environment(state, ADDRESSES, "mine")
    assert {"DATABASE_URL_FILE", "DJANGO_DEBUG", "PGPORT", "PYTHONDONTWRITEBYTECODE"}.isdisjoint(child)
    assert child["CLEARWINDOW_ENV"] == "demo"
    assert child["DATABASE_URL"] == ADDRESSES.app_url
    assert demo_environment(state, ADDRESSES, "mine", owner=True)["DATABASE_URL"] == ADDRESSES.owner_url
    assert child["OUTBOX_DIR"] == str(state.outbox)
    assert child["ALLOWED_HOSTS"] == "127.0.0.1,localhost"
    bare.setenv("EMAIL_URL", "smtp://mail.clinic.example")
    assert "OUTBOX_DIR" not in demo_environment(state, ADDRESSES, "mine")


def test_an_address_may_come_from_a_file(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgres://from-a-file/c\n", encoding="utf-8")
    bare.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    assert named_by_caller("DATABASE_URL") == "postgres://from-a-file/c"
    assert named_by_caller("REDIS_URL") == ""
