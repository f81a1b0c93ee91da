"""System checks that explain a bad configuration before it can hurt anyone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connection

from staff import roles


@register(Tags.database)
def clock_is_true(
    app_configs: Any = None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """A moved clock is refused anywhere but in a demo or test database."""
    if not databases:
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT e.kind, c.offset_by <> interval '0' OR c.frozen_at IS NOT NULL"
                " FROM staff_databaseenvironment e, staff_clockoffset c"
            )
            row = cursor.fetchone()
    except DatabaseError:
        return []  # Not migrated yet: migrate must be able to start.
    if row and row[0] == "production" and row[1]:
        return [
            Error(
                "The clock of this database has been moved.", hint="Reset staff_clockoffset.", id="staff.E001"
            )
        ]
    if row and settings.IS_PRODUCTION and row[0] != "production":
        return [
            Error(
                f"A {row[0]} database is being served with CLEARWINDOW_ENV=production.",
                hint="Use a fresh database, or CLEARWINDOW_ENV=demo.",
                id="staff.E002",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def secrets_are_set(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """No server runs in production on a default or missing secret."""
    found: list[CheckMessage] = []
    if "unset-secret-key" in settings.SECRET_KEY or settings.SECRET_KEY.startswith("not-secret-"):
        found.append(
            Error("SECRET_KEY is not set.", hint="Set SECRET_KEY or SECRET_KEY_FILE.", id="staff.E003")
        )
    if not settings.FIELD_KEY:
        found.append(
            Error(
                "FIELD_KEY is not set.",
                hint="32 random bytes in URL-safe base64, or FIELD_KEY_FILE.",
                id="staff.E004",
            )
        )
    return found


@register(Tags.security)
def required_second_step_names_roles(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """A misspelt role would ask nobody for a second step."""
    unknown = sorted(settings.REQUIRE_MFA_ROLES - set(roles.LABELS))
    if not unknown:
        return []
    known = ", ".join(sorted(roles.LABELS))
    return [
        Error(
            f"REQUIRE_MFA_ROLES names no role: {', '.join(unknown)}.",
            hint=f"Known: {known}.",
            id="staff.E005",
        )
    ]
