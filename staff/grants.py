"""What the app role may do. Applied by the owner after every migrate; the owner alone may drop, truncate or mute.

Deny by default: rows are read, added and changed; deleting is a short list; history is append-only.
"""

from __future__ import annotations

import logging
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections

log = logging.getLogger("clearwindow.staff")

DELETABLE = frozenset(
    {
        "scheduling_resourcebooking",
        "scheduling_availability",
        "scheduling_availabilityexception",
        "scheduling_closure",
        "scheduling_providerreport",
        "staff_idempotencyrecord",
        "staff_user_sites",
        "staff_user_groups",
        "staff_user_user_permissions",
        "django_session",
        "django_admin_log",
        "authtoken_token",
        "account_emailaddress",
        "account_emailconfirmation",
        "mfa_authenticator",
        "usersessions_usersession",
        "auth_group_permissions",
        "protocols_protocoldocument",
    }
)
READ_ONLY = frozenset({"scheduling_patientspan", "staff_databaseenvironment", "django_migrations"})


def apply_grants(alias: str = "default") -> bool:
    """Set the app role's rights from scratch. False (and a log line) when that role does not exist."""
    role = settings.DATABASE_APP_ROLE
    connection = connections[alias]
    quoted = connection.ops.quote_name(role)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user = %s, EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %s)", [role, role]
        )
        is_current, exists = cursor.fetchone()
        if is_current or not exists:
            log.warning("app role %s not set up: the web runs with the owner's rights", role)
            return False
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {quoted}")
        cursor.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {quoted}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {quoted}")
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"GRANT {rights_on(table)} ON {connection.ops.quote_name(table)} TO {quoted}")
    return True


def rights_on(table: str) -> str:
    """The rights of the app role on one table, as SQL."""
    if table in READ_ONLY:
        return "SELECT"
    if table in _history_tables():
        return "SELECT, INSERT"
    return "SELECT, INSERT, UPDATE, DELETE" if table in DELETABLE else "SELECT, INSERT, UPDATE"


def _history_tables() -> frozenset[str]:
    return frozenset(
        model._meta.db_table for model in apps.get_models() if hasattr(model, "pgh_tracked_model")
    )


def after_migrate(sender: Any, using: str, **_: Any) -> None:
    """post_migrate receiver (connected for one app, so it runs once)."""
    apply_grants(using)
