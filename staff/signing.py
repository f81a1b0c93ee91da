"""Some acts ask for more than being signed in: the password, or the second step, given again just now."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest

from staff.errors import NotAllowed


def require_password_again(request: Any, words: str) -> None:
    """For API requests. Raises NotAllowed with `words` unless the password was given again in this browser session.

    A token never passes: it has no session in which anything could have been given.
    """
    try:
        _just_now(request._request)
    except ReauthenticationRequired as error:
        raise NotAllowed(words, code="reauthentication-required") from error


@reauthentication_required
def _just_now(request: HttpRequest) -> None:
    """Passes when the person gave their password again within the last minutes."""
