"""`/api/v1/therapy-sessions/`: therapy as it took place, with its signed note and every correction of it."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sessions import services
from sessions.access import get_integration_for
from sessions.api.patient_facts import PatientFactViewSet
from sessions.models import IntegrationNote, IntegrationSession
from sessions.serializers_patient import TherapyNoteFields
from staff.api import checked, idempotent
from staff.errors import StateConflict


class TherapySessionSerializer(serializers.ModelSerializer[IntegrationSession]):
    """A session, without its note. `inside_no_therapy_at`: found there by an amended record."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    infusion = serializers.UUIDField(source="infusion.code", read_only=True, allow_null=True, default=None)
    therapist = serializers.UUIDField(source="therapist.code", read_only=True)

    class Meta:
        model = IntegrationSession
        fields: tuple[str, ...] = (
            "code", "patient", "infusion", "therapist", "mode", "started_at", "completed_at", "inside_no_therapy_at",
        )  # fmt: skip
        read_only_fields = fields


class TherapyNoteSerializer(serializers.ModelSerializer[IntegrationNote]):
    """A note as it was signed; `replaces` is the one that it corrects."""

    author = serializers.UUIDField(source="author.code", read_only=True)
    replaces = serializers.UUIDField(source="replaces.code", read_only=True, allow_null=True, default=None)

    class Meta:
        model = IntegrationNote
        fields = (
            "code", "goals", "practice_plan", "practice_when", "practice_a_week", "progress", "author", "signed_at",
            "replaces",
        )  # fmt: skip
        read_only_fields = fields


class TherapySessionDetailSerializer(TherapySessionSerializer):
    """With its notes, the one that stands first."""

    notes = serializers.SerializerMethodField()

    class Meta(TherapySessionSerializer.Meta):
        fields = (*TherapySessionSerializer.Meta.fields, "notes")
        read_only_fields = fields

    @extend_schema_field(TherapyNoteSerializer(many=True))
    def get_notes(self, session: IntegrationSession) -> object:
        """Newest first."""
        rows = session.notes.select_related("author", "replaces").order_by("-written_at", "-pk")
        return TherapyNoteSerializer(rows, many=True).data


class AmendTherapyNoteSerializer(TherapyNoteFields):
    """The whole corrected note: what is left out is empty in it."""


class TherapySessionViewSet(PatientFactViewSet):
    """Sessions by patient; the note only for those who may read it. Private notes are elsewhere."""

    model = IntegrationSession
    route = "therapy-sessions"
    related = ("patient", "infusion", "therapist")
    serializer_class = TherapySessionSerializer

    @extend_schema(responses=TherapySessionDetailSerializer)
    def retrieve(self, request: Request, code: str) -> Response:
        """One session with its note and all earlier versions."""
        session = get_integration_for(self.user, code, action="therapy.note_view")
        return Response(TherapySessionDetailSerializer(session).data)

    @extend_schema(request=AmendTherapyNoteSerializer, responses={201: TherapySessionDetailSerializer})
    @action(detail=True, methods=["post"])
    def amend(self, request: Request, code: str) -> Response:
        """Sign a corrected note beside the present one, which stays readable."""
        session = get_integration_for(self.user, code, action="therapy.conduct")
        data = checked(AmendTherapyNoteSerializer(data=request.data))

        def act() -> Response:
            note = session.notes.order_by("-written_at", "-pk").first()
            if note is None:
                raise StateConflict("The therapy session is not completed: it has no note.", code="no-note")
            services.amend_note(note=note, by=self.user, text=services.NoteText(**data))
            return Response(TherapySessionDetailSerializer(session).data, status=201)

        return idempotent(request, f"therapy-sessions/{session.code}/amend", act)
