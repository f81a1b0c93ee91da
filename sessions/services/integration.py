"""Post-infusion therapy as it happened: started, completed, and (afterwards) found to lie inside the
no-therapy period.

The start is refused twice: here, from the facts, with words; and by the database
(`therapy_waits_for_clearance`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from patients.models import Patient
from sessions.models import Infusion, IntegrationNote, IntegrationSession
from sessions.services._record import act, moment, need_role, refusals_in_words
from sessions.services.estimates import therapy_time
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.locks import lock
from staff.models import User

MOST_WORDS, MOST_WHEN, MOST_A_WEEK = 4000, 200, 42


@act
def start_integration(
    *,
    patient: Patient,
    therapist: User,
    infusion: Infusion | None = None,
    mode: str = IntegrationSession.Mode.IN_PERSON,
    by: User | None = None,
    at: datetime | None = None,
) -> IntegrationSession:
    """Begin a therapy session now.

    Raises NotAllowed for anyone but a therapist, RuleNotMet `no-therapy-period` before the therapy time of
    every earlier infusion or while one is unsigned, StateConflict while a session with this patient runs.
    """
    now = moment(at)
    need_role(
        therapist, "therapy.conduct", "Only a licensed therapist starts a therapy session.", field="therapist"
    )
    if mode not in IntegrationSession.Mode.values:
        raise InvalidInput("Choose in person or video.", code="unknown-mode", field="mode")
    if infusion is not None and infusion.patient_id != patient.pk:
        raise InvalidInput(
            "This infusion belongs to another patient.", code="wrong-patient", field="infusion"
        )
    lock(patients=[patient.pk])
    check_may_start(patient, now)
    with refusals_in_words():
        session: IntegrationSession = IntegrationSession.objects.create(
            patient=patient, infusion=infusion, therapist=therapist, mode=mode, started_at=now
        )
    return session


@dataclass(frozen=True)
class NoteText:
    """What a note says. The practice plan is what is practised, when in the day, and how often a week (1 to 42)."""

    goals: str = ""
    practice_plan: str = ""
    practice_when: str = ""
    practice_a_week: int | None = None
    progress: str = ""

    def checked(self) -> dict[str, Any]:
        """Trimmed, as columns. Raises InvalidInput at the field, and for a note without a word."""
        words = {
            name: getattr(self, name).strip()
            for name in ("goals", "practice_plan", "practice_when", "progress")
        }
        for name, text in words.items():
            most = MOST_WHEN if name == "practice_when" else MOST_WORDS
            if len(text) > most:
                raise InvalidInput(f"Keep this below {most} characters.", code="too-long", field=name)
        if not (words["goals"] or words["practice_plan"] or words["progress"]):
            raise InvalidInput(
                "Write at least one line: goals, practice plan or progress.",
                code="required",
                field="progress",
            )
        often = self.practice_a_week
        if often is not None and (isinstance(often, bool) or not 1 <= often <= MOST_A_WEEK):
            raise InvalidInput(
                f"Enter 1 to {MOST_A_WEEK} times a week.", code="range", field="practice_a_week"
            )
        if not words["practice_plan"] and (often is not None or words["practice_when"]):
            raise InvalidInput("Say what is practised.", code="required", field="practice_plan")
        return {**words, "practice_a_week": often}


@act
def complete_integration(
    *, session: IntegrationSession, by: User, note: NoteText, at: datetime | None = None
) -> IntegrationSession:
    """End the session with its signed note. Raises StateConflict when it has ended, InvalidInput for an empty
    note.
    """
    now = moment(at)
    need_role(by, "therapy.conduct", "Only a licensed therapist completes a therapy session.")
    lock(patients=[session.patient_id])
    found: IntegrationSession = IntegrationSession.objects.select_for_update(of=("self",)).get(pk=session.pk)
    if found.completed_at is not None:
        raise StateConflict("This therapy session has already been completed.", code="therapy-completed")
    words = note.checked()
    found.completed_at = max(now, found.started_at)
    found.save(update_fields=["completed_at"])
    IntegrationNote.objects.create(session=found, author=by, written_at=now, signed_at=now, **words)
    return found


@act
def amend_note(
    *, note: IntegrationNote, by: User, text: NoteText, at: datetime | None = None
) -> IntegrationNote:
    """A corrected note beside the signed one, which stays readable. Raises NotAllowed for anyone but a therapist,
    StateConflict when it was already corrected, InvalidInput when the correction says nothing new.
    """
    now = moment(at)
    need_role(by, "therapy.conduct", "Only a licensed therapist writes therapy notes.")
    lock(patients=[note.session.patient_id])
    if IntegrationNote.objects.filter(replaces=note).exists():
        raise StateConflict("This note was already corrected. Correct the newer one.", code="already-amended")
    words = text.checked()
    if all(getattr(note, name) == value for name, value in words.items()):
        raise InvalidInput("Nothing was changed.", code="unchanged", field="progress")
    corrected: IntegrationNote = IntegrationNote.objects.create(
        session=note.session, author=by, written_at=now, signed_at=now, replaces=note, **words
    )
    return corrected


@act
def flag_inside_no_therapy(
    *, session: IntegrationSession, at: datetime | None = None, by: User | None = None
) -> IntegrationSession:
    """Say that a corrected pump log now puts this past session inside the no-therapy period. Said once."""
    now = moment(at)
    found: IntegrationSession = IntegrationSession.objects.select_for_update(of=("self",)).get(pk=session.pk)
    if found.inside_no_therapy_at is None:
        found.inside_no_therapy_at = now
        found.save(update_fields=["inside_no_therapy_at"])
    return found


def check_may_start(patient: Patient, now: datetime) -> None:
    """Raise RuleNotMet when therapy may not begin at `now`, saying when and why."""
    for infusion in (
        Infusion.objects.for_record().filter(patient=patient, started_at__lte=now).order_by("-started_at")
    ):
        found = therapy_time(infusion)
        if found.signed and found.at is not None and found.at <= now:
            continue
        raise RuleNotMet(
            _words(infusion, found.signed, found.at, now), code="no-therapy-period", field="started_at"
        )


def _words(infusion: Infusion, signed: bool, starts: datetime | None, now: datetime) -> str:
    if infusion.status in Infusion.RUNNING:
        return "The infusion is running. No therapy until the drug has cleared and a clinician has signed."
    if starts is None:
        return "No therapy time is known for the last infusion: a clinician must state it."
    local = starts.astimezone(ZoneInfo(infusion.site.time_zone))
    time = f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"
    if not signed:
        ahead = (
            f"Therapy from {time} (estimate until signed)"
            if starts > now
            else "The infusion is not signed off"
        )
        return f"{ahead}. A clinician signs the infusion off first."
    return f"Therapy from {time}. The drug has not cleared before then (estimate)."
