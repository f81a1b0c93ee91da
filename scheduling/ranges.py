"""Half-open ranges as PostgreSQL stores them, from the intervals of the domain and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from scheduling.domain.intervals import Interval, as_utc


def as_range(start: datetime, end: datetime) -> Any:
    """[start, end) for a range column; reads like the value that comes back from the database."""
    return DateTimeTZRange(as_utc(start), as_utc(end), "[)")


def as_interval(stored: Any) -> Interval:
    """The interval of a stored, bounded range."""
    return Interval(stored.lower, stored.upper)
