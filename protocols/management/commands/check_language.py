"""`check_language FILE [--json]`: the clinical-language check of a text file. Needs no database and no server.

One finding a line, in document order; with `--json` one JSON object a line. Exit status 0 without errors (warnings are
allowed), 1 with errors, 2 when the file cannot be read as UTF-8 text. `-` is standard input. In a Markdown file (by its
name) indented blocks are code. A page about words leaves itself out between `clinical-lexicon: off` and
`clinical-lexicon: on`.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError

from protocols.lexicon import Finding, check_text


class Command(BaseCommand):
    """What a text should say otherwise, and why."""

    help = "Check the clinical language of a text file: findings on standard output, status 1 when there are errors."
    requires_system_checks: ClassVar[list[str]] = []  # type: ignore[misc]  # the base class declares an instance attribute
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and the shape of the answer."""
        parser.add_argument(
            "file", metavar="FILE", help="a UTF-8 text, Markdown or HTML file; - is standard input"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings; SystemExit(1) with errors, CommandError with status 2 for an unreadable file."""
        name: str = options["file"]
        markdown = name.lower().endswith((".md", ".markdown"))
        findings = check_text(read_file(name), markdown=markdown, markers=True)
        for found in findings:
            self.stdout.write(
                json.dumps(found.as_json(), ensure_ascii=False) if options["json"] else as_line(name, found)
            )
        errors = sum(found.severity == "error" for found in findings)
        if not options["json"]:
            self.stderr.write(f"{errors} errors, {len(findings) - errors} warnings")
        if errors:
            sys.exit(1)


def read_file(name: str) -> str:
    """The text without a byte order mark. Raises CommandError with status 2."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}", returncode=2) from error
    except ValueError as error:  # also a name with a NUL
        raise CommandError(f"{name} is not UTF-8 text", returncode=2) from error
    if "\x00" in text:
        raise CommandError(f"{name} is not a text file", returncode=2)
    return text


def as_line(name: str, found: Finding) -> str:
    """One finding for people: place, severity, what was found, what to say, why."""
    match = " ".join(found.match.split())
    return f'{name}:{found.line}:{found.column}: {found.severity}: "{match}": {found.suggestion} ({found.reason})'
