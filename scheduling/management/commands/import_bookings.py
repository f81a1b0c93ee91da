"""`import_bookings FILE --site SHORT --by EMAIL`: patients and future visits from a CSV file, as the page does it.

The report is JSON on stdout, progress on stderr. Without `--write` nothing is written. Exit status 0 when every row is
right, 1 when there are problems, 2 when the file, the site or the person cannot be used.
"""

from __future__ import annotations

import getpass
import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from scheduling.services.imports import import_bookings
from staff.errors import DomainError
from staff.models import Site, User


class Command(BaseCommand):
    """A spreadsheet into the schedule."""

    help = "Import patients and future infusion visits from a CSV file; a dry run unless --write is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="CSV, UTF-8; - reads stdin")
        parser.add_argument("--site", required=True, help="the site's name or short name")
        parser.add_argument("--by", required=True, help="e-mail of the person in whose name it is done")
        parser.add_argument(
            "--write", action="store_true", help="import; without it only the report is printed"
        )
        parser.add_argument(
            "--each", action="store_true", help="leave out patients with problems, import the others"
        )

        parser.add_argument(
            "--eligible",
            action="store_true",
            help="the prescriber --by signs each patient's eligibility checklist; with --write their password is asked",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            raw = sys.stdin.buffer.read() if options["file"] == "-" else Path(options["file"]).read_bytes()
            site = self._site(options["site"])
            person = User.objects.get(email__iexact=options["by"], is_active=True)
        except (OSError, LookupError, User.DoesNotExist) as error:
            self.stderr.write(f"Cannot start: {error}")
            sys.exit(2)
        if options["eligible"] and options["write"] and not self._signs(person):
            self.stderr.write("That is not the password: nothing was signed, nothing was read.")
            sys.exit(2)
        self.stderr.write(f"Reading {len(raw)} bytes for {site.name} ...")
        try:
            report = import_bookings(
                site=site,
                raw=raw,
                by=person,
                dry_run=not options["write"],
                together=not options["each"],
                eligible=options["eligible"],
            )
        except DomainError as refusal:
            self.stderr.write(refusal.message)
            sys.exit(2)
        self.stdout.write(json.dumps(report.as_data(), ensure_ascii=False))
        self.stderr.write("Written." if report.written else "Nothing was written.")
        if report.problems:
            sys.exit(1)

    def _signs(self, person: User) -> bool:
        """The prescriber gives their own password at the terminal, as on the page: a signature is nobody else's act."""
        asked = f"{person.full_name} signs the eligibility checklist of every patient in the file. Password: "
        return person.check_password(getpass.getpass(asked))

    def _site(self, name: str) -> Site:
        """Raises LookupError unless exactly one site has this name or short name."""
        found = {*Site.objects.filter(name__iexact=name), *Site.objects.filter(short_name__iexact=name)}
        if len(found) != 1:
            raise LookupError(f"{len(found)} sites are called {name}")
        return found.pop()
