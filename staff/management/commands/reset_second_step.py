"""`reset_second_step`: for somebody who has lost the device and the recovery codes, when no manager can do it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from staff.models import User
from staff.services.people import reset_second_step


class Command(BaseCommand):
    help = "Take away the second step at sign-in of one person and sign them out everywhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(email__iexact=options["email"]).first()
        if person is None:
            raise CommandError("Nobody has this address.")
        reset_second_step(person=person, by=None)
        self.stderr.write(f"{person.full_name} signs in with the password alone.")
