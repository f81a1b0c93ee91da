"""`/api/v1/exposures/{patient}/`: what of the drug a patient has had in their life, as their page has it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from patients.access import get_patient_for
from patients.models import Patient
from scheduling.exposure import exposure_at
from staff.access import require
from staff.api import ServiceViewSet
from staff.clock import app_now


class ExposureSerializer(serializers.Serializer[Any]):
    """Counts of treatments, `mg` known in all, `unknown` treatments without an amount. `escalating`: why it counts as
    escalating, one sentence each; empty when it does not. `per_month`: infusions here in 30 days, null for one or none.
    """

    total = serializers.IntegerField(read_only=True)
    here = serializers.IntegerField(read_only=True)
    elsewhere = serializers.IntegerField(read_only=True)
    last_year = serializers.IntegerField(read_only=True)
    mg = serializers.DecimalField(max_digits=12, decimal_places=2, read_only=True)
    unknown = serializers.IntegerField(read_only=True)
    per_month = serializers.DecimalField(max_digits=6, decimal_places=1, allow_null=True, read_only=True)
    trend = serializers.ListField(child=serializers.CharField(), read_only=True)
    escalating = serializers.ListField(source="reasons", child=serializers.CharField(), read_only=True)


class ExposureViewSet(ServiceViewSet):
    """Read only."""

    serializer_class = ExposureSerializer
    pagination_class = None
    filter_backends = ()
    queryset = Patient.objects.none()

    @extend_schema(responses=ExposureSerializer)
    def retrieve(self, request: Request, code: str) -> Response:
        """The card of one patient."""
        require(request.user, "follow_up.view")
        patient = get_patient_for(self.user, code, action="patient.view")
        return Response(ExposureSerializer(exposure_at(patient, app_now())).data)


def exposure_routes(router: BaseRouter) -> None:
    """Register it."""
    router.register("exposures", ExposureViewSet, basename="exposure")
