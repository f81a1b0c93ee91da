"""`check_schedule [--json]`: the lists that must be empty. Exit 0 when they are, 1 otherwise."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from scheduling.schedule_checks import find_all
from staff.clock import app_now


class Command(BaseCommand):
    help = "List what the schedule may never contain: overlaps, orphans, gap breaches, therapy too early."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object per finding")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = find_all(app_now())
        for finding in findings:
            if options["json"]:
                self.stdout.write(json.dumps(asdict(finding)))
            else:
                self.stdout.write(f"{finding.kind:<18} {finding.code}  {finding.detail}")
        if not options["json"]:
            self.stdout.write(f"{len(findings)} findings")
        if findings:
            sys.exit(1)
