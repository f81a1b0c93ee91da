"""Signing asks for more than being signed in: the person gives their password (or second factor) again.

allauth's decorator lets accounts without any password or second factor pass, because it has nothing to ask them for.
Here they cannot sign: a signature that needs nothing but an open browser is none.
"""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator

from staff.errors import NotAllowed
from staff.models import User
from staff.signing import require_password_again


def require_means_to_sign(user: User) -> None:
    """Raise NotAllowed `no-password` for an account that could not be asked for anything."""
    if not user.has_usable_password() and not Authenticator.objects.filter(user=user).exists():
        raise NotAllowed("Set a password first: signing asks for it.", code="no-password")


def require_signature(request: Any) -> None:
    """For API requests: raise NotAllowed unless the password was given again in this browser session just now.

    A token never signs: it has no session in which anything could have been given.
    """
    require_means_to_sign(request.user)
    require_password_again(
        request, "A signature needs your password again, given in this browser session: sign on the page."
    )
