"""Putting the texts that ship with the product into a new clinic's database."""

from __future__ import annotations

from datetime import datetime

from protocols.library import SHIPPED, SHIPPED_RETIRED
from protocols.models import ProtocolTemplate, ProtocolVersion
from protocols.services.review import activate, retire
from protocols.services.writing import create_draft
from staff.clock import app_now
from staff.history import acting
from staff.models import User


def install_shipped(*, by: User, at: datetime | None = None) -> list[ProtocolVersion]:
    """Install every shipped text as version 1, marked `shipped`, with its documents: active, or retired where
    SHIPPED_RETIRED says so.

    Idempotent: a template that has any version is left alone. Returns what was installed now.
    """
    at = at or app_now()
    return [version for slug in SHIPPED if (version := _install(slug, by, at)) is not None]


def _install(slug: str, by: User, at: datetime) -> ProtocolVersion | None:
    definition = SHIPPED[slug]
    with acting(by):
        template, _ = ProtocolTemplate.objects.get_or_create(
            slug=slug,
            defaults={"name": definition.title, "summary": definition.source, "created_at": at},
        )
        ProtocolTemplate.objects.select_for_update().get(pk=template.pk)
        if template.versions.exists():
            return None
        version = create_draft(
            template=template, definition=definition, by=by, at=at, change_note="As shipped with the product"
        )
        version.status, version.submitted_at = ProtocolVersion.Status.IN_REVIEW, at
        version.save(update_fields=["status", "submitted_at"])
        activate(version, approval=ProtocolVersion.Approval.SHIPPED, by=by, at=at)
        if slug in SHIPPED_RETIRED:
            retire(version=version, reason=SHIPPED_RETIRED[slug], running="finish", by=by, at=at)
    return version
