"""Encrypted values that do not open in their own row: copied there from another, changed, or sealed with a lost key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from patients.models import ContactPoint
from scheduling.models import DutyShift, StaffNotice
from sessions.models import PrivateNote
from staff.fields import Unreadable


def unreadable_values(now: datetime) -> Iterator[tuple[str, str]]:
    """What does not open, in words, and the code of its row. Nothing that opens is handed out."""
    shifts = DutyShift.objects.filter(cancelled_at__isnull=True, during__endswith__gt=now)
    notices = StaffNotice.objects.filter(state=StaffNotice.State.WAITING).select_related("alert")
    looked_at: tuple[tuple[str, str, Iterable[Any]], ...] = (
        ("address of a patient", "address", ContactPoint.objects.all()),
        ("number on the duty roster", "phone", shifts),
        ("address of a notice to staff", "address", notices),
        ("private note", "text", PrivateNote.objects.all()),
    )
    for words, column, rows in looked_at:
        for row in rows:
            try:
                getattr(row, column)
            except Unreadable:
                yield f"{words} does not open in its row", str(getattr(row, "code", None) or row.alert.code)
