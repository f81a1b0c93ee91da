"""What the embedded servers share: started in a process group of their own, noted at once, waited for,
stopped.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from config.launcher.accounts import Account
from config.launcher.errors import LauncherError
from config.launcher.interrupts import uninterrupted
from config.launcher.processes import INSTANCE_VARIABLE, Record, record_of, stop_groups, wait_until


@dataclass
class Server:
    """One server process: data below `place`, socket in `sockets`, output in `log`.

    `note` is told of the process as soon as it runs, so that a pid file exists before anything depends on it.
    """

    account: Account
    place: Path
    sockets: Path
    log: Path
    instance: str
    note: Callable[[Record], object]
    record: Record | None = None
    process: subprocess.Popen[bytes] | None = None

    name: ClassVar[str] = "server"
    title: ClassVar[str] = "The server"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    grace_seconds: ClassVar[float] = 10

    def environment(self) -> dict[str, str]:
        """The server's environment: no PG* variable of the caller, plain messages, our mark."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        return {**kept, "LC_ALL": "C", INSTANCE_VARIABLE: self.instance}

    def run(self, command: list[str]) -> int:
        """Run a program to its end as the servers' account, its output in the log; the exit status."""
        with self.log.open("ab") as log:
            return subprocess.run(
                command, check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment(), **self.account.popen_options(),
            ).returncode  # fmt: skip

    def spawn(self, command: list[str]) -> None:
        """Start the server's process."""
        with self.log.open("ab") as log, uninterrupted(), suppress(ProcessLookupError):
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=self.environment(), **self.account.popen_options(),
            )  # fmt: skip
            self.record = record_of(self.name, self.process.pid, self.instance, self.log)
            self.note(self.record)

    def runs(self) -> bool:
        """Whether the process has not ended."""
        return self.process is not None and self.process.poll() is None

    def answers(self) -> bool:
        """Whether the server takes a connection."""
        raise TypeError(f"{type(self).__name__} does not say how it answers")

    def comes_up(self, seconds: float = 60) -> bool:
        """Wait until the server answers or has ended; whether it answers."""
        return wait_until(lambda: not self.runs() or self.answers(), seconds) and self.runs()

    def fail(self) -> LauncherError:
        """Stop what is left and return the error to raise."""
        self.stop()
        return LauncherError(f"{self.title} did not start; see {self.log}.")

    def stop(self) -> None:
        """Stop the server; may be called at any stage and more than once."""
        if self.record is not None:
            stop_groups([self.record], self.stop_signal, self.grace_seconds)
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)
