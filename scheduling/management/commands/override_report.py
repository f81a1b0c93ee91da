"""The monthly report of overrides on standard output: what the page and the API show."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError

from scheduling.domain.localtime import local_date
from scheduling.override_report import COLUMNS, by_rule, line_of, overrides, read_month
from staff.clock import app_now
from staff.csv_text import as_csv
from staff.errors import InvalidInput
from staff.models import Site


class Command(BaseCommand):
    help = "Overrides of one month at a site as CSV, or with --summary how often each rule was set aside."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", required=True, help="short name of the site")
        parser.add_argument(
            "--month", default="", help="such as 2026-03, by default the site's present month"
        )
        parser.add_argument("--summary", action="store_true", help="counts by rule instead of every override")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(short_name=options["site"]).first()
        if site is None:
            raise CommandError("No site has this short name.")
        zone = ZoneInfo(site.time_zone)
        try:
            month = read_month(options["month"], local_date(app_now(), zone), zone)
        except InvalidInput as error:
            raise CommandError(error.message) from error
        rows = overrides(site, month)
        if options["summary"]:
            for rule, count in by_rule(rows):
                self.stdout.write(f"{count}\t{rule}")
            self.stdout.write(f"{len(rows)}\tall of {month.name}")
            return
        self.stdout.write(as_csv(COLUMNS, [line_of(row) for row in rows]), ending="")
