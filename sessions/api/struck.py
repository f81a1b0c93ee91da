"""Measured levels and adverse events taken out because they were entered by mistake. If-Match: the record's ETag."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sessions import services
from sessions.access import get_adverse_event_for, get_level_for
from sessions.models import AdverseEvent, MeasuredLevel
from sessions.serializers import AdverseEventSerializer, MeasuredLevelSerializer, ReasonSerializer
from staff.api import ServiceViewSet, checked, expected_version


class MeasuredLevelViewSet(ServiceViewSet):
    """One measured level."""

    serializer_class = MeasuredLevelSerializer

    def get_queryset(self) -> QuerySet[Any]:
        """Only what the caller may see."""
        return MeasuredLevel.objects.visible_to(self.user)

    def retrieve(self, request: Request, code: str) -> Response:
        """One level."""
        return Response(MeasuredLevelSerializer(get_level_for(self.user, code, action="infusion.view")).data)

    @extend_schema(request=ReasonSerializer, responses=MeasuredLevelSerializer)
    @action(detail=True, methods=["post"])
    def strike(self, request: Request, code: str) -> Response:
        """Take it out, also after signing; a therapy time that rested on it holds no longer."""
        level = get_level_for(self.user, code, action="infusion.amend")
        version = expected_version(request, level.infusion.code)
        data = checked(ReasonSerializer(data=request.data))
        struck = services.strike_measured_level(level=level, by=self.user, expected_version=version, **data)
        return Response(MeasuredLevelSerializer(struck).data)


class AdverseEventViewSet(ServiceViewSet):
    """One adverse event."""

    serializer_class = AdverseEventSerializer

    def get_queryset(self) -> QuerySet[Any]:
        """Only what the caller may see."""
        return AdverseEvent.objects.visible_to(self.user)

    def retrieve(self, request: Request, code: str) -> Response:
        """One adverse event."""
        return Response(
            AdverseEventSerializer(get_adverse_event_for(self.user, code, action="infusion.view")).data
        )

    @extend_schema(request=ReasonSerializer, responses=AdverseEventSerializer)
    @action(detail=True, methods=["post"])
    def strike(self, request: Request, code: str) -> Response:
        """Take it out; without an infiltrated line the clearance is estimated again."""
        event = get_adverse_event_for(self.user, code, action="infusion.amend")
        version = expected_version(request, event.infusion.code)
        data = checked(ReasonSerializer(data=request.data))
        struck = services.strike_adverse_event(event=event, by=self.user, expected_version=version, **data)
        return Response(AdverseEventSerializer(struck).data)
