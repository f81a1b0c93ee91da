"""Fetching is authorising: a view cannot get an object without saying who asks and what for.

403 = the role may never do this. 404 = it is not theirs to see, with the same answer as when it does not exist.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404

from staff.models import User

M = TypeVar("M", bound=Model, covariant=True)


class ScopedQuerySet(Protocol[M]):
    """A queryset that can limit itself to what one person may see."""

    def visible_to(self, user: User) -> QuerySet[Any]: ...


def require(user: Any, action: str) -> None:
    """Raise PermissionDenied (403) unless one of the person's roles allows `action` (staff/roles.py)."""
    if not user.is_authenticated or not user.may(action):
        raise PermissionDenied(action)


def fetch_for(queryset: Any, user: Any, code: UUID | str, *, action: str) -> Any:
    """The object with this code that `user` may see and act on. Raises PermissionDenied or Http404."""
    require(user, action)
    try:
        return queryset.visible_to(user).get(code=code)
    except (queryset.model.DoesNotExist, ValueError, ValidationError) as error:
        raise Http404("Not found.") from error
