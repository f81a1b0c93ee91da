"""Psychotherapy notes: written by the therapist of the session, read by their author, every reading written down."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from sessions.models import IntegrationSession, PrivateNote, PrivateNoteReading
from sessions.services._record import act, moment, need_role
from staff.errors import InvalidInput, NotAllowed, StateConflict
from staff.locks import lock
from staff.models import User

log = logging.getLogger("clearwindow.notes")
LONGEST = 20_000
ONLY_OWN = "Private notes are for the therapist who wrote them."


@act
def write_private_note(
    *,
    session: IntegrationSession,
    by: User,
    text: str,
    replaces: PrivateNote | None = None,
    at: datetime | None = None,
) -> PrivateNote:
    """Keep a private note on this therapy session, or a correction of an earlier one, which stays.

    Raises NotAllowed for anyone but the session's own therapist, InvalidInput at `text`, StateConflict when the note
    was corrected before. The database refuses another author as well.
    """
    now = moment(at)
    need_role(by, "private_note.write", ONLY_OWN)
    words = text.strip()
    if not words:
        raise InvalidInput("Write the note first.", code="required", field="text")
    if len(words) > LONGEST:
        raise InvalidInput("Keep the note below 20,000 characters.", code="too-long", field="text")
    lock(patients=[session.patient_id])
    if session.therapist_id != by.pk:
        raise NotAllowed(ONLY_OWN, code="not-your-session")
    if replaces is not None and (replaces.session_id, replaces.author_id) != (session.pk, by.pk):
        raise NotAllowed(ONLY_OWN, code="not-your-note")
    if replaces is not None and PrivateNote.objects.filter(replaces=replaces).exists():
        raise StateConflict("This note was corrected already. Correct the newer one.", code="already-amended")
    latest = PrivateNote.objects.filter(session=session, author=by).first()
    if replaces is None and latest is not None and latest.shown_text == words:
        return latest
    stored: PrivateNote = PrivateNote.objects.create(
        session=session, author=by, text=words, written_at=now, replaces=replaces
    )
    return stored


@act
def open_private_notes(
    *, session: IntegrationSession, by: User, at: datetime | None = None
) -> Sequence[PrivateNote]:
    """The author's notes on this session, newest first, corrected ones included; the reading is on record before the
    text is handed out. A note that does not open (`shown_text` is empty) was put there by other means: it is logged and
    a finding of `check_schedule`. Raises NotAllowed for everybody else, whatever their role.
    """
    now = moment(at)
    need_role(by, "private_note.write", ONLY_OWN)
    if session.therapist_id != by.pk:
        raise NotAllowed(ONLY_OWN, code="not-your-session")
    notes = list(PrivateNote.objects.filter(session=session, author=by))
    PrivateNoteReading.objects.bulk_create(
        PrivateNoteReading(note=note, reader=by, read_at=now) for note in notes
    )
    for note in notes:
        if not note.shown_text:
            log.error("private note %s does not open: it was not written for this session", note.pk)
    return notes
