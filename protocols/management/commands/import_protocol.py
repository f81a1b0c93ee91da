"""`import_protocol FILE --slug S --name N --by E-MAIL`: a file becomes the first draft of a new protocol."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from protocols.services.files import import_file
from staff.errors import DomainError
from staff.models import User


class Command(BaseCommand):
    """A protocol in."""

    help = "Read a protocol file (JSON or FHIR PlanDefinition) as the first draft of a new protocol."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file")
        parser.add_argument("--slug", required=True)
        parser.add_argument("--name", required=True)
        parser.add_argument(
            "--by", required=True, help="e-mail address of the protocol admin who brings it in"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        by = User.objects.filter(email__iexact=options["by"], is_active=True).first()
        if by is None or not by.may("protocol.edit"):
            raise CommandError("Only a protocol admin brings in a protocol.")
        try:
            raw = Path(options["file"]).read_bytes()
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from error
        try:
            draft = import_file(raw=raw, slug=options["slug"], name=options["name"], by=by)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"Draft {draft.number} of {draft.template.name} made.")
