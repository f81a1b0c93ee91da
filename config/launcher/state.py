"""The state folder: everything that a demo keeps between two starts, private to one clone of the project.

`.demo/` in the project (git-ignored), or the folder named by CLEARWINDOW_STATE_DIR. Layout:

    lock            held while a demo starts or is swept up, so that two starts wait for each other
    info.json       where the running demo is reached (written once its servers are up)
    sockets.json    the private folder of the servers' unix sockets (new for each start)
    place.json      the data folder, where it had to lie elsewhere (see accounts.make_data_folder)
    secrets.json    SECRET_KEY and FIELD_KEY, made once, mode 0600
    prepared.json   the source code with which the last demo came up
    logins.txt      the sample logins as the seed printed them
    run/            one pid file for each process group
    logs/ outbox/   what the processes said; the messages that the clinic "sent"
    data/           PostgreSQL's and Valkey's data
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.launcher.accounts import Account, make_data_folder, make_socket_folder
from config.launcher.errors import LauncherError

PROJECT = Path(__file__).resolve().parent.parent.parent
STATE_VARIABLE = "CLEARWINDOW_STATE_DIR"
TEST_STATE_VARIABLE = "CLEARWINDOW_TEST_STATE"
"""Names the folder of the test run that a process belongs to."""
TEST_SNAPSHOTS_VARIABLE = "CLEARWINDOW_TEST_SNAPSHOTS"
"""Names the folder in which the lanes of one `manage.py test` find the database that the first of them migrated."""


@dataclass(frozen=True)
class StateFolder:
    """The paths of one state folder and the few small files in it."""

    root: Path

    @property
    def run(self) -> Path:
        """The folder of the pid files."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """The folder of the processes' logs."""
        return self.root / "logs"

    @property
    def outbox(self) -> Path:
        """The folder that the demo's messages are written to."""
        return self.root / "outbox"

    @property
    def logins(self) -> Path:
        """The sample logins, as the seed printed them."""
        return self.root / "logins.txt"

    def prepare(self) -> None:
        """Make the folder and its private parts. Raises LauncherError when it may not write here."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            # Root's servers run as `nobody`, who must pass through to `data/`; the rest is closed below.
            self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
            for folder in (self.run, self.logs, self.outbox):
                folder.mkdir(exist_ok=True)
                folder.chmod(0o700)
        except OSError as error:
            raise LauncherError(
                f"Cannot write to {self.root} ({error.strerror}). It may belong to another account: run as "
                f"that account, or name another folder in {STATE_VARIABLE}."
            ) from error

    @contextmanager
    def locked(self, on_wait: Any = None) -> Iterator[None]:
        """Hold the folder's lock; the system gives it back when this process ends, however it ends."""
        self.prepare()
        with (self.root / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if on_wait is not None:
                    on_wait()
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def read_json(self, name: str) -> dict[str, Any]:
        """A small file's content; empty when it is missing or damaged."""
        try:
            content = json.loads((self.root / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Replace a small file in one step, readable by this account only."""
        draft = self.root / f"{name}.tmp"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
            json.dump(content, handle)
        draft.replace(self.root / name)

    def remove(self, name: str) -> None:
        """Remove a small file if it is there."""
        (self.root / name).unlink(missing_ok=True)

    def secrets(self) -> dict[str, str]:
        """SECRET_KEY and FIELD_KEY of this demo: made once, because stored data depends on them."""
        found = self.read_json("secrets.json")
        if not {"SECRET_KEY", "FIELD_KEY"} <= set(found):
            found = new_secrets()
            self.write_json("secrets.json", found)
        return found

    def data(self, account: Account) -> Path:
        """The data folder; the same one on every start."""
        remembered = self.read_json("place.json").get("data")
        if remembered and Path(remembered).is_dir():
            return Path(remembered)
        wanted = self.root / "data"
        chosen = (
            wanted if wanted.is_dir() and account.can("-w", wanted) else make_data_folder(wanted, account)
        )
        if chosen != wanted:
            self.write_json("place.json", {"data": str(chosen)})
        return chosen

    def make_sockets(self, account: Account) -> Path:
        """A new socket folder, written down so that a later sweep can remove it."""
        folder = make_socket_folder(account)
        self.write_json("sockets.json", {"folder": str(folder)})
        return folder

    def remembered_sockets(self) -> Path | None:
        """The socket folder of the last start, if it is still there."""
        named = self.read_json("sockets.json").get("folder")
        return Path(named) if named and Path(named).is_dir() else None

    def wipe(self) -> None:
        """Delete what the demo keeps, wherever it lies; the lock file stays, for it may be held."""
        elsewhere = self.read_json("place.json").get("data")
        if elsewhere and Path(elsewhere).name.startswith("clearwindow-"):
            shutil.rmtree(elsewhere, ignore_errors=True)
        for entry in self.root.iterdir():
            if entry.name == "lock":
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def source_fingerprint() -> str:
    """SHA-256 over the project's Python source and its lock file: anything that could change tables or
    roles.
    """
    digest = hashlib.sha256()
    folders = (entry for entry in PROJECT.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    sources = (path for folder in folders for path in folder.rglob("*.py"))
    for path in sorted([*sources, PROJECT / "requirements" / "demo.txt"]):
        digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def new_secrets() -> dict[str, str]:
    """Fresh keys: SECRET_KEY as text, FIELD_KEY as 32 random bytes in URL-safe base64."""
    field_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")
    return {"SECRET_KEY": secrets.token_urlsafe(50), "FIELD_KEY": field_key}


def state_folder() -> StateFolder:
    """The state folder of this clone, or the one that the environment names."""
    named = os.environ.get(STATE_VARIABLE)
    return StateFolder(Path(named).expanduser().resolve() if named else PROJECT / ".demo")
