"""Nobody is told to practise what was never agreed: prompts rest on a practice plan (clinic-day 29)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.urls import reverse

from patients.models import Patient
from scheduling.models import FollowUp, WorkItem
from scheduling.services.workitems import raise_item, settle
from sessions.services import courses_with_plan
from staff import roles


def practice_plans(patient: Patient, asked: list[FollowUp], at: datetime) -> set[UUID]:
    """Series of the `asked` follow-ups (prompts to practise) that have a practice plan.

    For those without one nobody is told to practise: the therapist gets an item.
    """
    if not asked:
        return set()
    found = courses_with_plan(patient, {row.series.code for row in asked})
    for row in sorted(asked, key=lambda one: one.target_at, reverse=True):
        key = str(row.series.code)
        if row.series.code in found:
            settle(kind=WorkItem.Kind.PRACTICE_PLAN, key=key, resolution="There is a practice plan.", at=at)
        else:
            raise_item(
                kind=WorkItem.Kind.PRACTICE_PLAN, key=key, site=row.site, patient=patient, role=roles.THERAPIST,
                owner=row.series.therapist, title="Make a practice plan: no message to practise goes out without one",
                detail="From the preparation visit, or from the note of a therapy session.",
                url=reverse("series_detail", args=[key]) + "#preparation", due_at=row.target_at, at=at,
            )  # fmt: skip
    return found
