"""Corrections of one line of a pump log. If-Match carries the ETag of the infusion record."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sessions import services
from sessions.access import get_pump_event_for
from sessions.models import PumpEvent
from sessions.serializers import PumpEventAmendSerializer, PumpEventSerializer, ReasonSerializer
from staff.api import ServiceViewSet, checked, expected_version


class PumpEventViewSet(ServiceViewSet):
    """One line of a pump log."""

    serializer_class = PumpEventSerializer

    def get_queryset(self) -> QuerySet[PumpEvent]:
        """Only what the caller may see."""
        found: QuerySet[PumpEvent] = PumpEvent.objects.visible_to(self.user)
        return found

    def retrieve(self, request: Request, code: str) -> Response:
        """One line."""
        return Response(PumpEventSerializer(get_pump_event_for(self.user, code, action="infusion.view")).data)

    @extend_schema(request=PumpEventAmendSerializer, responses=PumpEventSerializer)
    @action(detail=True, methods=["post"])
    def amend(self, request: Request, code: str) -> Response:
        """Correct it, also after signing; the old line stays readable."""
        return self._correct(request, code, PumpEventAmendSerializer, services.amend_pump_event)

    @extend_schema(request=ReasonSerializer, responses=PumpEventSerializer)
    @action(detail=True, methods=["post"])
    def strike(self, request: Request, code: str) -> Response:
        """Take it out of the log."""
        return self._correct(request, code, ReasonSerializer, services.strike_pump_event)

    def _correct(self, request: Request, code: str, body: type[Any], do: Any) -> Response:
        event = get_pump_event_for(self.user, code)
        version = expected_version(request, event.infusion.code)
        data = checked(body(data=request.data))
        return Response(
            PumpEventSerializer(do(event=event, by=self.user, expected_version=version, **data)).data
        )
