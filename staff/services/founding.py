"""Writes about people who work here, and about this database's purpose."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from staff import roles
from staff.models import DatabaseEnvironment, Licence, Site, User


@transaction.atomic
def sync_roles() -> int:
    """Make groups and permissions equal to the table in `staff/roles.py`. Returns the number of permissions held."""
    content_type = ContentType.objects.get_for_model(User)
    permissions = {
        action: Permission.objects.update_or_create(
            content_type=content_type, codename=roles.codename(action), defaults={"name": f"May {action}"}
        )[0]
        for action in roles.ACTIONS
    }
    held = 0
    for role in roles.LABELS:
        group, _ = Group.objects.get_or_create(name=role)
        wanted = [permissions[action] for action, holders in roles.ACTIONS.items() if role in holders]
        group.permissions.set(wanted)
        held += len(wanted)
    return held


@transaction.atomic
def add_staff_member(
    *,
    email: str,
    full_name: str,
    role_names: Iterable[str],
    sites: Iterable[Site],
    title: str = "",
    password: str | None = None,
    languages: str = "en",
) -> User:
    """Create a staff member with roles and sites. Roles must exist (`sync_roles`)."""
    user = User.objects.create_user(email, password, full_name=full_name, title=title, languages=languages)
    user.groups.set(Group.objects.filter(name__in=list(role_names)))
    user.sites.set(list(sites))
    return user


def mark_database(kind: str) -> None:
    """Say what this database is for: production, demo or test. Only its owner's role can."""
    with transaction.atomic(), connection.cursor() as cursor:
        table = connection.ops.quote_name(DatabaseEnvironment._meta.db_table)
        cursor.execute(f"UPDATE {table} SET kind = %s", [kind])  # noqa: S608 - the table name is ours
        if kind == "production":
            cursor.execute("UPDATE staff_clockoffset SET offset_by = interval '0', frozen_at = NULL")


@transaction.atomic
def open_site(
    *,
    name: str,
    short_name: str,
    time_zone: str,
    phone: str,
    country: str = "US",
    subdivision: str = "",
    address: str = "",
    open_on_holidays: bool = False,
) -> Site:
    """Add a site. Raises ValidationError for an unknown time zone or a name in use."""
    site = Site(
        name=name,
        short_name=short_name,
        time_zone=time_zone,
        phone=phone,
        country=country,
        subdivision=subdivision,
        address=address,
        open_on_holidays=open_on_holidays,
    )
    site.full_clean()
    site.save()
    return site


@transaction.atomic
def add_licence(*, user: User, profession: str, jurisdiction: str, number: str, valid_from: date) -> Licence:
    """Record an open-ended licence from `valid_from` on. Raises ValidationError when one stands already."""
    licence = Licence(
        user=user,
        profession=profession,
        jurisdiction=jurisdiction,
        number=number,
        valid_during=DateRange(valid_from, None),
    )
    licence.full_clean()
    licence.save()
    return licence
