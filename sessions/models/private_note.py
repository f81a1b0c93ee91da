"""Psychotherapy notes: a therapist's own, kept apart from the record, encrypted, with every reading written down."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from sessions.models.care import IntegrationSession
from sessions.querysets import SessionFacts
from staff.fields import RowSealedTextField, Unreadable

USER = settings.AUTH_USER_MODEL


class PrivateNote(models.Model):
    """A private note on one therapy session. Only the therapist of that session writes it (`private_note_is_own`)
    and only its author reads it. Never edited: a correction names the note it replaces.

    Not in the history tables: the rows themselves are the history, and a second copy would be a second place to guard.
    Encrypted, and bound to this note, its session and its author: copied here from another note it does not open.
    """

    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    session = models.ForeignKey(IntegrationSession, on_delete=models.PROTECT, related_name="private_notes")
    author = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="private_notes")
    text = RowSealedTextField(
        bound_to=("code", "session_id", "author_id"), place="treatment_sessions_privatenote.text"
    )
    written_at = models.DateTimeField()
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )

    objects = SessionFacts.as_manager()

    class Meta:
        ordering = ["-written_at", "-pk"]

    @property
    def shown_text(self) -> str:
        """The note for its author's page; empty when what is stored was not written for this note."""
        try:
            return self.text
        except Unreadable:
            return ""


class PrivateNoteReading(models.Model):
    """Somebody opened a private note. Written before the text is shown; never changed."""

    note = models.ForeignKey(PrivateNote, on_delete=models.PROTECT, related_name="readings")
    reader = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    read_at = models.DateTimeField()

    class Meta:
        ordering = ["-read_at", "-pk"]
