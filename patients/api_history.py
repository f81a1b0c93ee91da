"""`/api/v1/patients/{code}/prior-exposures/` and `contraindications/`: what is known from before. No delete."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patients import services
from patients.access import get_contraindication_for, get_patient_for
from patients.contraindications import KINDS
from patients.models import Contraindication, PriorExposure
from staff.api import (
    ServiceViewSet,
    StrictCharField,
    StrictDateField,
    StrictDecimalField,
    StrictIntegerField,
    StrictSerializer,
    checked,
)


class PriorExposureSerializer(serializers.ModelSerializer[PriorExposure]):
    """Ketamine or esketamine given elsewhere. A null day or amount is not known."""

    class Meta:
        model = PriorExposure
        fields = ("route", "count", "first_on", "last_on", "total_mg", "source", "recorded_at")
        read_only_fields = fields


class PriorExposureCreateSerializer(StrictSerializer):
    """It counts in numbering, gaps and lifetime exposure."""

    route = serializers.ChoiceField(choices=[(name, name) for name in PriorExposure.ROUTES])
    count = StrictIntegerField(min_value=1, max_value=services.MOST_TREATMENTS)
    first_on = StrictDateField(required=False, allow_null=True)
    last_on = StrictDateField(required=False, allow_null=True)
    total_mg = StrictDecimalField(max_digits=8, decimal_places=1, required=False, allow_null=True)
    source = StrictCharField(max_length=200)  # type: ignore[assignment]  # a field called as an attribute of Field


class ContraindicationSerializer(serializers.ModelSerializer[Contraindication]):
    """What speaks against treatment; `resolved_at` null while it applies."""

    class Meta:
        model = Contraindication
        fields = ("kind", "severity", "note", "recorded_at", "resolved_at")
        read_only_fields = fields


class ContraindicationCreateSerializer(StrictSerializer):
    """`severity` left out: the usual weight of its kind."""

    kind = serializers.ChoiceField(choices=sorted(KINDS))
    severity = serializers.ChoiceField(choices=Contraindication.Severity.choices, required=False, default="")
    note = StrictCharField(max_length=300, required=False, allow_blank=True, default="")


class ResolveSerializer(StrictSerializer):
    """Why it no longer applies."""

    reason = StrictCharField(max_length=300)


class HistoryActions(ServiceViewSet):
    """What `/patients/{code}/` says and takes of the time before."""

    @extend_schema(methods=["GET"], responses=PriorExposureSerializer(many=True), filters=False)
    @extend_schema(
        methods=["POST"], request=PriorExposureCreateSerializer, responses={201: PriorExposureSerializer}
    )
    @action(detail=True, methods=["get", "post"], url_path="prior-exposures", pagination_class=None)
    def prior_exposures(self, request: Request, code: str) -> Response:
        """Treatment elsewhere, newest entry first; or record one. The same one twice is 409: nothing counts double."""
        if request.method == "GET":
            patient = get_patient_for(self.user, code)
            return Response(PriorExposureSerializer(patient.prior_exposures.all(), many=True).data)
        patient = get_patient_for(self.user, code, action="patient.edit")
        data: dict[str, Any] = checked(PriorExposureCreateSerializer(data=request.data))
        made = services.record_prior_exposure(patient=patient, by=self.user, **data)
        return Response(PriorExposureSerializer(made).data, status=201)

    @extend_schema(methods=["GET"], responses=ContraindicationSerializer(many=True), filters=False)
    @extend_schema(
        methods=["POST"],
        request=ContraindicationCreateSerializer,
        responses={201: ContraindicationSerializer},
    )
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def contraindications(self, request: Request, code: str) -> Response:
        """All that was ever recorded, newest first; or record one. 409 while one of its kind is open."""
        if request.method == "GET":
            patient = get_patient_for(self.user, code)
            return Response(ContraindicationSerializer(patient.contraindications.all(), many=True).data)
        patient = get_patient_for(self.user, code, action="patient.edit")
        data: dict[str, Any] = checked(ContraindicationCreateSerializer(data=request.data))
        made = services.record_contraindication(patient=patient, by=self.user, **data)
        return Response(ContraindicationSerializer(made).data, status=201)

    @extend_schema(request=ResolveSerializer, responses=ContraindicationSerializer)
    @action(detail=True, methods=["post"], url_path=r"contraindications/(?P<kind>[a-z_]{1,40})/resolve")
    def resolve_contraindication(self, request: Request, code: str, kind: str) -> Response:
        """The open one of this kind no longer applies; it stays in the record. 404 when none is open."""
        patient = get_patient_for(self.user, code, action="patient.edit")
        item = get_contraindication_for(self.user, patient, kind)
        data = checked(ResolveSerializer(data=request.data))
        closed = services.resolve_contraindication(contraindication=item, by=self.user, **data)
        return Response(ContraindicationSerializer(closed).data)
