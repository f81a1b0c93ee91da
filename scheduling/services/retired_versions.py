"""Series that run on a version which was retired: each is an item with an owner (decisions 2.8)."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from protocols.models import ProtocolVersion
from scheduling.models import TreatmentSeries, WorkItem
from scheduling.services.workitems import raise_item
from staff import roles


def list_series_on(version: ProtocolVersion, *, reason: str, at: datetime) -> int:
    """Put every live series on `version` on its prescriber's list; how many there were. Repeating changes nothing."""
    rows = TreatmentSeries.objects.live().filter(protocol_version=version)
    found = list(rows.select_related("site", "patient", "prescriber"))
    title, todo = (
        (
            "Infusions on hold: the protocol version was withdrawn",
            "No pump starts on it. Move the series, or end it.",
        )
        if version.held
        else (
            "The protocol version was retired",
            "The series finishes on it. Look whether that is still right.",
        )
    )
    for series in found:
        raise_item(
            kind=WorkItem.Kind.PRESCRIBER,
            key=f"retired:{series.code}:{version.number}",
            site=series.site,
            patient=series.patient,
            title=title,
            detail=f"{todo} Reason: {reason}",
            role=roles.CLINICIAN,
            owner=series.prescriber,
            url=reverse("series_detail", args=[series.code]),
            due_at=at,
            at=at,
        )
    return len(found)
