"""What the API takes and gives about the day at the chair. Explicit fields only; unknown keys are refused."""

from __future__ import annotations

from decimal import Decimal

from rest_framework import serializers

from sessions.models import ChairNote, Disposition, EndingAssessment, GivenDrug, Handover, TreatmentHold
from sessions.serializers import CredentialsSerializer
from sessions.services import PRN_DRUGS
from staff.api import (
    InstantField,
    StrictBooleanField,
    StrictCharField,
    StrictDateField,
    StrictDecimalField,
    StrictSerializer,
)

UNPLANNED = [item for item in Disposition.Outcome.choices if item[0] in {*Disposition.UNPLANNED}]


class GivenDrugSerializer(serializers.ModelSerializer[GivenDrug]):
    """One drug given beside the infusion."""

    ordered_by = serializers.UUIDField(source="ordered_by.code", read_only=True)

    class Meta:
        model = GivenDrug
        fields = (
            "code", "drug", "drug_name", "dose_mg", "sedating", "ordered_by", "observed_at", "entered_at", "note",
            "withdrawn_at", "withdrawn_reason",
        )  # fmt: skip
        read_only_fields = fields


class GivenDrugCreateSerializer(StrictSerializer):
    """One drug in mg, and the prescriber who ordered it (code)."""

    drug = serializers.ChoiceField(choices=[(key, entry[0]) for key, entry in PRN_DRUGS.items()])
    drug_name = StrictCharField(max_length=60, required=False)
    dose_mg = StrictDecimalField(max_digits=7, decimal_places=2, min_value=Decimal("0.01"), max_value=5000)
    ordered_by = serializers.UUIDField()
    sedating = StrictBooleanField(required=False)
    note = StrictCharField(max_length=200, required=False, allow_blank=True)
    observed_at = InstantField(required=False)


class BagSerializer(StrictSerializer):
    """Which bag was used; waste needs the witness's own password."""

    lot = StrictCharField(max_length=40)
    expires_on = StrictDateField()
    waste_mg = StrictDecimalField(max_digits=6, decimal_places=2, min_value=0, max_value=1000, required=False)
    second_person = CredentialsSerializer(required=False)


class ChairNoteSerializer(StrictSerializer):
    """A note, or the patient's own words."""

    kind = serializers.ChoiceField(choices=ChairNote.Kind.choices)
    text = StrictCharField(max_length=4000)


class EndingSerializer(StrictSerializer):
    """How the visit ended, when and how the patient was last seen."""

    outcome = serializers.ChoiceField(choices=UNPLANNED)
    condition = StrictCharField(max_length=300)
    last_seen_at = InstantField(required=False)
    observed_at = InstantField(required=False)


class AssessmentSerializer(StrictSerializer):
    """A clinician's assessment."""

    manner = serializers.ChoiceField(choices=EndingAssessment.Manner.choices)
    words = StrictCharField(max_length=500)
    observed_at = InstantField(required=False)


class HandoverSerializer(StrictSerializer):
    """To whom (code), and what they must know."""

    to_nurse = serializers.UUIDField()
    words = StrictCharField(max_length=300, required=False, allow_blank=True)


class HandoverTakenSerializer(serializers.ModelSerializer[Handover]):
    """A handover that was accepted, with the open items that went along."""

    infusion = serializers.UUIDField(source="infusion.code", read_only=True)
    to_nurse = serializers.UUIDField(source="to_nurse.code", read_only=True)
    open_items = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Handover
        fields = ("code", "infusion", "to_nurse", "words", "accepted_at", "open_items", "over_capacity")
        read_only_fields = fields


class HoldSerializer(serializers.ModelSerializer[TreatmentHold]):
    """What holds a patient's later infusions."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    infusion = serializers.UUIDField(source="infusion.code", read_only=True)

    class Meta:
        model = TreatmentHold
        fields = ("code", "patient", "infusion", "kind", "raised_at", "released_at", "released_reason")
        read_only_fields = fields
