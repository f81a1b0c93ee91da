"""Tokens of the API: they stand for a person only while that person could sign in."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed


class ClinicTokenAuthentication(TokenAuthentication):
    """Refuses, besides people whose access has ended, those whose role asks for a second step they do not have."""

    def authenticate_credentials(self, key: str) -> tuple[Any, Any]:
        """The person and the token."""
        from staff.second_step import is_missing  # the settings name this class before the models are there

        person, token = super().authenticate_credentials(key)
        if is_missing(person):
            raise AuthenticationFailed("Set up the second step at sign-in first.", code="second-step-missing")
        return person, token
