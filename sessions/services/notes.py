"""Notes at the chair, saved while they are typed. The patient's own words are stored as a quotation, nothing else."""

from __future__ import annotations

from datetime import datetime

from sessions.models import ChairNote, Infusion
from sessions.services._record import act, locked, moment, touch
from staff.errors import InvalidInput, StateConflict
from staff.models import User

LONGEST = 4000


def unfinished_note(infusion: Infusion, by: User) -> ChairNote | None:
    """What this person has begun to write on this record."""
    found: ChairNote | None = infusion.chair_notes.filter(entered_by=by, finished_at__isnull=True).first()
    return found


@act
def save_note(
    *,
    infusion: Infusion,
    text: str,
    by: User,
    kind: str = "note",
    finish: bool = False,
    at: datetime | None = None,
) -> ChairNote | None:
    """Keep what this person is writing; `finish` puts it on the record, where it is fixed.

    An unfinished note is nobody else's business and does not count up the record's version. Empty text drops it
    (None). Raises InvalidInput above 4000 characters or without words to finish, StateConflict on a record whose
    pump never ran.
    """
    now = moment(at)
    if kind not in ChairNote.Kind.values:
        raise InvalidInput("Choose a note or the patient's own words.", code="unknown-kind", field="kind")
    words = text.strip()
    if len(words) > LONGEST:
        raise InvalidInput(f"Write at most {LONGEST} characters.", code="max_length", field="text")
    if finish and not words:
        raise InvalidInput("Write the note first.", code="required", field="text")
    current = locked(infusion)
    if current.status == Infusion.Status.NOT_GIVEN:
        raise StateConflict("This infusion was not given: its record is closed.", code="infusion-not-given")
    note = unfinished_note(current, by)
    if not words and note is None:
        return None
    if note is None:
        note = ChairNote(infusion=current, entered_by=by, observed_at=now)
    note.kind, note.text, note.entered_at = kind, words, now
    note.finished_at = now if finish else None
    note.save()
    if finish:
        touch(current)
    return note
