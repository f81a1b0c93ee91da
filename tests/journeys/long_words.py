"""Long names and long texts in the sample clinic, through the services: two names of 80 characters, one of them without a
space, a note as long as it may be, long reasons. Prints an empty object.
"""

from __future__ import annotations

import os
from typing import Any

import django

ONE_WORD = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschaferswesse"
MANY_WORDS = "Maria Magdalena Theresia Josepha Antonia Wilhelmina Friederike Charlotte Amaliea"
SENTENCE = "The patient describes the afternoon at home in detail, and asks for the next date to be moved. "


def build() -> None:
    """Rename whoever the pages of chair and queue show, and write as much as may be written."""
    from scheduling.models import FollowUp, WorkItem
    from sessions.models import Infusion
    from sessions.services import record_adverse_event, save_note
    from staff.models import User

    people = {user.email.split("@")[0]: user for user in User.objects.all()}
    records = Infusion.objects.select_related("patient__site")
    for status in ("infusing", "recovering", "arrived", "signed-off"):
        for record in records.filter(status=status).order_by("pk")[:1]:
            rename(record.patient, people["coordinator"])
            if status != "arrived":
                save_note(infusion=record, text=(SENTENCE * 42)[:4000], by=people["nurse"], finish=True)
                record_adverse_event(
                    infusion=record,
                    kind="nausea",
                    severity="mild",
                    by=people["nurse"],
                    note=(SENTENCE * 3)[:200],
                )
    tasks = FollowUp.objects.filter(therapy=True, state="released").select_related("patient__site")
    for task in tasks.order_by("hard_latest_at")[:2]:
        rename(task.patient, people["coordinator"])
    for item in WorkItem.objects.open().filter(patient__isnull=False).select_related("patient__site")[:2]:
        rename(item.patient, people["coordinator"])


def rename(patient: Any, by: Any) -> None:
    """The longest names that may be."""
    from patients.services import update_patient

    patient.refresh_from_db()
    update_patient(
        patient=patient, changes={"given_name": MANY_WORDS, "family_name": ONE_WORD}, by=by,
        expected_version=patient.version, confirm_different=True,
    )  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    build()
    print("{}")
