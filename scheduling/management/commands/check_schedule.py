"""`check_schedule`: names every overlap, orphan, gap breach, therapy in a no-therapy period, unlicensed booking,
booking that differs from the record, and infusion without a date or an owner.

Exit status 0 when there is none, 1 when there are some. `--json` prints them as one JSON list on stdout.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from scheduling.schedule_checks import check_schedule
from staff.clock import app_now


class Command(BaseCommand):
    """Lists that must be empty."""

    help = "Name everything in the schedule that must not be; exit 1 if there is anything."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON list on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        found = check_schedule(app_now())
        if options["json"]:
            self.stdout.write(json.dumps([asdict(item) for item in found]))
        else:
            for item in found:
                self.stdout.write(f"{item.kind}: {item.text} [{', '.join(item.codes)}]")
            self.stdout.write(f"{len(found)} finding{'s' if len(found) != 1 else ''}.")
        if found:
            sys.exit(1)
