"""The only ways for a view or an endpoint to get hold of a person, a licence or a site as something to manage."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404

from staff.access import require
from staff.models import Licence, Site, User


def get_person_for(user: User, code: UUID | str) -> User:
    """The person with this code. A manager manages everybody of the installation."""
    require(user, "person.manage")
    return _get(User.objects.all(), code)


def get_licence_for(user: User, code: UUID | str) -> Licence:
    """The licence with this code."""
    require(user, "person.manage")
    return _get(Licence.objects.select_related("user"), code)


def get_site_for(user: User, code: UUID | str) -> Site:
    """The site with this code."""
    require(user, "site.manage")
    return _get(Site.objects.all(), code)


def own_sites(user: User) -> QuerySet[Site]:
    """The sites this person works at; every site for those who manage the clinic."""
    return Site.objects.all() if user.may("site.manage") else Site.objects.filter(staff=user)


def get_own_site_for(user: User, code: UUID | str) -> Site:
    """The site with this code, for reading."""
    return _get(own_sites(user), code)


def _get(found: Any, code: UUID | str) -> Any:
    try:
        return found.get(code=code)
    except (found.model.DoesNotExist, ValueError, ValidationError) as error:
        raise Http404("Not found.") from error
