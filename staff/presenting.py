"""How people, licences and their history are told on pages. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group

from staff import roles
from staff.models import Licence, User

EXPIRES_SOON = timedelta(days=60)
NEEDED = {roles.CLINICIAN: Licence.Profession.PRESCRIBER, roles.THERAPIST: Licence.Profession.THERAPIST}
MOST_CHANGES = 12
LABELS = {
    "role.given": "Role given",
    "role.taken": "Role taken",
    "site.given": "Site added",
    "site.taken": "Site taken away",
}


@dataclass(frozen=True)
class State:
    """Whether somebody can sign in: a stable `name`, a word, and the tone and icon of its chip."""

    name: str
    word: str
    tone: str
    icon: str


ACTIVE = State("active", "Active", "success", "user-check")
INVITED = State("invited", "Invited", "pending", "mail")
DEACTIVATED = State("deactivated", "Deactivated", "neutral", "user-x")
STATES = {state.name: state for state in (ACTIVE, INVITED, DEACTIVATED)}
STATE_CHOICES = [(state.name, state.word) for state in STATES.values()]


def state_of(person: User) -> State:
    """Invited until a password was chosen; deactivated when access was ended."""
    if not person.is_active:
        return DEACTIVATED
    return ACTIVE if person.has_usable_password() else INVITED


def role_labels(names: Iterable[str]) -> list[str]:
    """In the order of the table."""
    held = set(names)
    return [label for name, label in roles.LABELS.items() if name in held]


def languages(person: User) -> str:
    """In words."""
    known = dict(settings.LANGUAGES)
    return ", ".join(str(known.get(code, code)) for code in person.languages.split(",") if code)


def last_day(licence: Licence) -> date:
    """The last day of a licence that has an end."""
    return cast("date", licence.valid_during.upper) - timedelta(days=1)


def ending_words(licence: Licence) -> str:
    """Which licence ends, and when."""
    last = last_day(licence)
    return (
        f"{licence.get_profession_display()}, {licence.jurisdiction}: the last day is {last.day} {last:%b %Y}. "
        "Bookings after it are not covered."
    )


def licence_row(licence: Licence, today: date) -> dict[str, Any]:
    """One licence with a chip: valid, not yet valid, ends within 60 days, or ended."""
    first, until = licence.valid_during.lower, licence.valid_during.upper
    last = None if until is None else until - timedelta(days=1)
    if until is not None and until <= today:
        chip = ("Ended", "neutral", "circle-x")
    elif first > today:
        chip = ("Not valid yet", "pending", "hourglass")
    elif until is not None and until - today <= EXPIRES_SOON:
        days = (until - today).days
        chip = (f"{days} day{'s' if days != 1 else ''} left", "warning", "clock-alert")
    else:
        chip = ("Valid", "success", "circle-check")
    return {"licence": licence, "first": first, "last": last, "chip": chip, "ended": chip[0] == "Ended"}


def missing_licences(role_names: Iterable[str], licences: Iterable[Licence], today: date) -> list[str]:
    """The professions that a role needs and no licence covers today: such a person cannot be booked."""
    valid = {row.profession for row in licences if row.covers(row.jurisdiction, today)}
    return [
        str(profession.label).lower()
        for role, profession in NEEDED.items()
        if role in set(role_names) and profession not in valid
    ]


def expiring(licences: Iterable[Licence], today: date) -> list[Licence]:
    """Those that are valid and end within 60 days, and that no later one of the kind follows."""
    rows = list(licences)
    return [
        row
        for row in rows
        if row.covers(row.jurisdiction, today)
        and row.valid_during.upper is not None
        and row.valid_during.upper - today <= EXPIRES_SOON
        and not any(
            other.profession == row.profession and other.covers(row.jurisdiction, row.valid_during.upper)
            for other in rows
        )
    ]


def changes_of(person: User) -> list[dict[str, Any]]:
    """The last changes of roles, sites and access, newest first, with who made them."""
    lines: list[dict[str, Any]] = []
    for model, what in (("HeldRoleEvent", "group"), ("WorkplaceEvent", "site")):
        rows = apps.get_model("staff", model).objects.filter(user=person)
        for row in rows.select_related(what, "pgh_context").order_by("-pgh_id")[:MOST_CHANGES]:
            subject = roles.LABELS.get(row.group.name, row.group.name) if what == "group" else row.site.name
            lines.append(_line(row, f"{LABELS[row.pgh_label]}: {subject}"))
    lines += _access_changes(person)
    newest = sorted(lines, key=lambda line: line["at"], reverse=True)[:MOST_CHANGES]
    names = dict(
        User.objects.filter(pk__in={line["by"] for line in newest if line["by"]}).values_list(
            "pk", "full_name"
        )
    )
    return [line | {"by": names.get(line["by"], "A command")} for line in newest]


def _access_changes(person: User) -> list[dict[str, Any]]:
    lines, before = [], None
    rows = apps.get_model("staff", "UserEvent").objects.filter(pgh_obj=person).select_related("pgh_context")
    for row in rows.order_by("pgh_id"):
        if before is not None and before.is_active != row.is_active:
            lines.append(_line(row, "Let back in" if row.is_active else "Access ended"))
        elif ((row.pgh_context and row.pgh_context.metadata) or {}).get("act") == "second-step-reset":
            lines.append(_line(row, "Second step taken away"))
        before = row
    return lines


def _line(row: Any, text: str) -> dict[str, Any]:
    facts = (row.pgh_context.metadata if row.pgh_context else None) or {}
    return {
        "at": row.pgh_created_at,
        "text": text,
        "by": facts.get("user"),
        "reason": facts.get("reason", ""),
    }


def known_roles() -> list[tuple[str, str]]:
    """Role names and labels that this database has."""
    here = set(Group.objects.values_list("name", flat=True))
    return [(name, label) for name, label in roles.LABELS.items() if name in here]
