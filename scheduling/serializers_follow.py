"""What the API takes and gives about windows, follow-ups, therapy and messages. Explicit fields only."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from scheduling.models import FollowUp, Message, PlasticityWindow
from scheduling.services.not_fit import REASONS as NOT_FIT
from scheduling.services.therapy_rules import SAME_NIGHT_REASONS
from sessions.models import IntegrationSession, ReportedTherapy
from sessions.serializers_patient import TherapyNoteFields
from staff.api import InstantField, StrictBooleanField, StrictCharField, StrictSerializer

# FHIR R4 codes of our states (Task.status, Communication.status): mapped here, never stored.
TASK_STATUS = {
    FollowUp.State.PROVISIONAL: "draft",
    FollowUp.State.FIRM: "requested",
    FollowUp.State.RELEASED: "ready",
    FollowUp.State.BOOKED: "accepted",
    FollowUp.State.DONE: "completed",
    FollowUp.State.REPORTED: "completed",
    FollowUp.State.MISSED: "failed",
    FollowUp.State.DECLINED: "rejected",
    FollowUp.State.DROPPED: "cancelled",
    FollowUp.State.WITHDRAWN: "cancelled",
}


class WindowSerializer(serializers.Serializer[PlasticityWindow]):
    """The current window of one infusion. `estimate` until a clinician has signed."""

    code = serializers.UUIDField(read_only=True)
    infusion = serializers.UUIDField(source="infusion.code", read_only=True)
    patient = serializers.UUIDField(source="patient.code", read_only=True)
    series = serializers.UUIDField(source="series.code", read_only=True)
    status = serializers.ChoiceField(choices=PlasticityWindow.Status.choices, read_only=True)
    estimate = serializers.SerializerMethodField()
    no_therapy_from = serializers.DateTimeField(source="starts_at", read_only=True)
    therapy_from = serializers.DateTimeField(source="t0", read_only=True)
    practice_from = serializers.DateTimeField(read_only=True)
    core_until = serializers.DateTimeField(read_only=True)
    tail_until = serializers.DateTimeField(read_only=True)
    claimed_by = serializers.UUIDField(source="claimed_by.code", default=None, read_only=True)
    opened_at = serializers.DateTimeField(read_only=True)
    closed_at = serializers.DateTimeField(read_only=True)
    generation = serializers.IntegerField(read_only=True)
    version = serializers.IntegerField(read_only=True)

    def get_estimate(self, row: PlasticityWindow) -> bool:
        """True until it rests on a signature."""
        return row.sign_off_id is None


class ReportedTherapySerializer(serializers.Serializer[ReportedTherapy]):
    """A session that a therapist outside the clinic reported. Never one that was held here."""

    code = serializers.UUIDField(read_only=True)
    therapist = serializers.UUIDField(source="therapist.code", read_only=True)
    held_at = serializers.DateTimeField(read_only=True)
    via = serializers.ChoiceField(choices=ReportedTherapy.Via.choices, read_only=True)
    spoken_with = serializers.CharField(read_only=True)
    recorded_at = serializers.DateTimeField(read_only=True)
    inside_no_therapy_at = serializers.DateTimeField(read_only=True)


class FollowUpSerializer(serializers.Serializer[FollowUp]):
    """One obligation with its moments and why. `task_status` is the FHIR R4 Task.status of `state`."""

    code = serializers.UUIDField(read_only=True)
    patient = serializers.UUIDField(source="patient.code", read_only=True)
    series = serializers.UUIDField(source="series.code", read_only=True)
    visit = serializers.UUIDField(source="visit.code", read_only=True)
    infusion = serializers.UUIDField(source="infusion.code", default=None, read_only=True)
    kind = serializers.CharField(read_only=True)
    ordinal = serializers.IntegerField(read_only=True)
    title = serializers.CharField(read_only=True)
    audience = serializers.CharField(read_only=True)
    therapy = serializers.BooleanField(read_only=True)
    required = serializers.BooleanField(read_only=True)  # type: ignore[assignment]  # a field of that name, not the option
    state = serializers.ChoiceField(choices=FollowUp.State.choices, read_only=True)
    task_status = serializers.SerializerMethodField()
    earliest_at = serializers.DateTimeField(read_only=True)
    target_at = serializers.DateTimeField(read_only=True)
    latest_at = serializers.DateTimeField(read_only=True)
    hard_latest_at = serializers.DateTimeField(read_only=True)
    duration_minutes = serializers.IntegerField(read_only=True)
    assignee = serializers.UUIDField(source="assignee.code", default=None, read_only=True)
    appointment = serializers.UUIDField(source="appointment.code", default=None, read_only=True)
    outside = serializers.UUIDField(source="outside.code", default=None, read_only=True)
    reported = ReportedTherapySerializer(source="report", default=None, read_only=True)
    why = serializers.DictField(child=serializers.CharField(), read_only=True)
    closed_at = serializers.DateTimeField(read_only=True)
    closed_reason = serializers.CharField(read_only=True)
    version = serializers.IntegerField(read_only=True)

    def get_task_status(self, row: FollowUp) -> str:
        """FHIR R4."""
        return TASK_STATUS[FollowUp.State(row.state)]


class MessageSerializer(serializers.Serializer[Message]):
    """One message and what became of it. Never its address and never its text."""

    code = serializers.UUIDField(read_only=True)
    patient = serializers.UUIDField(source="patient.code", read_only=True)
    follow_up = serializers.UUIDField(source="follow_up.code", default=None, read_only=True)
    kind = serializers.CharField(read_only=True)
    channel = serializers.CharField(read_only=True)
    state = serializers.ChoiceField(choices=Message.State.choices, read_only=True)
    due_at = serializers.DateTimeField(read_only=True)
    due_local = serializers.CharField(read_only=True)
    time_zone = serializers.CharField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True)
    sent_at = serializers.DateTimeField(read_only=True)
    attempts = serializers.IntegerField(read_only=True)
    generation = serializers.IntegerField(read_only=True)
    last_error_code = serializers.CharField(read_only=True)
    closed_reason = serializers.CharField(read_only=True)
    acknowledged_at = serializers.DateTimeField(read_only=True)


class FactSerializer(serializers.Serializer[Any]):
    """One fact beside a row of the queue; `tone` is risk, warning or empty."""

    name = serializers.CharField(source="label", read_only=True)
    text = serializers.CharField(read_only=True)
    tone = serializers.CharField(read_only=True)


class QueueEntrySerializer(serializers.Serializer[Any]):
    """One row of the therapist queue."""

    state = serializers.CharField(read_only=True)
    words = serializers.CharField(read_only=True)
    estimate = serializers.BooleanField(read_only=True)
    unassigned = serializers.BooleanField(read_only=True)
    locked = serializers.CharField(read_only=True)
    facts = FactSerializer(many=True, read_only=True)
    window = WindowSerializer(read_only=True)
    session = FollowUpSerializer(read_only=True, allow_null=True)


class SlotSerializer(serializers.Serializer[Any]):
    """A free time of one therapist, half-open."""

    start = serializers.DateTimeField(read_only=True)
    end = serializers.DateTimeField(read_only=True)
    therapist = serializers.UUIDField(source="therapist.code", read_only=True)


class TherapyBookingSerializer(serializers.Serializer[Any]):
    """The booked session."""

    code = serializers.UUIDField(read_only=True)
    status = serializers.CharField(read_only=True)
    start = serializers.DateTimeField(source="during.lower", read_only=True)
    end = serializers.DateTimeField(source="during.upper", read_only=True)
    therapist = serializers.UUIDField(source="practitioner.code", read_only=True)
    mode = serializers.CharField(read_only=True)


class IntegrationSerializer(serializers.Serializer[IntegrationSession]):
    """The session as it happened."""

    code = serializers.UUIDField(read_only=True)
    started_at = serializers.DateTimeField(read_only=True)
    completed_at = serializers.DateTimeField(read_only=True)
    mode = serializers.CharField(read_only=True)


class BookSerializer(StrictSerializer):
    """Book a session: start with an offset, the therapist's code."""

    start = InstantField()
    therapist = serializers.UUIDField()
    mode = serializers.ChoiceField(
        choices=IntegrationSession.Mode.choices, default=IntegrationSession.Mode.IN_PERSON
    )
    override_reason = serializers.ChoiceField(choices=list(SAME_NIGHT_REASONS.items()), required=False)


class StartSerializer(StrictSerializer):
    """Start a session now."""

    mode = serializers.ChoiceField(choices=IntegrationSession.Mode.choices, required=False)


class NoteSerializer(TherapyNoteFields):
    """The note that completes a session: at least one of the three."""


class ReportSerializer(StrictSerializer):
    """By phone: when a session outside the clinic began (with offset), and who said so."""

    held_at = InstantField()
    spoken_with = StrictCharField(max_length=120)
    as_it_was = StrictBooleanField(required=False, default=False)


class NotFitSerializer(StrictSerializer):
    """What was found, and from when therapy may be thought of again (default: the next local morning)."""

    reason = serializers.ChoiceField(choices=list(NOT_FIT))
    until = InstantField(required=False)


class CoverChoiceSerializer(StrictSerializer):
    """What becomes of one therapy session: a start with a therapist, or `instead` is video (the booked
    time), outside (the patient's therapist outside), missed or leave.
    """

    follow_up = serializers.UUIDField()
    start = InstantField(required=False)
    therapist = serializers.UUIDField(required=False)
    instead = serializers.ChoiceField(choices=["missed", "leave", "video", "outside"], required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Either `instead`, or both `start` and `therapist`."""
        picked = "start" in attrs and "therapist" in attrs
        if picked == ("instead" in attrs):
            raise serializers.ValidationError("Give start and therapist, or instead.")
        return attrs


class CoverSerializer(StrictSerializer):
    """Accept cover for an absence [start, until)."""

    therapist = serializers.UUIDField()
    start = InstantField()
    until = InstantField()
    choices = serializers.ListField(child=CoverChoiceSerializer(), max_length=200)


class CoverLineSerializer(serializers.Serializer[Any]):
    """One therapy session that the absence touches, with who could take it, best first."""

    follow_up = serializers.UUIDField(source="row.code", read_only=True)
    booked = serializers.DateTimeField(read_only=True, allow_null=True)
    ends = serializers.DateTimeField(read_only=True)
    options = SlotSerializer(many=True, read_only=True)
    by_video = serializers.BooleanField(read_only=True)
    outside = serializers.UUIDField(source="outside.code", default=None, read_only=True)


@extend_schema_serializer(component_name="FollowUpReason")
class ReasonSerializer(StrictSerializer):
    """Why."""

    reason = StrictCharField(max_length=200)


class DoneSerializer(StrictSerializer):
    """What came of it."""

    note = StrictCharField(max_length=300, required=False, default="", allow_blank=True)


class HeldSerializer(StrictSerializer):
    """What becomes of a held message."""

    release = StrictBooleanField()


class EmptySerializer(StrictSerializer):
    """Nothing is sent; unknown keys are refused."""
