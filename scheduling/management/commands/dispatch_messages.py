"""`python3 manage.py dispatch_messages [--once]`: the same tick as Celery's, for when Redis or the worker is
gone.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections

from scheduling import dispatch


class Command(BaseCommand):
    """Runs until SIGINT or SIGTERM; with --once a single round."""

    help = "Open windows, release follow-ups and send due messages from the database, without Redis."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--once`: one round, then stop; exit status 1 when a step failed."""
        parser.add_argument("--once", action="store_true", help="one round, then stop")

    def handle(self, *args: Any, **options: Any) -> None:
        """One line per round that did something."""
        if options["once"]:
            done = dispatch.tick()
            self._tell(done, always=True)
            if done.failed:
                raise CommandError(f"could not run: {', '.join(done.failed)}")
            return
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            close_old_connections()  # one that the database server has ended is opened anew
            self._tell(dispatch.tick(), always=False)
            stop.wait(settings.TICK_SECONDS)

    def _tell(self, done: dispatch.Round, *, always: bool) -> None:
        words = ", ".join(f"{name} {count}" for name, count in done.counts.items() if count or always)
        if words:
            self.stdout.write(words)
        for name in done.failed:
            self.stderr.write(f"failed: {name}")
