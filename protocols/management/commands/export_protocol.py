"""`export_protocol SLUG NUMBER [--fhir]`: one version as a file on stdout."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from protocols.models import ProtocolVersion
from protocols.services.files import export_file, export_plan_definition


class Command(BaseCommand):
    """A protocol out."""

    help = "Write one version of a protocol to stdout, as versioned JSON or as a FHIR R4 PlanDefinition."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("number", type=int)
        parser.add_argument("--fhir", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = ProtocolVersion.objects.with_people()
        version = rows.filter(template__slug=options["slug"], number=options["number"]).first()
        if version is None:
            raise CommandError("There is no such version.")
        text = export_plan_definition(version) if options["fhir"] else export_file(version)
        self.stdout.write(text, ending="")
