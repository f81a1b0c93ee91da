"""Which command was asked for, and what it is given before it runs."""

from __future__ import annotations

import os
import sys

from config.launcher.errors import LauncherError
from config.launcher.processes import is_alive
from config.launcher.state import state_folder
from config.launcher.sweep import launcher_record

FRESH = "CLEARWINDOW_BOOTSTRAPPED"
WITHOUT_DATABASE = frozenset({"predict_concentration", "check_language", "plan_instance"})
"""Commands that read and print, and touch no server at all."""
AS_OWNER = frozenset({"migrate", "mark_database", "sync_roles", "flush", "createcachetable", "reseal"})
"""Commands that need the role that owns the tables."""


def run(argv: list[str]) -> int:
    """Run one command line; the exit status."""
    fresh = os.environ.pop(FRESH, "") == "1"
    command = argv[1] if len(argv) > 1 else ""
    if command == "demo":
        from config.launcher.demo import main as demo

        return demo(argv[2:], fresh=fresh)
    if command == "test":
        from config.launcher.lanes import main as test

        return test(argv[2:])
    return _django(argv, command)


def _django(argv: list[str], command: str) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    named = "DATABASE_URL" in os.environ or "DATABASE_URL_FILE" in os.environ
    if not named and command not in WITHOUT_DATABASE:
        _use_running_demo(as_owner=command in AS_OWNER)
    elif named and command in AS_OWNER and os.environ.get("DATABASE_OWNER_URL"):
        os.environ["DATABASE_URL"] = os.environ["DATABASE_OWNER_URL"]
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(argv)
    except OperationalError as error:
        if "--traceback" in argv or getattr(error.__cause__, "pgcode", None) is not None:
            raise  # the database answered, and refused
        sys.stderr.write(f"{_no_database(error, named=named)}\n")
        return 1
    return 0


def _use_running_demo(*, as_owner: bool) -> None:
    """Take the addresses of this clone's running demo, so that `shell` and `check_schedule` see what it
    shows.
    """
    state = state_folder()
    if not is_alive(launcher_record(state)):
        return
    info = state.read_json("info.json")
    if not info:
        return
    from config.launcher.environment import Addresses, demo_environment

    try:
        addresses = Addresses(info["owner_url"], info["app_url"], info["redis_url"])
        os.environ.update(demo_environment(state, addresses, info["instance"], owner=as_owner))
    except (KeyError, LauncherError) as error:
        sys.stderr.write(f"The running demo could not be used: {error}\n")


def _no_database(error: BaseException, *, named: bool) -> str:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else "no answer"
    if named:
        return f"The database in DATABASE_URL does not answer: {reason}"
    return f"No database: first start `python3 manage.py demo` elsewhere, or set DATABASE_URL. ({reason})"
