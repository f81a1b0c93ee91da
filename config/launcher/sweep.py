"""Stopping everything that a state folder's pid files name, in the order that loses nothing."""

from __future__ import annotations

import shutil
import signal

from config.launcher.accounts import require_own_folder, service_account
from config.launcher.errors import LauncherError
from config.launcher.processes import Record, read_record, read_records, stop_groups
from config.launcher.state import StateFolder

_SERVERS = {"valkey": (signal.SIGTERM, 5.0), "postgresql": (signal.SIGINT, 15.0)}
LAUNCHER = "launcher"


def stop_everything(state: StateFolder, instance: str | None = None) -> list[str]:
    """Stop the process groups that the pid files name: first the clients together, then the servers.

    With `instance`, only what belongs to that one start. The pid files of what was stopped, and of what is
    gone, are removed. The command's own pid file is not touched. Returns the names that still ran.
    """
    records = [
        record
        for record in read_records(state.run)
        if record.name != LAUNCHER and instance in (None, record.instance)
    ]
    stopped = stop_groups([record for record in records if record.name not in _SERVERS])
    for name, (first, grace_seconds) in _SERVERS.items():
        stopped += stop_groups([record for record in records if record.name == name], first, grace_seconds)
    for record in records:
        path = state.run / f"{record.name}.json"
        if read_record(path) == record:
            path.unlink(missing_ok=True)
    return stopped


def remove_sockets(state: StateFolder) -> None:
    """Remove the remembered socket folder, if it is still a private folder of the servers' account."""
    folder = state.remembered_sockets()
    if folder is not None:
        try:
            require_own_folder(folder, service_account().uid)
        except LauncherError:
            return
        shutil.rmtree(folder, ignore_errors=True)
    state.remove("sockets.json")


def launcher_record(state: StateFolder) -> Record | None:
    """The pid file of the demo command itself."""
    return read_record(state.run / f"{LAUNCHER}.json")
