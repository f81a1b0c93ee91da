"""`/api/v1/timelines/{patient}/`: everything that has happened to a patient, newest first, as their page has it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from patients.access import get_patient_for
from patients.models import Patient
from scheduling.timeline import PARTS, patient_timeline
from staff.api import ServiceViewSet
from staff.clock import app_now
from staff.strict import parse_instant


class TimelineMomentSerializer(serializers.Serializer[Any]):
    """One entry. `url` is the page that shows more, empty where the caller may not read it."""

    at = serializers.DateTimeField(read_only=True)
    kind = serializers.ChoiceField(choices=list(PARTS), read_only=True)
    title = serializers.CharField(read_only=True)
    text = serializers.CharField(read_only=True)
    mark = serializers.CharField(source="chip", read_only=True)
    url = serializers.CharField(read_only=True)


class TimelineSerializer(serializers.Serializer[Any]):
    """One page. `before`: ask for what is older with this; null at the beginning of the story."""

    moments = TimelineMomentSerializer(many=True, read_only=True)
    before = serializers.DateTimeField(allow_null=True, read_only=True)


class TimelineViewSet(ServiceViewSet):
    """Read only; each kind of entry only for who may read it elsewhere."""

    serializer_class = TimelineSerializer
    pagination_class = None
    filter_backends = ()
    queryset = Patient.objects.none()

    @extend_schema(
        parameters=[OpenApiParameter("before", OpenApiTypes.DATETIME)], responses=TimelineSerializer
    )
    def retrieve(self, request: Request, code: str) -> Response:
        """A page of it: up to now, or earlier than `before` (exclusive, with its offset from UTC)."""
        patient = get_patient_for(self.user, code, action="patient.view")
        given = request.query_params.get("before")
        before = None if given is None else parse_instant(given, field="before")
        return Response(TimelineSerializer(patient_timeline(patient, self.user, app_now(), before)).data)


def timeline_routes(router: BaseRouter) -> None:
    """Register it."""
    router.register("timelines", TimelineViewSet, basename="timeline")
