"""Which Chromium the browser journeys use: one found on this machine, else the one that Playwright brings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

VARIABLE = "CLEARWINDOW_CHROMIUM"
"""A path, or PLAYWRIGHTS_OWN; empty means that there is none."""
PLAYWRIGHTS_OWN = "playwright"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PLACES = (
    "/usr/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def find(*, may_install: bool) -> str:
    """A Chromium that starts: a path, PLAYWRIGHTS_OWN, or an empty string. What the environment names comes
    first.
    """
    named = os.environ.get(VARIABLE)
    if named == PLAYWRIGHTS_OWN or (named and _starts(named)):
        return named
    for candidate in [*filter(None, map(shutil.which, _NAMES)), *_PLACES]:
        if _starts(candidate):
            return candidate
    if _playwright_has_one() or (may_install and _playwright_installs_one()):
        return PLAYWRIGHTS_OWN
    return ""


def launch_arguments(found: str) -> dict[str, Any]:
    """Playwright's launch arguments for what `find` returned."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses root
    arguments: dict[str, Any] = {"args": [*sandbox, *_FLAGS]}
    return arguments if found in ("", PLAYWRIGHTS_OWN) else {**arguments, "executable_path": found}


def _starts(program: str) -> bool:
    """Whether it is a real browser: some systems ship a stub that only tells how to install one."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            [program, "--version"],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
        )
        return done.returncode == 0 and any(name in done.stdout for name in ("Chromium", "Chrome"))
    return False


def _playwright_has_one() -> bool:
    default = "~/Library/Caches/ms-playwright" if sys.platform == "darwin" else "~/.cache/ms-playwright"
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or default).expanduser()
    return any((found / "INSTALLATION_COMPLETE").exists() for found in folder.glob("chromium*"))


def _playwright_installs_one() -> bool:
    print("Journeys: no Chromium on this machine, asking Playwright for one.", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            command, check=False, timeout=300, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode == 0 and _playwright_has_one()
    return False
