"""`install_protocols`: the protocols that come with the product, as version 1 of each, marked as shipped."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from protocols.services import install_shipped
from staff.models import User


class Command(BaseCommand):
    help = "Install the shipped protocols that are not there yet. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--by", required=True, help="e-mail address of the protocol admin or manager who installs them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(email__iexact=options["by"], is_active=True).first()
        if person is None or not person.may("protocol.install"):
            raise CommandError("Only a protocol admin or a clinic manager can install protocols.")
        for version in install_shipped(by=person):
            self.stdout.write(str(version))
