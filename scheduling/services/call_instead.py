"""Where no message may be sent, what it would have said is an item for a nurse: a call, once for each visit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.urls import reverse

from patients.models import Patient
from scheduling.models import FollowUp, WorkItem
from scheduling.services.workitems import raise_item, settle
from staff import roles

KEY = "no-contact:"


def call_instead(follow_ups: Iterable[FollowUp], reason: str, at: datetime) -> None:
    """Nobody may be written to: the advice that does not wait for a sign-off is given by phone.

    A call that somebody closed with words was made, and is not asked for again.
    """
    rows = [row for row in follow_ups if row.gate == "none" and row.latest_at > at]
    keys = {f"{KEY}{row.visit.code}" for row in rows}
    closed = WorkItem.objects.filter(kind=WorkItem.Kind.CALL_PATIENT, key__in=keys, resolved_by__isnull=False)
    called = set(closed.values_list("key", flat=True)) if keys else set()
    for row in rows:
        if f"{KEY}{row.visit.code}" in called:
            continue
        raise_item(
            kind=WorkItem.Kind.CALL_PATIENT, key=f"{KEY}{row.visit.code}", site=row.site,
            patient=row.patient, title="Call the patient: no message can be sent", role=roles.NURSE,
            detail=f"{reason[:1].upper()}{reason[1:]}. Give the advice of the printed sheet by phone.",
            url=reverse("patient_detail", args=[row.patient.code]), due_at=max(at, row.target_at), at=at,
        )  # fmt: skip


def end_needless_calls(
    patient: Patient, follow_ups: Iterable[FollowUp], planned: set[int], at: datetime
) -> None:
    """Close a call when messages (`planned`: keys of follow-ups) say all of it.

    Advice whose time went by unsaid, or that no message can bring in time any more, stays a call.
    """
    items = WorkItem.objects.open().filter(
        kind=WorkItem.Kind.CALL_PATIENT, patient=patient, key__startswith=KEY
    )
    codes = [key.removeprefix(KEY) for key in items.values_list("key", flat=True)]
    if not codes:
        return
    safety = [row for row in follow_ups if row.gate == "none"]
    written = {str(row.visit.code) for row in safety if row.pk in planned}
    unsaid = {str(row.visit.code) for row in safety if row.pk not in planned}
    missed = FollowUp.objects.filter(visit__code__in=codes, gate="none", state=FollowUp.State.MISSED)
    unsaid |= {str(code) for code in missed.values_list("visit__code", flat=True)}
    for code in set(codes) & (written - unsaid):
        words = "Messages can be sent now and say it."
        settle(kind=WorkItem.Kind.CALL_PATIENT, key=f"{KEY}{code}", resolution=words, at=at)
