"""Who must have a second step at sign-in (an authenticator app), and who has one.

REQUIRE_MFA_ROLES names the roles. Whoever holds one of them sets the second step up before anything else.
"""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings

from staff.models import User


def is_required(person: User) -> bool:
    """Whether one of the person's roles asks for it."""
    return bool(settings.REQUIRE_MFA_ROLES & person.role_names) if settings.REQUIRE_MFA_ROLES else False


def has_one(person: User) -> bool:
    """Whether the person has set one up."""
    return Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).exists()


def is_missing(person: User) -> bool:
    """Required, and not there yet: such a person sees nothing but the page where it is set up."""
    return is_required(person) and not has_one(person)


def code_fits(person: User, code: str) -> bool:
    """Whether this is a code of the person's app or one of their recovery codes. Each counts once."""
    return bool(code) and any(
        row.wrap().validate_code(code) for row in Authenticator.objects.filter(user=person)
    )
