"""`/api/v1/private-notes/`: a therapist's own psychotherapy notes, with a permission of their own.

Every reading is on record before the text is handed out. The answer to a new note does not repeat its text: answers are
kept with their Idempotency-Key, and the text is kept in one place only.
"""

from __future__ import annotations

from typing import cast

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from sessions import services
from sessions.access import get_integration_for
from sessions.models import IntegrationSession, PrivateNote
from staff.api import ServiceViewSet, StrictCharField, StrictSerializer, checked, idempotent
from staff.errors import InvalidInput
from staff.models import User

ACTION = "private_note.write"


class PrivateNoteSerializer(serializers.ModelSerializer[PrivateNote]):
    """A note with its text, for its author only; the text is empty when what is stored does not open."""

    text = serializers.CharField(source="shown_text", read_only=True)
    session = serializers.UUIDField(source="session.code", read_only=True)
    replaces = serializers.UUIDField(source="replaces.code", read_only=True, allow_null=True, default=None)

    class Meta:
        model = PrivateNote
        fields = ("code", "session", "written_at", "replaces", "text")
        read_only_fields = fields


class StoredNoteSerializer(serializers.ModelSerializer[PrivateNote]):
    """That a note is kept; its text is not repeated."""

    session = serializers.UUIDField(source="session.code", read_only=True)

    class Meta:
        model = PrivateNote
        fields = ("code", "session", "written_at")
        read_only_fields = fields


class NewPrivateNoteSerializer(StrictSerializer):
    """A note on one therapy session; `replaces` is the code of the note that it corrects."""

    session = serializers.UUIDField()
    text = StrictCharField(max_length=20_000)
    replaces = serializers.UUIDField(required=False)


class PrivateNoteViewSet(ServiceViewSet):
    """The caller's own notes on one session. Whose session it is not gets 404, whatever the role."""

    serializer_class = PrivateNoteSerializer
    queryset = PrivateNote.objects.none()

    @extend_schema(
        parameters=[
            OpenApiParameter("session", str, required=True, description="Code of the therapy session.")
        ],
        responses=PrivateNoteSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Newest first, corrected ones included. The reading is recorded."""
        session = _own_session(self.user, request.query_params.get("session", ""))
        notes = services.open_private_notes(session=session, by=self.user)
        answer = Response(PrivateNoteSerializer(notes, many=True).data)
        answer["Cache-Control"] = "no-store"
        return answer

    @extend_schema(request=NewPrivateNoteSerializer, responses={201: StoredNoteSerializer})
    def create(self, request: Request) -> Response:
        """Keep a note, or a correction of an earlier one."""
        data = checked(NewPrivateNoteSerializer(data=request.data))
        session = _own_session(self.user, data["session"])
        replaces = None
        if "replaces" in data:
            replaces = PrivateNote.objects.filter(
                code=data["replaces"], session=session, author=self.user
            ).first()
            if replaces is None:
                raise InvalidInput("No note of yours has this code.", code="unknown-note", field="replaces")

        def act() -> Response:
            note = services.write_private_note(
                session=session, by=self.user, text=data["text"], replaces=replaces
            )
            return Response(StoredNoteSerializer(note).data, status=201)

        return idempotent(request, "private-notes", act)


def _own_session(user: User, code: object) -> IntegrationSession:
    """The caller's own session; anybody else's does not exist."""
    session = get_integration_for(user, cast("str", code), action=ACTION)
    if session.therapist_id != user.pk:
        raise Http404("Not found.")
    return session
