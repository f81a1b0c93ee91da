"""The only writers of people, roles, licences and sites."""

from __future__ import annotations

from staff.services.founding import (
    add_licence,
    add_staff_member,
    mark_database,
    open_site,
    sync_roles,
)

__all__ = ["add_licence", "add_staff_member", "mark_database", "open_site", "sync_roles"]
