"""Ctrl-C and SIGTERM: an exception at a safe moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from config.launcher import interrupts
from config.launcher.interrupts import Interrupted, uninterrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Our handlers for the test, the former ones after it."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    interrupts.install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_becomes_an_exception_that_names_it(number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as caught:
        os.kill(os.getpid(), number)
    assert caught.value.number == number


def test_inside_a_protected_block_it_waits_for_the_end() -> None:
    steps: list[str] = []

    def protected() -> None:
        with uninterrupted(), uninterrupted():
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("process started and noted")

    with pytest.raises(Interrupted):
        protected()
    assert steps == ["process started and noted"]


def test_a_protected_block_without_a_signal_raises_nothing() -> None:
    with uninterrupted():
        inside = True
    assert inside


def test_while_cleaning_up_further_signals_do_nothing() -> None:
    interrupts.ignore()
    for number in SIGNALS:
        os.kill(os.getpid(), number)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_hang_up_that_the_caller_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupts.install()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN
