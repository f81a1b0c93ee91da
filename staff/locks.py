"""Transaction-scoped advisory locks, always taken in one order, so that two writers cannot deadlock.

Kinds sort before ids: all patients first, then all resources. A lock that cannot be had in 3 seconds raises
TryAgain and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import OperationalError, connection

from staff.errors import TryAgain

PATIENT, RESOURCE = 1, 2
WAIT = "3s"


def lock(*, patients: Iterable[int] = (), resources: Iterable[int] = ()) -> None:
    """Take the locks of these primary keys until the end of the transaction.

    Raises RuntimeError outside a transaction (the lock would be released at once), TryAgain after 3 seconds.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("advisory locks need a transaction")
    keys = [(PATIENT, pk) for pk in sorted(set(patients))] + [(RESOURCE, pk) for pk in sorted(set(resources))]
    if not keys:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute(  # one journey to the server; a function scan hands its rows out in the order of the arrays
                "SELECT set_config('lock_timeout', %s, true); "
                "SELECT pg_advisory_xact_lock(kind, pk) FROM unnest(%s::int[], %s::int[]) AS wanted(kind, pk)",
                [WAIT, [kind for kind, _ in keys], [pk for _, pk in keys]],
            )
    except OperationalError as error:
        raise TryAgain("Somebody else is changing this right now. Try again.") from error


def try_patient(pk: int) -> bool:
    """Take one patient's lock if it is free right now. For those who hold resources already and may not wait."""
    if not connection.in_atomic_block:
        raise RuntimeError("advisory locks need a transaction")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [PATIENT, pk])
        return bool(cursor.fetchone()[0])
