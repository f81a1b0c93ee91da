"""Texts that are being written in the sample clinic: a revision that waits for its second person, an unfinished draft.

Approving the revision (as clinician) makes it the version in force; the series that run stay on version 1 and can
then be moved one by one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from protocols import services
from protocols.definition import ProtocolDefinition
from protocols.library import SINGLE_INFUSION, SIX_IN_THREE_WEEKS
from protocols.models import ProtocolDocument, ProtocolVersion
from protocols.services.drafting import save_draft, sheet_of
from protocols.sheet_acts import apply_act
from scheduling.demo.plot import CROSSING, LIMITED, MOST_IN_YEAR
from staff.models import User

NOTE = "Longer stay after the audit of this autumn; ceiling lowered to 55 mg"


def publish_own(*, by: User, approver: User, at: datetime) -> list[ProtocolVersion]:
    """The clinic's own texts, approved by a second person: one infusion at a time with a limit of exposure, and the
    six infusions with one gap up to a week that a prescriber may approve (a closure of four days can be crossed).
    """
    limited = replace(
        SINGLE_INFUSION, title="One infusion at a time, limited", most_treatments_in_year=MOST_IN_YEAR
    )
    first, *others = SIX_IN_THREE_WEEKS.phases
    crossing = replace(
        SIX_IN_THREE_WEEKS,
        title="Six infusions in three weeks, one gap to a week",
        phases=(replace(first, long_gap_max_hours=168), *others),
    )
    return [
        _publish(slug, text, by, approver, at) for slug, text in ((LIMITED, limited), (CROSSING, crossing))
    ]


def _publish(slug: str, text: ProtocolDefinition, by: User, approver: User, at: datetime) -> ProtocolVersion:
    template = services.create_template(slug=slug, name=text.title, by=by, at=at)
    draft = services.create_draft(
        template=template, definition=text, by=by, at=at, change_note="Own text of this clinic"
    )
    services.submit(version=draft, by=by, at=at)
    return services.approve_and_activate(version=draft, by=approver, seen_sha256=draft.sha256, at=at)


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
    _returned_from_outside(ProtocolVersion.objects.get(pk=draft.pk), by, at)
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


def _returned_from_outside(version: ProtocolVersion, by: User, at: datetime) -> None:
    """An outside reviewer has read the revision and returned it with a remark; the author mended it and asks again."""
    review = services.ask_outside(
        version=version, name="Prof. Iris Solberg", email="i.solberg@university.example", by=by, at=at
    )
    services.answer_outside(
        review=review,
        answer="returned",
        signed_name="Iris Solberg",
        registration="MD, registration 7 654 321",
        seen_sha256=review.text_sha256,
        remarks="Say in the source which audit the longer stay rests on.",
        at=at,
    )
    returned = ProtocolVersion.objects.get(pk=version.pk)
    text = returned.read()
    source = f"{text.source}. Stay: own audit, autumn"
    services.update_draft(
        version=returned, data=replace(text, source=source), expected_version=None, change_note=NOTE, by=by
    )
    services.submit(version=ProtocolVersion.objects.get(pk=version.pk), by=by, at=at)
