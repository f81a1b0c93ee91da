"""`release_messages`: the decision about messages held after a restore of the database, for an operator.

Without arguments it says what is held (exit status 1 when something is). `--send` or `--discard` decide, in the
name of the member of staff whose e-mail is given with `--by`, with words in `--note`.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scheduling.models import Message
from scheduling.services import restores
from staff.errors import DomainError
from staff.models import User


class Command(BaseCommand):
    """Look, or decide."""

    help = "Messages held after a restore: list them, or --send / --discard them in somebody's name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--send", action="store_true", help="send what is still of use")
        group.add_argument("--discard", action="store_true", help="send none of them")
        parser.add_argument("--by", metavar="EMAIL", default="", help="who decides")
        parser.add_argument("--note", default="", help="what was looked at")

    def handle(self, *args: Any, **options: Any) -> None:
        hold = restores.open_hold()
        if hold is None:
            self.stdout.write("No restore waits for a decision.")
            return
        rows = Message.objects.filter(state=Message.State.HELD).order_by("due_at")
        if not (options["send"] or options["discard"]):
            for row in rows:
                self.stdout.write(
                    f"{row.code} {row.kind} {row.channel} due {row.due_local} ({row.time_zone})"
                )
            self.stdout.write(f"{len(rows)} held since {hold.detected_at:%Y-%m-%d %H:%M} UTC.")
            sys.exit(1)
        user = User.objects.filter(email__iexact=options["by"], is_active=True).first()
        if user is None or not user.may("message.act"):
            raise CommandError("--by must name a member of staff who may act on messages")
        try:
            restores.decide(hold=hold, release=options["send"], by=user, note=options["note"])
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write("Decided.")
