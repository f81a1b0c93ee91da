"""What the day leaves for a person: a call after an unplanned ending, infusions on hold, a handover offered.

Titles and details never say why infusions are on hold: the reason stands on the record, for clinical roles only.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.urls import reverse

from scheduling.models import WorkItem
from scheduling.services.prescriber_items import prescriber_of
from scheduling.services.workitems import raise_item, settle
from sessions.models import Infusion
from sessions.services import offered_handover
from staff import roles
from staff.models import User

CALL_WITHIN = timedelta(hours=1)


def ask_to_call(*, infusion: Infusion, at: datetime) -> None:
    """A prescriber calls within the hour; pressed again it is the same item."""
    raise_item(
        kind=WorkItem.Kind.PRESCRIBER, key=f"ending:{infusion.code}", site=infusion.site, patient=infusion.patient,
        title="A visit did not end as planned: call the patient",
        detail="The record says how it ended. No window opens before an assessment, by phone too, is signed.",
        role=roles.CLINICIAN, owner=prescriber_of(infusion), url=_record(infusion), due_at=at + CALL_WITHIN, at=at,
    )  # fmt: skip


def was_assessed(*, infusion: Infusion, by: User, at: datetime) -> None:
    """The patient was assessed."""
    settle(kind=WorkItem.Kind.PRESCRIBER, key=f"ending:{infusion.code}", resolution="Assessed.", by=by, at=at)


def ask_to_release(*, infusion: Infusion, hold: str, at: datetime) -> None:
    """Later infusions wait for a prescriber."""
    raise_item(
        kind=WorkItem.Kind.PRESCRIBER, key=f"hold:{hold}", site=infusion.site, patient=infusion.patient,
        title="Infusions are on hold: let them go on, or not",
        detail="The next infusion does not start before a prescriber has looked. Therapy goes on.",
        role=roles.CLINICIAN, owner=prescriber_of(infusion), url=reverse("hold_release", args=[hold]), due_at=at,
        at=at,
    )  # fmt: skip


def was_released(*, hold: str, by: User, at: datetime) -> None:
    """A prescriber let infusions go on."""
    settle(kind=WorkItem.Kind.PRESCRIBER, key=f"hold:{hold}", resolution="Infusions may go on.", by=by, at=at)


def follow_handover(*, infusion: Infusion, by: User, at: datetime) -> None:
    """An offered patient stands on the receiving nurse's list until accepted or taken back."""
    key = f"handover:{infusion.code}"
    waiting = offered_handover(infusion)
    if waiting is None:
        settle(kind=WorkItem.Kind.UNPLACED, key=key, resolution="Accepted or taken back.", by=by, at=at)
        return
    raise_item(
        kind=WorkItem.Kind.UNPLACED, key=key, site=infusion.site, patient=infusion.patient,
        title="A patient in the chair is handed over to you", detail=waiting.words, role=roles.NURSE,
        owner=waiting.to_nurse, url=_record(infusion), due_at=at, at=at,
    )  # fmt: skip


def _record(infusion: Infusion) -> str:
    return reverse("infusion_detail", args=[infusion.code])
