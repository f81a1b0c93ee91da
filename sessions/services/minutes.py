"""Times typed to the minute, beside times that are known to the second.

The rule: a time typed to the minute is some moment of that minute, and what the record already knows of the minute
came first. A button pressed now is stored to the microsecond; a box for time gives 09:40:00 for everything that
happened in the minute after 09:40. Without the rule a reading taken at 09:40:20, before the pump was stopped "at
09:40", would count as taken after it, and a blood pressure of 09:00:40 as taken after a start "at 09:00".

So a whole minute is moved behind what was entered before it and lies in that same minute; when nothing does, it stays
as typed. Screens show hours and minutes, as typed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sessions.models import Infusion, PumpEvent, VitalSigns
from sessions.services import rows

MINUTE = timedelta(minutes=1)
NEXT = timedelta(microseconds=1)


def line_in_its_minute(
    infusion: Infusion, kind: str, typed: datetime, *, lines: Iterable[PumpEvent], before: datetime
) -> datetime:
    """A pump line typed to the minute, behind the `lines` and the readings of that minute entered up to `before`.

    A stop also lies behind a reading typed to the same minute: it was entered before, so it was taken before.
    """
    readings = [row for row in rows.live(infusion, VitalSigns) if row.entered_at <= before]
    known = [row.observed_at for row in lines if row.entered_at <= before]
    found = _behind([*known, *(row.observed_at for row in readings)], typed)
    typed_alike = any(row.observed_at == typed < row.entered_at for row in readings)
    return typed + NEXT if found == typed and kind == PumpEvent.Kind.STOP and typed_alike else found


def seen_in_its_minute(infusion: Infusion, typed: datetime) -> datetime:
    """A reading or criterion typed to the minute, behind the pump lines of that minute: each was entered before it."""
    return _behind([row.observed_at for row in rows.live(infusion, PumpEvent)], typed)


def _behind(known: Iterable[datetime], typed: datetime) -> datetime:
    """Never leaves the minute; a time with seconds is exact and stays."""
    if typed.second or typed.microsecond:
        return typed
    end = typed + MINUTE - NEXT
    last = max((moment for moment in known if typed < moment < end), default=None)
    return typed if last is None else last + NEXT
