"""The only ways for a view or an endpoint to get hold of a protocol text."""

from __future__ import annotations

from django.http import Http404

from protocols.models import ProtocolTemplate, ProtocolVersion
from staff.access import require
from staff.models import User


def get_template_for(user: User, slug: str, *, action: str = "protocol.view") -> ProtocolTemplate:
    """The template of that name in URLs. Raises PermissionDenied (403) or Http404."""
    require(user, action)
    found = ProtocolTemplate.objects.visible_to(user).filter(slug=slug).first()
    if found is None:
        raise Http404("Not found.")
    return found


def get_version_for(user: User, slug: str, number: int, *, action: str = "protocol.view") -> ProtocolVersion:
    """One text of a template. Raises PermissionDenied or Http404 (also for a draft that is not theirs to
    see).
    """
    require(user, action)
    visible = ProtocolVersion.objects.visible_to(user).with_people()
    found = visible.filter(template__slug=slug, number=number).first()
    if found is None:
        raise Http404("Not found.")
    return found
