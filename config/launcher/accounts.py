"""Which account the embedded servers run as, and which folders that account can use.

PostgreSQL refuses to run as root. Started by root, the servers therefore run as `nobody`; started by anybody
else, as that person. Folders that `nobody` cannot reach (a clone below a private home) are replaced by one
that it can.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.launcher.errors import LauncherError

SOCKET_PATH_LIMIT = 103
"""Longest unix socket path in bytes that both Linux (107) and macOS (103) take."""

_TEMPORARY_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108 - used with random names, owner and mode checked
_LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432.lock")


@dataclass(frozen=True)
class Account:
    """The account of the servers; `switch` says that we are root and must change to it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def popen_options(self) -> dict[str, Any]:
        """Keyword arguments of `subprocess` that run a program as this account, in no private folder."""
        if not self.switch:
            return {"cwd": "/"}
        return {"cwd": "/", "user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Hand a folder to the account, closed to everybody else."""
        path.chmod(0o700)
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def can(self, flag: str, path: Path) -> bool:
        """Whether the account passes the shell's `test FLAG path` (e.g. `-x`); tried, not worked out."""
        command = ["/bin/sh", "-c", f'test {flag} "$1"', "sh", str(path)]
        done = subprocess.run(command, check=False, capture_output=True, **self.popen_options())
        return done.returncode == 0


def service_account() -> Account:
    """The account for the servers. Raises LauncherError where root has no `nobody` to change to."""
    if os.geteuid() != 0:
        uid = os.geteuid()
        return Account(_login_name(uid), uid, os.getegid(), switch=False)
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise LauncherError(
            "PostgreSQL does not run as root, and this machine has no account `nobody`."
        ) from error
    return Account("nobody", entry.pw_uid, entry.pw_gid, switch=True)


def _login_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError as error:
        raise LauncherError(
            f"PostgreSQL needs a named account, and user id {uid} has none on this machine. "
            "Run as a named user, or name your own servers in DATABASE_URL and REDIS_URL."
        ) from error


def caller_name() -> str:
    """The account that runs this program: the one that may connect to the servers."""
    return _login_name(os.geteuid())


def require_own_folder(path: Path, owner_uid: int) -> None:
    """Refuse a folder that is a link, belongs to somebody else or is open to others. Raises LauncherError."""
    try:
        found = path.lstat()
    except OSError as error:
        raise LauncherError(f"The folder {path} cannot be read: {error.strerror}.") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner_uid or stat.S_IMODE(found.st_mode) & 0o077:
        raise LauncherError(f"The folder {path} is not a private folder of this account; it is left alone.")


def make_socket_folder(account: Account) -> Path:
    """A new private folder with a path short enough for unix sockets and a name nobody can guess.

    Raises LauncherError when no temporary folder of this machine will do.
    """
    runtime = "" if account.switch else os.environ.get("XDG_RUNTIME_DIR", "")
    bases = (runtime, tempfile.gettempdir(), *_TEMPORARY_FOLDERS)
    for base in dict.fromkeys(filter(None, bases)):
        try:
            folder = Path(tempfile.mkdtemp(prefix="cw-", dir=base))
        except OSError:
            continue
        short = len(os.fsencode(folder)) + _LONGEST_SOCKET_NAME <= SOCKET_PATH_LIMIT
        if short and not set(str(folder)) & set(" \"',%?#") and account.can("-x", Path(base)):
            account.give(folder)
            require_own_folder(folder, account.uid)
            return folder
        folder.rmdir()
    raise LauncherError("No temporary folder here is short enough for unix sockets (TMPDIR, /tmp, /var/tmp).")


def make_data_folder(wanted: Path, account: Account) -> Path:
    """The folder for the servers' data: `wanted` if the account can reach it, else a new one in /var/tmp.

    The caller remembers the answer: the second kind has a random name.
    """
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    account.give(wanted)
    if account.can("-w", wanted):
        return wanted
    wanted.rmdir()
    folder = Path(tempfile.mkdtemp(prefix="clearwindow-", dir="/var/tmp"))
    account.give(folder)
    return folder
