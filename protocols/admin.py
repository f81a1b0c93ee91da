"""Technical look at protocols: read only. Every change goes through the services, so that review is never
skipped.
"""

from __future__ import annotations

from django.contrib import admin

from protocols.models import ProtocolDocument, ProtocolTemplate, ProtocolVersion
from staff.admin_base import ReadOnlyAdmin


@admin.register(ProtocolTemplate)
class ProtocolTemplateAdmin(ReadOnlyAdmin):
    """Named protocols."""

    list_display = ("name", "slug", "created_at")


@admin.register(ProtocolVersion)
class ProtocolVersionAdmin(ReadOnlyAdmin):
    """Their texts."""

    list_display = ("template", "number", "status", "approval", "approved_by", "activated_at", "sha256")
    list_filter = ("status", "approval", "template")
    list_select_related = ("template", "approved_by")


@admin.register(ProtocolDocument)
class ProtocolDocumentAdmin(ReadOnlyAdmin):
    """Texts for patients."""

    list_display = ("title", "kind", "protocol_version", "change")
    list_select_related = ("protocol_version__template",)
