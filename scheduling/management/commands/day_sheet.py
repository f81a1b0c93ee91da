"""Make the day sheet now: kept in the database, and as a file where a folder is named."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from scheduling.services.day_sheets import make_day_sheet, write_sheet
from staff.errors import InvalidInput
from staff.models import Site
from staff.strict import parse_date


class Command(BaseCommand):
    help = "Make the day sheet of every site (or one) and keep it. --out also writes one HTML file per site."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", help="short name of one site")
        parser.add_argument("--day", help="YYYY-MM-DD, by default each site's today")
        parser.add_argument("--out", help="folder for the files, by default the setting DAY_SHEET_DIR")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            day = parse_date(options["day"], field="day") if options["day"] else None
        except InvalidInput as error:
            raise CommandError("--day must be a date such as 2026-03-03.") from error
        sites = Site.objects.all()
        if options["site"]:
            sites = sites.filter(short_name=options["site"])
            if not sites:
                raise CommandError("No site has this short name.")
        folder = options["out"] or settings.DAY_SHEET_DIR
        for site in sites.order_by("pk"):
            sheet = make_day_sheet(site=site, day=day)
            where = f", {write_sheet(sheet, Path(folder)).name}" if folder else ""
            self.stdout.write(f"{site.short_name}: {sheet.day.isoformat()}, {sheet.visits} visits{where}")
