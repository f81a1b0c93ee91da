"""Ctrl-C and SIGTERM as an exception that never lands between starting a process and writing its pid file."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Someone asked this process to end; `number` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class _Waiting:
    """How deep in `uninterrupted` blocks we are, and the signal that came meanwhile."""

    depth = 0
    signal_number: int | None = None


def _handle(number: int, _frame: FrameType | None) -> None:
    if _Waiting.depth:
        _Waiting.signal_number = number
        return
    raise Interrupted(number)


def install() -> None:
    """Turn the three signals into `Interrupted`. A hang-up that the caller ignores (nohup) stays ignored."""
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def ignore() -> None:
    """From here on the three signals do nothing: we are already cleaning up."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold an interrupt back until the block has been left."""
    _Waiting.depth += 1
    try:
        yield
    finally:
        _Waiting.depth -= 1
    if not _Waiting.depth and _Waiting.signal_number is not None:
        number, _Waiting.signal_number = _Waiting.signal_number, None
        raise Interrupted(number)
