"""Staff read the rationale of a version before they first work on it (clinic-day 48)."""

from __future__ import annotations

from datetime import datetime

from protocols.models import ProtocolVersion, RationaleAcknowledgement
from staff.clock import app_now
from staff.errors import StateConflict
from staff.history import acting
from staff.models import User


def acknowledge_rationale(
    *, version: ProtocolVersion, by: User, at: datetime | None = None
) -> RationaleAcknowledgement:
    """Record that `by` has read this version's rationale. Saying it twice changes nothing.

    Raises StateConflict for a text that is not published: it may still change.
    """
    if version.status not in ProtocolVersion.PUBLISHED:
        raise StateConflict("This text is not published yet.", code="not-published")
    with acting(by):
        row, _ = RationaleAcknowledgement.objects.get_or_create(
            version=version, user=by, defaults={"sha256": version.sha256, "acknowledged_at": at or app_now()}
        )
    return row
