"""Texts that are being written in the sample clinic: a revision that waits for its second person, an unfinished draft.

Approving the revision (as clinician) makes it the version in force; the series that run stay on version 1 and can
then be moved one by one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from protocols import services
from protocols.models import ProtocolDocument, ProtocolVersion
from protocols.services.drafting import save_draft, sheet_of
from protocols.sheet_acts import apply_act
from staff.models import User

NOTE = "Longer stay after the audit of this autumn; ceiling lowered to 55 mg"


def write_texts(version: ProtocolVersion, *, by: User, at: datetime) -> None:
    """Both, through the services. `version`: the published text that is revised."""
    draft = services.revise_version(version=version, by=by, change_note=NOTE, at=at)
    text = draft.read()
    services.update_draft(
        version=draft,
        data=replace(text, chair_minutes=175, dose=replace(text.dose, ceiling_mg=Decimal("55"))),
        expected_version=None,
        by=by,
    )
    for document in ProtocolDocument.objects.filter(protocol_version=draft):
        services.update_document(
            version=draft,
            kind=document.kind,
            title=document.title,
            body=document.body,
            change=ProtocolDocument.Change.NOTICE,
            expected_version=None,
            by=by,
        )
    services.submit(version=ProtocolVersion.objects.get(pk=draft.pk), by=by, at=at)
    template = services.create_template(
        slug="maintenance-every-two-weeks", name="Maintenance every two weeks", by=by, at=at
    )
    started = services.start_empty(template=template, by=by, at=at)
    sheet, _ = apply_act(sheet_of(started), "add:phases")
    sheet["phases"][0] |= {
        "name": "Maintenance", "visits": "6", "gap_min_hours": "240", "gap_target_hours": "336", "gap_max_hours": "300",
    }  # fmt: skip
    sheet |= {
        "dose.mg_per_kg": "0.5",
        "dose.infusion_minutes": "40",
        "dose.ceiling_mg": "60",
        "dose.rounding_mg": "0.5",
    }
    save_draft(version=started, sheet=sheet, expected_version=started.version, by=by)
