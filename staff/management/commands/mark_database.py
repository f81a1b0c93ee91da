"""`mark_database KIND`: the owner says what a database is for; only demo and test databases may move their clock."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from staff.services import mark_database


class Command(BaseCommand):
    help = "Mark this database as production, demo or test (needs the owner role)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=["production", "demo", "test"])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            mark_database(options["kind"])
        except DatabaseError as error:
            raise CommandError(
                "Only the owner of the database can mark it (use DATABASE_OWNER_URL)."
            ) from error
        self.stdout.write(f"database marked {options['kind']}")
