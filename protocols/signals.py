"""What the apps above may want to answer, inside the sender's transaction."""

from __future__ import annotations

from django.dispatch import Signal

# sender: ProtocolVersion; version, reason (words), by (User), at (aware). Sent once, when it is retired.
version_retired = Signal()
