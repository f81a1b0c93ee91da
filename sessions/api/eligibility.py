"""Signed eligibility checklists: listed, signed (with the password given again), withdrawn."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from protocols.models import ProtocolVersion
from protocols.signing import require_signature
from sessions import services
from sessions.access import get_eligibility_for
from sessions.api.patient_facts import PatientFactViewSet
from sessions.models import EligibilitySignOff
from staff.api import StrictCharField, StrictSerializer, checked
from staff.errors import InvalidInput


class EligibilitySerializer(serializers.ModelSerializer[EligibilitySignOff]):
    """A signature under a version's checklist."""

    patient = serializers.UUIDField(source="patient.code", read_only=True)
    protocol_version = serializers.UUIDField(source="protocol_version.code", read_only=True)
    signed_by = serializers.UUIDField(source="signed_by.code", read_only=True)

    class Meta:
        model = EligibilitySignOff
        fields = (
            "code", "patient", "protocol_version", "answers", "accepted", "reason", "signed_at", "signed_by",
            "signed_name", "withdrawn_at", "withdrawn_reason", "superseded_at",
        )  # fmt: skip
        read_only_fields = fields


class EligibilityCreateSerializer(StrictSerializer):
    """Every line of the checklist, by code: absent, or accepted (a caution, with a reason)."""

    patient = serializers.UUIDField()
    protocol_version = serializers.UUIDField()
    answers = serializers.DictField(child=StrictCharField(max_length=10))
    reason = StrictCharField(max_length=300, required=False, allow_blank=True, default="")


class EligibilityWithdrawSerializer(StrictSerializer):
    """Why it no longer holds."""

    reason = StrictCharField(max_length=300)


class EligibilityViewSet(PatientFactViewSet):
    """Eligibility checklists as prescribers signed them."""

    model = EligibilitySignOff
    route = "eligibility"
    related = ("patient", "protocol_version", "signed_by")
    serializer_class = EligibilitySerializer

    def retrieve(self, request: Request, code: str) -> Response:
        """One signature."""
        return Response(EligibilitySerializer(get_eligibility_for(self.user, code)).data)

    @extend_schema(request=EligibilityCreateSerializer, responses={201: EligibilitySerializer})
    def create(self, request: Request) -> Response:
        """Sign a checklist. 403 unless the password was given again in this browser session."""

        def do(patient: Any, data: dict[str, Any]) -> EligibilitySignOff:
            require_signature(request)
            version = ProtocolVersion.objects.filter(code=data.pop("protocol_version")).first()
            if version is None:
                raise InvalidInput(
                    "There is no version with this code.", code="unknown-version", field="protocol_version"
                )
            return services.sign_eligibility(patient=patient, version=version, by=self.user, **data)

        return self.add(request, EligibilityCreateSerializer, "infusion.order", do)

    @extend_schema(request=EligibilityWithdrawSerializer, responses=EligibilitySerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, code: str) -> Response:
        """Take it back. Repeating it changes nothing."""
        signed = get_eligibility_for(self.user, code, action="infusion.order")
        data = checked(EligibilityWithdrawSerializer(data=request.data))
        return Response(
            EligibilitySerializer(services.withdraw_eligibility(sign_off=signed, by=self.user, **data)).data
        )
