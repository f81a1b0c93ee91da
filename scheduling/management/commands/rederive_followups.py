"""`python3 manage.py rederive_followups`: derive windows, follow-ups and messages again from the facts.
Idempotent.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduling.models import TreatmentSeries
from scheduling.services.rederive import rederive


class Command(BaseCommand):
    """For one series, or for all that have work ahead."""

    help = "Derive windows, follow-ups and messages of series again from what is recorded."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--series CODE`: only this one."""
        parser.add_argument(
            "--series", metavar="CODE", help="code of one series (default: all live and recent ones)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints how many series were gone through and which failed; exit status 1 when one did."""
        rows = TreatmentSeries.objects.order_by("pk")
        if options["series"]:
            try:
                rows = rows.filter(code=uuid.UUID(options["series"]))
            except ValueError as error:
                raise CommandError("--series wants the code of a series") from error
            if not rows.exists():
                raise CommandError("no such series")
        done, failed = rederive(rows)
        self.stdout.write(f"{done} series derived again")
        if failed:
            raise CommandError(f"failed for: {', '.join(failed)}")
