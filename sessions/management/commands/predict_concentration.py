"""`predict_concentration [FILE]`: JSON lines in, JSON lines out. Needs no database.

A bad line is answered with `{"id", "error": {"field", "message"}}` and the run goes on; the exit status is
then 2.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError

from sessions.pharmacokinetics.contract import answer, read_id
from staff.errors import InvalidInput


class Command(BaseCommand):
    """Predicted ketamine and norketamine concentrations for each request line."""

    help = "Predict plasma concentrations: one JSON request per line in, one JSON answer per line out."
    requires_system_checks: ClassVar[list[str]] = []  # type: ignore[misc]  # the base class declares an instance attribute
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The one argument."""
        parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="default: standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        """Answer every line; CommandError with status 2 when any was bad or the file cannot be read."""
        bad = 0
        for line in _lines(options["file"]):
            text, good = answer_line(line)
            bad += not good
            self.stdout.write(text)
        if bad:
            raise CommandError(f"{bad} bad line{'s' if bad > 1 else ''}", returncode=2)


def _lines(path: str) -> Iterator[bytes]:
    """Non-blank lines, split at line feeds only."""
    try:
        if path == "-":
            yield from _kept(sys.stdin.buffer)
        else:
            with open(path, "rb") as source:
                yield from _kept(source)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}", returncode=2) from error


def _kept(source: Any) -> Iterator[bytes]:
    for number, line in enumerate(source):
        content = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
        if content.strip():
            yield content


def answer_line(line: bytes) -> tuple[str, bool]:
    """(one line of JSON, whether the request was good)."""
    identity = None
    try:
        data = _parsed(line)
        identity = read_id(data)
        result = answer(data)
        return json.dumps(result, allow_nan=False), True
    except InvalidInput as error:
        problem = {"field": error.field or "line", "message": error.message}
        return json.dumps({"id": identity, "error": problem}), False


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8"), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("is not readable JSON", field="line") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidInput(f"gives the key {key!a} twice", field="line")
        found[key] = value
    return found
