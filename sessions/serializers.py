"""What the API takes and gives about treatment facts. Explicit fields only; unknown keys are refused.

Stored states are ours; `fhir_status` maps them to FHIR R4 (Encounter.status, consent and medication codes).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from protocols.evidence import COMPROMISES
from protocols.wording import ROUTES
from sessions.gates import OVERRIDE_CHOICES
from sessions.models import (
    AdverseEvent,
    ClearanceEstimate,
    CriterionResult,
    Infusion,
    MeasuredLevel,
    PreInfusionCheck,
    PumpEvent,
    VitalSigns,
)
from sessions.services import ADVERSE_EVENTS, therapy_time
from sessions.services.checks import NOT_APPLICABLE_CHOICES
from staff.api import (
    InstantField,
    StrictBooleanField,
    StrictCharField,
    StrictDecimalField,
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


class InfusionSerializer(serializers.ModelSerializer[Infusion]):
    """One infusion record. `therapy_from` is an estimate until `therapy_signed`."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    site = serializers.UUIDField(source="site.code", read_only=True)
    protocol_version = serializers.UUIDField(source="protocol_version.code", read_only=True)
    ordered_by = serializers.UUIDField(source="ordered_by.code", default=None, read_only=True)
    fhir_status = serializers.SerializerMethodField()

    class Meta:
        model = Infusion
        fields = (
            "code", "patient", "site", "protocol_version", "ordinal", "status", "fhir_status", "chair", "arrived_at",
            "planned_start", "weight_kg", "weighed_at", "ordered_mg", "bag_mg_per_ml", "ordered_by", "ordered_at",
            "order_low_reason", "order_minutes", "order_short_reason", "order_route", "order_route_reason",
            "started_at", "stopped_at", "delivered_mg", "not_given_reason", "version",
        )  # fmt: skip
        read_only_fields = fields

    def get_fhir_status(self, infusion: Infusion) -> str:
        """FHIR R4 Encounter.status."""
        return FHIR_ENCOUNTER[Infusion.Status(infusion.status)]


class InfusionDetailSerializer(InfusionSerializer):
    """The record with its therapy time."""

    therapy = serializers.SerializerMethodField()

    class Meta(InfusionSerializer.Meta):
        fields = (*InfusionSerializer.Meta.fields, "therapy")  # type: ignore[assignment]  # longer tuple
        read_only_fields = fields  # type: ignore[assignment]  # longer tuple

    def get_therapy(self, infusion: Infusion) -> dict[str, Any]:
        """When therapy may begin, whether that is signed, and what it rests on."""
        found = therapy_time(infusion)
        return {
            "from": found.at,
            "signed": found.signed,
            "basis": found.basis,
            "drug_cleared_estimate": found.t_pk,
            "ready_to_leave": found.t_sign,
        }


class PumpEventSerializer(serializers.ModelSerializer[PumpEvent]):
    """One line of the pump log, struck and superseded ones included."""

    entered_by = serializers.UUIDField(source="entered_by.code", read_only=True)
    replaces = serializers.UUIDField(source="replaces.code", default=None, read_only=True)

    class Meta:
        model = PumpEvent
        fields = (
            "code", "kind", "observed_at", "entered_at", "entered_by", "rate_mg_per_min", "bolus_mg", "reason",
            "replaces", "withdrawn_at", "withdrawn_reason",
        )  # fmt: skip
        read_only_fields = fields


class PumpEventCreateSerializer(StrictSerializer):
    """One line to add. Rates in mg/min. A start without a rate takes the order's."""

    kind = serializers.ChoiceField(choices=PumpEvent.Kind.choices)
    observed_at = InstantField(required=False)
    rate_mg_per_min = StrictDecimalField(
        max_digits=7,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        max_value=20,
        required=False,
        allow_null=True,
    )
    bolus_mg = StrictDecimalField(
        max_digits=6,
        decimal_places=2,
        min_value=Decimal("0.01"),
        max_value=100,
        required=False,
        allow_null=True,
    )
    reason = StrictCharField(max_length=200, required=False, allow_blank=True)
    reason_code = serializers.ChoiceField(choices=OVERRIDE_CHOICES, required=False)


class PumpEventsCreateSerializer(StrictSerializer):
    """Several lines at once (a pump's own log); the estimate is worked out once."""

    events = PumpEventCreateSerializer(many=True, allow_empty=False)


class PumpEventAmendSerializer(StrictSerializer):
    """New values of one line. What is not sent stays."""

    observed_at = InstantField(required=False)
    rate_mg_per_min = StrictDecimalField(
        max_digits=7, decimal_places=4, min_value=Decimal("0.0001"), max_value=20, required=False
    )
    bolus_mg = StrictDecimalField(
        max_digits=6, decimal_places=2, min_value=Decimal("0.01"), max_value=100, required=False
    )
    reason = StrictCharField(max_length=200)


@extend_schema_serializer(component_name="RecordReason")
class ReasonSerializer(StrictSerializer):
    """A reason, where one is needed."""

    reason = StrictCharField(max_length=200, required=False, allow_blank=True, default="")


class VitalSignsSerializer(serializers.ModelSerializer[VitalSigns]):
    """One reading."""

    entered_by = serializers.UUIDField(source="entered_by.code", read_only=True)

    class Meta:
        model = VitalSigns
        fields = (
            "code", "observed_at", "entered_at", "entered_by", "systolic", "diastolic", "heart_rate", "spo2", "moaas",
            "cadss6", "note", "withdrawn_at",
        )  # fmt: skip
        read_only_fields = fields


class VitalSignsCreateSerializer(StrictSerializer):
    """A reading to add: mmHg, per minute, percent."""

    observed_at = InstantField(required=False)
    systolic = StrictIntegerField(min_value=50, max_value=300)
    diastolic = StrictIntegerField(min_value=20, max_value=200)
    heart_rate = StrictIntegerField(min_value=20, max_value=250)
    spo2 = StrictIntegerField(min_value=40, max_value=100)
    moaas = StrictIntegerField(min_value=0, max_value=5, required=False, allow_null=True)
    cadss6 = StrictIntegerField(min_value=0, max_value=24, required=False, allow_null=True)
    note = StrictCharField(max_length=300, required=False, allow_blank=True)


class WeightSerializer(StrictSerializer):
    """Today's weight in kg, and the height where the patient has none."""

    weight_kg = StrictDecimalField(max_digits=5, decimal_places=1, min_value=20, max_value=350)
    height_cm = StrictDecimalField(
        max_digits=4, decimal_places=1, min_value=100, max_value=230, required=False
    )
    weighed_at = InstantField(required=False)


class SecondWeightSerializer(StrictSerializer):
    """The second weighing."""

    weight_kg = StrictDecimalField(max_digits=5, decimal_places=1, min_value=20, max_value=350)


class WeightCorrectionSerializer(StrictSerializer):
    """The right weight of a record whose pump has run, and how it came to be wrong."""

    weight_kg = StrictDecimalField(max_digits=5, decimal_places=1, min_value=20, max_value=350)
    reason = StrictCharField(max_length=200)


class CredentialsSerializer(StrictSerializer):
    """A second person identifies with their own password, in this request only."""

    email = serializers.EmailField()
    password = serializers.CharField(trim_whitespace=False, max_length=128, write_only=True)


class OrderSerializer(StrictSerializer):
    """The prescriber's order. Default dose: the protocol's for today's weight."""

    ordered_mg = StrictDecimalField(
        max_digits=5, decimal_places=1, min_value=Decimal("0.5"), max_value=200, required=False
    )
    bag_mg_per_ml = StrictDecimalField(
        max_digits=6, decimal_places=3, min_value=Decimal("0.1"), max_value=100
    )
    low_reason = serializers.ChoiceField(choices=list(COMPROMISES["low_dose"]), required=False)
    minutes = StrictIntegerField(min_value=30, max_value=100, required=False)
    short_reason = serializers.ChoiceField(choices=list(COMPROMISES["short"]), required=False)
    route = serializers.ChoiceField(choices=list(ROUTES), required=False)
    route_reason = serializers.ChoiceField(choices=list(COMPROMISES["route"]), required=False)
    second_person = CredentialsSerializer(required=False)


class CheckSerializer(StrictSerializer):
    """One answer before the start."""

    kind = StrictCharField(max_length=30)
    outcome = serializers.ChoiceField(choices=PreInfusionCheck.Outcome.choices)
    note = StrictCharField(max_length=200, required=False, allow_blank=True)
    reason_code = serializers.ChoiceField(choices=NOT_APPLICABLE_CHOICES, required=False)
    ate_at = InstantField(required=False)
    drank_at = InstantField(required=False)
    observed_at = InstantField(required=False)


class CriterionSerializer(StrictSerializer):
    """One discharge criterion as observed: an outcome, or a coded value from which the outcome follows."""

    criterion = StrictCharField(max_length=24)
    outcome = serializers.ChoiceField(choices=CriterionResult.Outcome.choices, required=False)
    value = StrictCharField(max_length=30, required=False)
    detail = StrictCharField(max_length=200, required=False, allow_blank=True)
    observed_at = InstantField(required=False)


class BaselineSerializer(StrictSerializer):
    """How something is before the start, as a coded value."""

    criterion = StrictCharField(max_length=24)
    value = StrictCharField(max_length=30)


class DelaySerializer(StrictSerializer):
    """The delay a prescriber states where no model covers the patient; 0 is allowed, with a reason."""

    stated_delay_hours = StrictDecimalField(max_digits=4, decimal_places=1, min_value=0, max_value=72)
    stated_delay_reason = StrictCharField(max_length=200)


class MeasuredLevelSerializer(serializers.ModelSerializer[MeasuredLevel]):
    """One measured level, ng/mL; struck ones included."""

    class Meta:
        model = MeasuredLevel
        fields = ("code", "observed_at", "ketamine_ng_ml", "entered_at", "withdrawn_at", "withdrawn_reason")
        read_only_fields = fields


class LevelSerializer(StrictSerializer):
    """A measured plasma level, ng/mL, at the time the blood was drawn."""

    ketamine_ng_ml = StrictDecimalField(max_digits=7, decimal_places=1, min_value=0, max_value=5000)
    observed_at = InstantField()


class AdverseEventSerializer(serializers.ModelSerializer[AdverseEvent]):
    """One adverse event."""

    class Meta:
        model = AdverseEvent
        fields = (
            "code", "kind", "severity", "observed_at", "entered_at", "note", "resolved_at", "withdrawn_at",
            "withdrawn_reason",
        )  # fmt: skip
        read_only_fields = fields


class AdverseEventCreateSerializer(StrictSerializer):
    """Something untoward."""

    kind = serializers.ChoiceField(choices=list(ADVERSE_EVENTS.items()))
    severity = serializers.ChoiceField(choices=AdverseEvent.Severity.choices)
    note = StrictCharField(max_length=500, required=False, allow_blank=True)
    pauses_later = StrictBooleanField(required=False)
    observed_at = InstantField(required=False)


class EstimateSerializer(serializers.ModelSerializer[ClearanceEstimate]):
    """What the model said, with every input. An estimate, not a measurement."""

    class Meta:
        model = ClearanceEstimate
        fields = (
            "generation", "model", "threshold_ng_ml", "inputs", "provisional", "withheld", "aborted", "never_above",
            "p5_at",
            "p50_at", "p95_at", "t_pk", "cmax_p50_ng_ml", "delivered_mg", "warnings", "computed_at", "superseded_at",
        )  # fmt: skip
        read_only_fields = fields


class SignOffSerializer(StrictSerializer):
    """What the signer states. `password` is the caller's own, checked again for this act."""

    password = serializers.CharField(trim_whitespace=False, max_length=128, write_only=True)
    identity_checked = StrictBooleanField()
    unmet_reason = StrictCharField(max_length=300, required=False, allow_blank=True)
    second_person = CredentialsSerializer(required=False)
    late_reason = StrictCharField(max_length=200, required=False, allow_blank=True)
    opens_window = StrictBooleanField(required=False, allow_null=True)
    no_window_reason = StrictCharField(max_length=200, required=False, allow_blank=True)
    override_to = InstantField(required=False, allow_null=True)
    override_code = StrictCharField(max_length=30, required=False, allow_blank=True)
    override_reason = StrictCharField(max_length=200, required=False, allow_blank=True)
    stated_delay_hours = StrictDecimalField(
        max_digits=4, decimal_places=1, min_value=0, max_value=72, required=False, allow_null=True
    )
    stated_delay_reason = StrictCharField(max_length=200, required=False, allow_blank=True)

    def validate_identity_checked(self, value: bool) -> bool:
        """Two identifiers are checked with the patient, or nothing is signed."""
        if not value:
            raise serializers.ValidationError(
                "Check name and date of birth with the patient.", code="identity"
            )
        return value


class SignAgainSerializer(SignOffSerializer):
    """The signature after a correction, or for another therapy time.

    What the earlier one stated to keep therapy away (no window, a later therapy time) stands unless this one states
    something else; nothing else of it is carried over.
    """

    reason = StrictCharField(max_length=200)
