"""The one clock. Everything that decides reads `app_now()`: the database's clock, plus an offset in demo and tests.

`app_now()` in SQL is `clock_timestamp()` plus `staff_clockoffset.offset_by`, which only a database marked `demo` or
`test` by its owner may set (a trigger refuses otherwise, and a system check refuses to start).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from staff.errors import NotAllowed


def app_now() -> datetime:
    """The present moment by the database's clock, in UTC. Costs one query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_now()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def environment() -> str:
    """`production`, `demo` or `test`, as the database's owner marked it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind FROM staff_databaseenvironment")
        row = cursor.fetchone()
    return str(row[0]) if row else "production"


def may_move_clock() -> bool:
    """True in a database that its owner marked as demo or test."""
    return environment() in ("demo", "test")


@transaction.atomic
def move_clock_by(step: timedelta) -> datetime:
    """Move the demo clock by `step` and return the new moment. Raises NotAllowed outside demo and tests."""
    _require_movable()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE staff_clockoffset SET offset_by = offset_by + make_interval(secs => %s)",
            [step.total_seconds()],
        )
    return app_now()


@transaction.atomic
def set_clock(moment: datetime, *, frozen: bool = False) -> None:
    """Make `app_now()` give `moment` now (running on from there, or standing still when `frozen`)."""
    _require_movable()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE staff_clockoffset SET offset_by = %s - clock_timestamp(), frozen_at = %s",
            [moment, moment if frozen else None],
        )


def _require_movable() -> None:
    if not may_move_clock():
        raise NotAllowed("The clock can be moved only in a demo or test database.", code="clock-not-movable")
