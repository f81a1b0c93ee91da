"""The launcher's one error: a sentence for the person at the terminal."""

from __future__ import annotations


class LauncherError(Exception):
    """Something the reader can act on; printed as it is, without a traceback."""
