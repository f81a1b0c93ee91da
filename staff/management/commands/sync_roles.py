"""`sync_roles`: make groups and permissions equal to the table in staff/roles.py."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from staff.services import sync_roles


class Command(BaseCommand):
    help = "Make roles and their permissions equal to the table in staff/roles.py. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"roles in step: {sync_roles()} permissions held")
