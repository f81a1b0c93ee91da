"""`seed_demo`: fill an empty demo database with the sample clinic."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduling.demo.cast import PASSWORD, SHARED_STAFF
from scheduling.demo.seed import HalfMadeError, seed
from staff.clock import app_now
from staff.errors import NotAllowed

STALE_AFTER = timedelta(hours=18)


class Command(BaseCommand):
    help = "Fill an empty demo database with the sample clinic (two sites, sixty patients). Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = seed()
        except NotAllowed as error:
            raise CommandError("This database is not marked as a demo; nothing was written.") from error
        except HalfMadeError as error:
            raise CommandError(f"{error} Start again with: python3 manage.py demo --reset") from error
        if not made.fresh and app_now() - made.made_at > STALE_AFTER:
            day = f"{made.made_at:%a %d %b %Y, %H:%M} UTC"
            self.stdout.write(
                f"The sample clinic is from {day}; its day has moved on. Fresh one: demo --reset"
            )
        self.stdout.write(f"Sample sign-ins (password {PASSWORD}):")
        for role in SHARED_STAFF:
            self.stdout.write(f"  {role.email:<26} {role.name}, {role.title}")
