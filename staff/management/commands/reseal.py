"""`reseal`: after FIELD_KEY was changed, what old keys sealed is sealed with the new one (docs/keys.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from staff.services.resealing import reseal


class Command(BaseCommand):
    help = "Seal with FIELD_KEY what keys of FIELD_KEYS_OLD sealed (needs the owner role). Exit 1: something is left."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="count only; exit 1 while an old key is needed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        check = options["check"]
        try:
            counts = reseal(dry_run=check)
        except DatabaseError as error:
            raise CommandError(
                "Only the owner of the database can seal its rows anew (use DATABASE_OWNER_URL)."
            ) from error
        for count in counts:
            words = "still under an old key" if check else "sealed anew"
            self.stdout.write(f"{count.column}: {count.sealed} {words}, {count.left} do not open")
        left, waiting = sum(count.left for count in counts), sum(count.sealed for count in counts)
        if left:
            raise CommandError(
                f"{left} values do not open with any configured key, or stand twice: they are as they were. "
                "`check_schedule` names those in use."
            )
        if check and waiting:
            raise CommandError(f"{waiting} values need an old key: run `reseal`.")
        self.stdout.write("No old key is needed any more.")
