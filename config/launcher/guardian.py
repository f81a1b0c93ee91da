"""Waits for the test run that started it to end, however it ends, then stops that run's servers.

    python -m config.launcher.guardian FOLDER

It also ends what the run's own tests started and left behind: every child inherits CLEARWINDOW_TEST_STATE,
which names this run's folder and no other's. Standard input is a pipe whose other end only the test run
holds: its end of file is the sign, after `kill -9` too.
"""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

from config.launcher.processes import stop_marked
from config.launcher.state import TEST_STATE_VARIABLE, StateFolder
from config.launcher.sweep import remove_sockets, stop_everything


def main(folder: str) -> int:
    """Wait, stop, clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    state = StateFolder(Path(folder))
    stop_marked(TEST_STATE_VARIABLE, folder)
    stop_everything(state)
    remove_sockets(state)
    state.wipe()
    shutil.rmtree(state.root, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
