"""What the API takes and gives about a patient beside the infusion record: consents, safety contacts, scores."""

from __future__ import annotations

from rest_framework import serializers

from sessions import scoring
from sessions.models import (
    Consent,
    Infusion,
    OutcomeScore,
    SafetyContact,
)
from staff.api import (
    InstantField,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
)

FHIR_ENCOUNTER = {
    Infusion.Status.ARRIVED: "arrived",
    Infusion.Status.READY: "arrived",
    Infusion.Status.INFUSING: "in-progress",
    Infusion.Status.PAUSED: "in-progress",
    Infusion.Status.RECOVERING: "in-progress",
    Infusion.Status.SIGNED_OFF: "finished",
    Infusion.Status.NOT_GIVEN: "cancelled",
}


class ConsentSerializer(serializers.ModelSerializer[Consent]):
    """A consent. FHIR R4 Consent.status: active, or inactive once withdrawn."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    document = serializers.UUIDField(source="document.code", read_only=True)
    representative = serializers.UUIDField(source="representative.code", default=None, read_only=True)
    fhir_status = serializers.SerializerMethodField()

    class Meta:
        model = Consent
        fields = (
            "code", "patient", "document", "given_at", "valid_until", "representative", "signed_by_name",
            "relationship", "withdrawn_at", "fhir_status",
        )  # fmt: skip
        read_only_fields = fields

    def get_fhir_status(self, consent: Consent) -> str:
        """FHIR R4 Consent.status."""
        return "inactive" if consent.withdrawn_at else "active"


class ConsentCreateSerializer(StrictSerializer):
    """Consent to a protocol's text; `representative`: who signed it for the patient."""

    patient = serializers.UUIDField()
    document = serializers.UUIDField()
    representative = serializers.UUIDField(required=False)
    given_at = InstantField(required=False)
    valid_until = InstantField(required=False)


class WithdrawSerializer(StrictSerializer):
    """When the patient said so; default now."""

    withdrawn_at = InstantField(required=False)


class SafetyContactSerializer(serializers.ModelSerializer[SafetyContact]):
    """A contact about safety."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    entered_by = serializers.UUIDField(source="entered_by.code", read_only=True)
    next_owner = serializers.UUIDField(source="next_owner.code", default=None, read_only=True)

    class Meta:
        model = SafetyContact
        fields = (
            "code", "patient", "occurred_at", "entered_at", "entered_by", "manner", "cssrs", "outcome", "next_owner",
        )  # fmt: skip
        read_only_fields = fields


class SafetyContactCreateSerializer(StrictSerializer):
    """A safety contact to record."""

    patient = serializers.UUIDField()
    manner = serializers.ChoiceField(choices=SafetyContact.Manner.choices)
    outcome = StrictCharField(max_length=500)
    occurred_at = InstantField(required=False)
    cssrs = StrictIntegerField(min_value=0, max_value=5, required=False, allow_null=True)
    next_owner = serializers.UUIDField(required=False, allow_null=True)


class OutcomeScoreSerializer(serializers.ModelSerializer[OutcomeScore]):
    """A score with its band."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    band = serializers.SerializerMethodField()

    class Meta:
        model = OutcomeScore
        fields = (
            "code",
            "patient",
            "instrument",
            "total",
            "band",
            "items",
            "item_9",
            "taken_at",
            "entered_at",
        )
        read_only_fields = fields

    def get_band(self, score: OutcomeScore) -> str:
        """Severity in words."""
        return scoring.band(score.instrument, score.total).label


class OutcomeScoreCreateSerializer(StrictSerializer):
    """A score to record: a total, or the items where the licence allows storing them."""

    patient = serializers.UUIDField()
    instrument = serializers.ChoiceField(choices=list(scoring.INSTRUMENTS))
    total = StrictIntegerField(min_value=0, max_value=60, required=False)
    items = serializers.ListField(
        child=StrictIntegerField(min_value=0, max_value=6), max_length=16, required=False
    )
    item_9 = StrictIntegerField(min_value=0, max_value=3, required=False)
    taken_at = InstantField(required=False)


class TherapyNoteFields(StrictSerializer):
    """What stands in the note of a therapy session."""

    goals = StrictCharField(max_length=4000, required=False, default="", allow_blank=True)
    practice_plan = StrictCharField(max_length=4000, required=False, default="", allow_blank=True)
    practice_when = StrictCharField(max_length=200, required=False, default="", allow_blank=True)
    practice_a_week = StrictIntegerField(
        min_value=1, max_value=42, required=False, default=None, allow_null=True
    )
    progress = StrictCharField(max_length=4000, required=False, default="", allow_blank=True)
