"""The embedded servers, together: PostgreSQL and Valkey on unix sockets, and the addresses that reach them.

`start()` is used by the demo (data kept in the state folder) and by the test lanes (data thrown away). A
server that the environment already names (DATABASE_URL, REDIS_URL) is used instead of an embedded one, by
the same code path.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config.launcher.accounts import Account, make_socket_folder, service_account
from config.launcher.postgres import APP_ROLE, OWNER_ROLE, Postgres, database_url
from config.launcher.processes import Record
from config.launcher.valkey import Valkey


@dataclass
class Servers:
    """The embedded servers of one demo or one test lane; `stop()` may be called at any stage and more than
    once.
    """

    sockets: Path | None = None
    postgres: Postgres | None = None
    valkey: Valkey | None = None

    @property
    def owner_url(self) -> str:
        """The embedded database as the role that owns and migrates it; empty without an embedded database."""
        return database_url(OWNER_ROLE, self.sockets) if self.postgres and self.sockets else ""

    @property
    def app_url(self) -> str:
        """The embedded database as the role that runs; empty without an embedded database."""
        return database_url(APP_ROLE, self.sockets) if self.postgres and self.sockets else ""

    @property
    def redis_url(self) -> str:
        """The embedded Valkey; empty without one."""
        return self.valkey.url if self.valkey else ""

    def stop(self) -> None:
        """Stop what runs and remove the socket folder."""
        for server in (self.valkey, self.postgres):
            if server is not None:
                server.stop()
        if self.sockets is not None:
            shutil.rmtree(self.sockets, ignore_errors=True)


@dataclass(frozen=True)
class Surroundings:
    """What the embedded servers are given by the demo or the test lane that starts them.

    `place` and `sockets` answer with the data folder and the socket folder for the servers' account (and
    remember them where they must be found again); `note` is told of each process as soon as it runs.
    """

    instance: str
    logs: Path
    place: Callable[[Account], Path]
    note: Callable[[Record], object]
    sockets: Callable[[Account], Path] = make_socket_folder
    durable: bool = True


def start(around: Surroundings, *, want_postgres: bool = True, want_valkey: bool = True) -> Servers:
    """Start the wanted servers and wait until each answers.

    Raises LauncherError (or whatever interrupted it); what had started is stopped then.
    """
    servers = Servers()
    if not (want_postgres or want_valkey):
        return servers
    account = service_account()
    try:
        data = around.place(account)
        folder = servers.sockets = around.sockets(account)
        if want_postgres:
            servers.postgres = Postgres(
                account, data, folder, around.logs / "postgresql.log", around.instance, around.note,
                durable=around.durable,
            )  # fmt: skip
            servers.postgres.start()
        if want_valkey:
            servers.valkey = Valkey(
                account, data, folder, around.logs / "valkey.log", around.instance, around.note
            )
            servers.valkey.start()
    except BaseException:
        servers.stop()
        raise
    return servers
