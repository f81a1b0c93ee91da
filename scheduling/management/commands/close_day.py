"""List what a site's day has left open, or close the day with one owner for what has none.

It asks for no password: whoever may run commands on the server acts, and the closing and its history say so.
"""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduling.services.day_closing import close_day, day_of, open_lines
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import Site, User


class Command(BaseCommand):
    help = (
        "List what the day of a site has left open. With --by and --owner: close it, as the operator of this server, "
        "in that person's name. The closing says that it was the operator's act."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--site", required=True, help="short name of the site")
        parser.add_argument("--by", help="e-mail of the person in whose name the day is closed")
        parser.add_argument("--owner", help="e-mail of whoever takes over what has no owner yet")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(short_name=options["site"]).first()
        if site is None:
            raise CommandError("No site has this short name.")
        lines = open_lines(site)
        for line in lines:
            owner = line.owner.full_name if line.owner else "no owner"
            self.stdout.write(f"{line.group}: {line.text} ({owner})")
        if not options["by"]:
            self.stdout.write(f"{len(lines)} open. Nothing was written.")
            return
        by = self._person(options["by"])
        taker = self._person(options["owner"]) if options["owner"] else None
        owners = {line.key: taker for line in lines if line.owner is None and taker is not None}
        try:
            close_day(site=site, owners=owners, by=by, operator=getpass.getuser())
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        day = day_of(site, app_now()).isoformat()
        self.stdout.write(
            f"{site.short_name}: {day} is closed by the operator, in the name of {by.full_name}."
        )

    def _person(self, email: str) -> User:
        found = User.objects.filter(email__iexact=email, is_active=True).first()
        if found is None or not found.may("infusion.record"):
            raise CommandError(f"{email} is nobody who may close a day.")
        return found
