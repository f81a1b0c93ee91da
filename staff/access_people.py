"""The only ways for a view or an endpoint to get hold of a person, a licence or a site as something to manage."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404

from staff.access import require
from staff.models import Licence, Site, User


def get_person_for(user: User, code: UUID | str) -> User:
    """The person with this code. A manager manages everybody of the installation."""
    require(user, "person.manage")
    return _get(User, code)


def get_licence_for(user: User, code: UUID | str) -> Licence:
    """The licence with this code."""
    require(user, "person.manage")
    return _get(Licence, code)


def get_site_for(user: User, code: UUID | str) -> Site:
    """The site with this code."""
    require(user, "site.manage")
    return _get(Site, code)


def _get(model: Any, code: UUID | str) -> Any:
    try:
        return model.objects.get(code=code)
    except (model.DoesNotExist, ValueError, ValidationError) as error:
        raise Http404("Not found.") from error
