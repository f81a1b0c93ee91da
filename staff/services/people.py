"""Who works here: invite, change, end and restore access. Every act leaves history rows that name who did it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from rest_framework.authtoken.models import Token

from staff import roles, signals
from staff.clock import app_now
from staff.errors import (
    Clash,
    InvalidInput,
    NotAllowed,
    RuleNotMet,
    StaleVersion,
    StateConflict,
    constraint_name,
)
from staff.history import acting
from staff.models import Site, User
from staff.services.fields import cleaned, one_line
from staff.strict import parse_text

TEXTS = {"full_name": ("Name", 120), "title": ("Title", 60)}
FIELDS = frozenset({*TEXTS, "email", "languages"})
SECOND_STEP_RESET = "second-step-reset"  # as the history knows it


@dataclass(frozen=True)
class Outcome:
    """The person as written, and in sentences what now waits on somebody's list."""

    person: User
    handed_over: tuple[str, ...] = ()


def invite(
    *,
    email: str,
    full_name: str,
    role_names: Collection[str],
    sites: Collection[Site],
    title: str = "",
    languages: Collection[str] = ("en",),
    by: User | None,
    at: datetime | None = None,
) -> User:
    """Make the account of a colleague, who cannot sign in before choosing a password (staff.services.invitations).

    `by` None: a command. Raises InvalidInput naming the field, Clash when the address has an account.
    """
    now = at or app_now()
    sent = {"email": email, "full_name": full_name, "title": title, "languages": languages}
    values = cleaned(sent, FIELDS, _clean_one)
    held = _known_roles(role_names)
    _need_site(held, sites)
    with acting(by):
        person = User(**values)
        person.set_unusable_password()
        _save(person)
        _grant(person, held, list(sites))
        signals.person_joined.send(User, person=person, roles=held, sites=list(sites), by=by, at=now)
    return person


def update_person(
    *,
    person: User,
    changes: Mapping[str, Any],
    by: User,
    expected_version: int | None = None,
) -> User:
    """Change name, title, languages, and while nobody has signed in with it the e-mail address."""
    values = cleaned(changes, FIELDS, _clean_one)
    with acting(by):
        row = locked(person, expected_version)
        if "email" in values and values["email"].lower() != row.email.lower() and row.has_usable_password():
            raise StateConflict(
                "This person signs in with their address. Deactivate the account and invite the new address.",
                code="address-in-use",
                field="email",
            )
        for name, value in values.items():
            setattr(row, name, value)
        row.version += 1
        _save(row)
    return row


def set_access(
    *,
    person: User,
    role_names: Collection[str],
    sites: Collection[Site],
    by: User | None,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> Outcome:
    """Set which roles the person holds, and where. What they leave behind goes on lists (Outcome.handed_over).

    Raises NotAllowed for one's own roles while there is another manager, RuleNotMet when the last manager would go,
    StaleVersion, and InvalidInput for an unknown role or no site.
    """
    now = at or app_now()
    held = _known_roles(role_names)
    _need_site(held, sites)
    with acting(by), _last_manager():
        row = locked(person, expected_version)
        before, were = row.role_names, set(row.sites.all())
        if held != before:
            _not_ones_own(row, by)
        row.version += 1
        row.save(update_fields=["version"])
        _grant(row, held, list(sites))
        told = _announce(row, (before, were), (held, set(sites)), by=by, at=now)
    return Outcome(_fresh(row), told)


def deactivate(
    *,
    person: User,
    by: User | None,
    reason: str,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> Outcome:
    """End the person's access now: signed out everywhere, tokens and open links void. Nothing of theirs is lost.

    Harmless when it is ended already. Raises NotAllowed for oneself, RuleNotMet for the last manager, StaleVersion.
    """
    now = at or app_now()
    why = parse_text(reason, field="reason", max_length=200, single_line=True)
    if not why:
        raise InvalidInput("Say in a few words why.", code="required", field="reason")
    with acting(by, reason=why), _last_manager():
        row = locked(person, None)
        if not row.is_active:
            return Outcome(row)
        _same_version(row, expected_version)
        if by is not None and by.pk == row.pk:
            raise NotAllowed("Nobody ends their own access. Ask another manager.", code="own-access")
        row.is_active, row.invited_at = False, None
        row.version += 1
        row.set_unusable_password()  # voids every link that was sent, too
        row.save(update_fields=["is_active", "invited_at", "version", "password"])
        end_sessions(row)
        told = _ask(
            signals.person_left,
            person=row,
            roles=row.role_names,
            sites=list(row.sites.all()),
            gone=True,
            by=by,
            at=now,
        )
    return Outcome(row, told)


def reactivate(
    *, person: User, by: User | None, expected_version: int | None = None, at: datetime | None = None
) -> User:
    """Let the person work here again, with the roles and sites they had. They choose a password by a new link."""
    now = at or app_now()
    with acting(by):
        row = locked(person, None)
        if row.is_active:
            return row
        _same_version(row, expected_version)
        row.is_active = True
        row.version += 1
        row.save(update_fields=["is_active", "version"])
        signals.person_joined.send(
            User, person=row, roles=row.role_names, sites=list(row.sites.all()), by=by, at=now
        )
    return row


def reset_second_step(*, person: User, by: User | None) -> User:
    """Take away the second step of somebody who has lost the device and the recovery codes, and sign them out.

    They sign in with their password, and set it up anew. Harmless without one. Raises NotAllowed for one's own: whoever
    is signed in turns it off on their own page.
    """
    if by is not None and by.pk == person.pk:
        raise NotAllowed("Turn off your own second step on your own page.", code="own-second-step")
    with acting(by, act=SECOND_STEP_RESET):
        row = locked(person, None)
        authenticators = Authenticator.objects.filter(user=row)
        if not authenticators.exists():
            return row
        authenticators.delete()
        row.version += 1
        row.save(update_fields=["version"])  # its history row says who did it
        end_sessions(row)
    return row


def end_sessions(person: User) -> None:
    """Sign the person out everywhere and void their API tokens."""
    keys = list(UserSession.objects.filter(user=person).values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(user=person).delete()
    Token.objects.filter(user=person).delete()


def managers() -> int:
    """How many people can manage the clinic right now."""
    return User.objects.filter(is_active=True, groups__name=roles.MANAGER).count()


def locked(person: User, expected_version: int | None) -> User:
    """The current row, locked until the transaction ends. Raises StaleVersion when somebody changed it."""
    row = User.objects.select_for_update().get(pk=person.pk)
    if expected_version is not None:
        _same_version(row, expected_version)
    return row


def _same_version(row: User, expected_version: int | None) -> None:
    if expected_version is not None and row.version != expected_version:
        raise StaleVersion("Somebody changed this person since you opened the page. Nothing was saved.")


def _fresh(row: User) -> User:
    """The row without what it remembered of its roles and sites."""
    return User.objects.get(pk=row.pk)


def _grant(person: User, held: Collection[str], sites: list[Site]) -> None:
    groups = list(Group.objects.filter(name__in=held))
    if len(groups) != len(held):
        raise RuleNotMet("The roles of this database are out of step: run sync_roles.", code="sync-roles")
    person.groups.set(groups)
    person.sites.set(sites)


def _announce(
    person: User,
    before: tuple[frozenset[str], set[Site]],
    after: tuple[frozenset[str], set[Site]],
    *,
    by: User | None,
    at: datetime,
) -> tuple[str, ...]:
    """Tell the rest of the house which roles and sites are new, and which are gone."""
    fresh = _fresh(person)
    (had, were), (has, are) = before, after
    for held, sites in ((has - had, are), (has & had, are - were)):
        if held and sites:
            signals.person_joined.send(User, person=fresh, roles=held, sites=list(sites), by=by, at=at)
    told: list[str] = []
    for held, sites in ((had - has, were), (had & has, were - are)):
        if held and sites:
            told += _ask(
                signals.person_left,
                person=fresh,
                roles=frozenset(held),
                sites=list(sites),
                gone=False,
                by=by,
                at=at,
            )
    return tuple(told)


def _ask(signal: Any, **facts: Any) -> tuple[str, ...]:
    """Every sentence that the receivers of a signal answer with."""
    return tuple(line for _, lines in signal.send(User, **facts) for line in lines or ())


def _not_ones_own(person: User, by: User | None) -> None:
    """A single manager must be able to take on or give up a role; where there are two, the other one does it."""
    if by is not None and by.pk == person.pk and managers() > 1:
        raise NotAllowed("Another manager changes your own roles.", code="own-roles", field="roles")


@contextmanager
def _last_manager() -> Iterator[None]:
    """Turns the database's refusal to lose the last manager into words."""
    try:
        yield
    except IntegrityError as error:
        if constraint_name(error) != "last_manager_stays":
            raise
        raise RuleNotMet(
            "This is the last person who manages the clinic. Give the role to somebody else first.",
            code="last-manager",
            field="roles",
        ) from error


def _save(person: User) -> None:
    try:
        with transaction.atomic():
            person.save()
    except IntegrityError as error:
        if "email" not in constraint_name(error):
            raise
        raise Clash(
            "Somebody already has an account with this address.", code="email-in-use", field="email"
        ) from error


def _known_roles(names: Iterable[str]) -> frozenset[str]:
    held = frozenset(names)
    if not held:
        raise InvalidInput("Choose at least one role.", code="required", field="roles")
    if not held <= set(roles.LABELS):
        raise InvalidInput("There is no such role.", code="unknown-role", field="roles")
    return held


def _need_site(held: Collection[str], sites: Collection[Site]) -> None:
    if not sites and set(held) - {roles.MANAGER}:
        raise InvalidInput("Choose at least one site.", code="required", field="sites")


def _clean_one(name: str, value: Any) -> Any:
    if name in TEXTS:
        label, longest = TEXTS[name]
        return one_line(name, value, label, longest, needed=name == "full_name")
    if name == "email":
        return _email(value)
    chosen = [code for code, _ in settings.LANGUAGES if code in set(value)]
    if not chosen or len(chosen) != len(set(value)):
        raise InvalidInput("Choose at least one language from the list.", field="languages")
    joined = ",".join(chosen)
    if len(joined) > 60:
        raise InvalidInput("Choose fewer languages.", code="too-many", field="languages")
    return joined


def _email(value: Any) -> str:
    text = parse_text(value, field="email", max_length=254, single_line=True)
    try:
        validate_email(text)
    except ValidationError as error:
        raise InvalidInput("Enter an e-mail address, such as name@example.org.", field="email") from error
    return User.objects.normalize_email(text)
