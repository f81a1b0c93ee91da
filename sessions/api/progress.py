"""`/api/v1/night-reports/` and `/api/v1/progress-reports/`: listed, and added once per Idempotency-Key."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from sessions import services
from sessions.access import get_infusion_for
from sessions.api.patient_facts import PatientFactViewSet
from sessions.models import NightReport, ProgressReport
from sessions.serializers_progress import (
    NightReportCreateSerializer,
    NightReportSerializer,
    ProgressReportCreateSerializer,
    ProgressReportSerializer,
)
from staff.access import require
from staff.api import checked, idempotent


class NightReportViewSet(PatientFactViewSet):
    """Hours slept and quality of the first two nights after an infusion."""

    model = NightReport
    route = "night-reports"
    related = ("patient", "infusion")
    serializer_class = NightReportSerializer

    @extend_schema(request=NightReportCreateSerializer, responses={201: NightReportSerializer})
    def create(self, request: Request) -> Response:
        """Record one night; a different answer for the same night supersedes the one before it."""
        require(request.user, "follow_up.complete")
        data = checked(NightReportCreateSerializer(data=request.data))
        infusion = get_infusion_for(self.user, data.pop("infusion"), action="follow_up.complete")

        def act() -> Response:
            stored = services.record_night(infusion=infusion, by=self.user, **data)
            return Response(NightReportSerializer(stored).data, status=201)

        return idempotent(request, self.route, act)


class ProgressReportViewSet(PatientFactViewSet):
    """Function, practice days and own goal."""

    model = ProgressReport
    route = "progress-reports"
    serializer_class = ProgressReportSerializer

    @extend_schema(request=ProgressReportCreateSerializer, responses={201: ProgressReportSerializer})
    def create(self, request: Request) -> Response:
        """Record daily life."""

        def do(patient: Any, data: dict[str, Any]) -> ProgressReport:
            return services.record_progress(patient=patient, by=self.user, **data)

        return self.add(request, ProgressReportCreateSerializer, "follow_up.complete", do)
