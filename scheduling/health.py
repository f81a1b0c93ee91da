"""Probes: `/healthz/live` says that the process answers, `/healthz/ready` that it can do its work.

Ready = database, migrations, the tick's heartbeat not older than three ticks, nothing due for more than five
minutes, and this machine's clock within two seconds of the database's. Redis only degrades: it carries
wake-ups, no promise. A heartbeat that is missing or old is forgiven for a short while after this process has
started.
"""

from __future__ import annotations

import time
from functools import lru_cache

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

STARTED = time.monotonic()
GRACE_SECONDS = 20.0
MISSED_TICKS = 3
OVERDUE_SECONDS = 300.0
SKEW_SECONDS = 2.0

BEAT = """
    SELECT extract(epoch FROM clock_timestamp())::float8,
           (SELECT extract(epoch FROM clock_timestamp() - beat_at)::float8 FROM scheduling_heartbeat
            WHERE name = 'tick'),
           (SELECT extract(epoch FROM app_now() - min(due_at))::float8 FROM scheduling_message
            WHERE state IN ('scheduled', 'claimed', 'sending') AND due_at <= app_now()
              AND (lease_until IS NULL OR lease_until < clock_timestamp()))
"""


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nothing of the database."""
    return JsonResponse({"status": "live"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 `ready` or `degraded`, 503 `not ready`; each check with its own word, never with data of patients."""
    checks = find_out()
    failed = [name for name, word in checks.items() if word.startswith("fail")]
    degraded = [name for name, word in checks.items() if word.startswith("degraded")]
    status = "not ready" if failed else "degraded" if degraded else "ready"
    return JsonResponse({"status": status, "checks": checks}, status=503 if failed else 200)


def find_out() -> dict[str, str]:
    """Every check with `ok`, `degraded: why` or `fail: why`."""
    checks = {"redis": _redis()}
    try:
        with connection.cursor() as cursor:
            cursor.execute(BEAT)
            now, age, overdue = cursor.fetchone()
        checks |= {
            "database": "ok",
            "migrations": "ok" if migrations_applied() else "fail: migrations are missing",
            "clock": _clock(now),
            "tick": tick_word(age, time.monotonic() - STARTED),
            "messages": _LATE.word(overdue, time.monotonic()),
        }
    except DatabaseError as error:
        checks["database"] = f"fail: {type(error).__name__}"
    return dict(sorted(checks.items()))


def tick_word(age: float | None, running_for: float) -> str:
    """The heartbeat, judged by its age and by how long this process has been up (seconds)."""
    limit = MISSED_TICKS * settings.TICK_SECONDS
    if age is not None and age <= max(limit, 1.0):
        return "ok"
    words = "no tick yet" if age is None else f"last tick {age:.0f} s ago"
    return f"degraded: {words}" if running_for < max(GRACE_SECONDS, limit) else f"fail: {words}"


class Lateness:
    """Overdue messages fail the probe once they have stayed overdue for three ticks as this process sees it.

    After a pause, and after a leap of the demo's clock, the next ticks get the time to catch up.
    """

    def __init__(self) -> None:
        self.since: float | None = None

    def word(self, overdue: float | None, now: float) -> str:
        """`overdue`: seconds by which the oldest is late; `now`: this process's monotonic clock."""
        if overdue is None or overdue <= OVERDUE_SECONDS:
            self.since = None
            return "ok"
        self.since = now if self.since is None else self.since
        patience = max(GRACE_SECONDS, MISSED_TICKS * settings.TICK_SECONDS)
        words = f"the oldest message is {overdue:.0f} s overdue"
        return f"fail: {words}" if now - self.since > patience else f"degraded: {words}"


_LATE = Lateness()


def _clock(database_now: float) -> str:
    skew = abs(time.time() - database_now)
    return f"fail: {skew:.1f} s from the database" if skew > SKEW_SECONDS else "ok"


def _redis() -> str:
    try:
        cache.get("healthz")
    except Exception as error:
        return f"degraded: {type(error).__name__}"
    return "ok"


@lru_cache(maxsize=1)
def _all_applied() -> bool:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise LookupError  # not remembered: the next probe looks again
    return True


def migrations_applied() -> bool:
    """True once every migration is in; remembered for the life of the process."""
    try:
        return _all_applied()
    except LookupError:
        return False
