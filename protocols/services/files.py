"""Taking a protocol out as a file, and in as the first draft of a new protocol."""

from __future__ import annotations

from datetime import datetime

from protocols.definition import ProtocolDefinition
from protocols.interchange import Leaflet, ProtocolFile, read_file, write_file
from protocols.models import ProtocolDocument, ProtocolVersion
from protocols.plan_definition import read_plan_definition, to_plan_definition, write_resource
from protocols.services.writing import create_draft, create_template
from staff.history import acting
from staff.models import User


def export_file(version: ProtocolVersion) -> str:
    """The file of a version. The same version always gives the same bytes."""
    leaflets = tuple(
        Leaflet(item.kind, item.title, item.body, item.change) for item in version.documents.order_by("kind")
    )
    return write_file(ProtocolFile(version.read(), leaflets))


def export_plan_definition(version: ProtocolVersion) -> str:
    """The FHIR R4 resource of a version."""
    day = version.approved_at.date().isoformat() if version.approved_at else None
    return write_resource(
        to_plan_definition(
            version.read(), url=f"urn:uuid:{version.template.code}", version=str(version.number),
            status=version.status, date=day,
        )
    )  # fmt: skip


def import_file(*, raw: bytes, slug: str, name: str, by: User, at: datetime | None = None) -> ProtocolVersion:
    """A new protocol whose first draft is the file's text. Raises InvalidInput, StateConflict for a used address.

    A PlanDefinition brings no documents: its draft has the standard ones.
    """
    plan = b'"PlanDefinition"' in raw[:4096] or b'"resourceType"' in raw
    content = ProtocolFile(_plan(raw), ()) if plan else read_file(raw)
    with acting(by):
        template = create_template(slug=slug, name=name, by=by, at=at)
        draft = create_draft(
            template=template, definition=content.definition, by=by, at=at, change_note="Imported"
        )
        for leaflet in content.documents:
            ProtocolDocument.objects.filter(protocol_version=draft, kind=leaflet.kind).update(
                title=leaflet.title, body=leaflet.body, change=leaflet.change
            )
    return draft


def _plan(raw: bytes) -> ProtocolDefinition:
    return read_plan_definition(raw)
