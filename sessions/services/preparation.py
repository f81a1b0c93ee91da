"""The preparation visit as it was held, and whether a patient has a practice plan at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from patients.models import Patient
from sessions.models import IntegrationNote, PreparationRecord
from sessions.services._record import act, moment, need_role, not_in_future
from sessions.services.integration import MOST_A_WEEK, MOST_WHEN, MOST_WORDS
from staff.errors import InvalidInput
from staff.locks import lock
from staff.models import User
from staff.strict import parse_text


@dataclass(frozen=True)
class PreparationText:
    """What was agreed. The practice plan is what is practised, when in the day, and how often a week (1 to 42)."""

    practice_plan: str
    goals: str = ""
    practice_when: str = ""
    practice_a_week: int | None = None
    expectations: str = ""
    outside_therapist: str = ""

    def checked(self) -> dict[str, object]:
        """Trimmed, as columns. Raises InvalidInput at the field, and without a practice plan."""
        most = {"practice_when": MOST_WHEN, "outside_therapist": MOST_WHEN}
        names = ("practice_plan", "goals", "practice_when", "expectations", "outside_therapist")
        words: dict[str, object] = {
            name: parse_text(getattr(self, name), field=name, max_length=most.get(name, MOST_WORDS))
            for name in names
        }
        if not words["practice_plan"]:
            raise InvalidInput("Say what is practised.", code="required", field="practice_plan")
        often = self.practice_a_week
        if often is not None and (isinstance(often, bool) or not 1 <= often <= MOST_A_WEEK):
            raise InvalidInput(
                f"Enter 1 to {MOST_A_WEEK} times a week.", code="range", field="practice_a_week"
            )
        return {**words, "practice_a_week": often}


@act
def record_preparation(
    *,
    patient: Patient,
    course: UUID,
    text: PreparationText,
    by: User,
    held_at: datetime | None = None,
    at: datetime | None = None,
) -> PreparationRecord:
    """A therapist held the preparation visit. The same record twice is stored once.

    Raises NotAllowed for anyone but a therapist, InvalidInput without a practice plan or for a time in the future.
    """
    now = moment(at)
    need_role(by, "therapy.conduct", "Only a licensed therapist records a preparation visit.")
    words = text.checked()
    held = not_in_future(held_at or now, now, "held_at")
    lock(patients=[patient.pk])
    same: PreparationRecord | None = PreparationRecord.objects.filter(
        patient=patient, course=course, therapist=by, **words
    ).first()
    if same is not None:
        return same
    made: PreparationRecord = PreparationRecord.objects.create(
        patient=patient, course=course, therapist=by, held_at=held, entered_at=now, **words
    )
    return made


def courses_with_plan(patient: Patient, courses: Iterable[UUID]) -> set[UUID]:
    """Which of these courses have a practice plan: from the preparation visit, or a signed note that stands."""
    wanted = set(courses)
    prepared = PreparationRecord.objects.filter(patient=patient, course__in=wanted)
    noted = IntegrationNote.objects.filter(
        session__patient=patient,
        session__infusion__course__in=wanted,
        signed_at__isnull=False,
        replaced_by=None,
    ).exclude(practice_plan="")
    own = set(prepared.values_list("course", flat=True))
    return own | {course for course in noted.values_list("session__infusion__course", flat=True) if course}
