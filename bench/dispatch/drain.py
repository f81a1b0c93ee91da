"""One process of the benchmark: drain what is due through a channel that does nothing. Prints how many it sent."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from scheduling import dispatch  # noqa: E402 - after setup
from scheduling.channels import Outgoing  # noqa: E402
from scheduling.services import outbox  # noqa: E402


class Nowhere:
    """Takes everything at once."""

    keyed, key_window = True, timedelta(days=1)

    def send(self, message: Outgoing) -> str:
        """Done."""
        return message.public_key

    def close(self) -> None:
        """Nothing is open."""


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    channel, sent = Nowhere(), 0
    while claims := outbox.claim_due("sms", most=dispatch.BATCH):
        sent += sum(dispatch.send_one(claim, channel) == "sent" for claim in claims)
    print(sent, flush=True)
