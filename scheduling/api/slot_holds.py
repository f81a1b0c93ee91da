"""`/api/v1/set-aside-visits/`: visits that may not take place, and what somebody decides."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.access import get_appointment_for
from scheduling.api.replan import site_named
from scheduling.serializers_booking import AppointmentSerializer, NothingSerializer
from scheduling.services import answers
from scheduling.services.recall import recall_words
from scheduling.waitlist_pages import aside_of
from staff.access import require
from staff.api import ServiceViewSet, checked, expected_version
from staff.clock import app_now


class SetAsideVisitViewSet(ServiceViewSet):
    """Visits of the caller's sites whose time is set aside for the waitlist."""

    @extend_schema(parameters=[OpenApiParameter("site", OpenApiTypes.UUID)], responses=OpenApiTypes.OBJECT)
    def list(self, request: Request) -> Response:
        """Soonest first, with what was answered."""
        require(request.user, "appointment.view")
        site = site_named(request.query_params.get("site", ""), self.user)
        return Response({"results": [_line(row) for row in aside_of(site, self.user, app_now())]})

    @extend_schema(request=NothingSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    def keep(self, request: Request, code: str) -> Response:
        """The visit takes place. Twice is harmless."""
        visit = get_appointment_for(self.user, code, action="appointment.move")
        checked(NothingSerializer(data=request.data))
        return Response({"visit": str(visit.code), "kept": answers.keep_visit(visit=visit, by=self.user)})

    @extend_schema(request=NothingSerializer, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"], url_path="let-go")
    def let_go(self, request: Request, code: str) -> Response:
        """Take the visit off the calendar (If-Match with its version); its time is offered to whoever waits."""
        visit = get_appointment_for(self.user, code, action="appointment.move")
        version = expected_version(request, visit.code)
        checked(NothingSerializer(data=request.data))
        gone = answers.let_visit_go(visit=visit, by=self.user, expected_version=version)
        answer = Response(AppointmentSerializer(gone).data)
        if told := recall_words(gone, at=app_now()):
            answer.headers["X-Too-Late-To-Recall"] = told
        return answer


def _line(row: dict[str, Any]) -> dict[str, Any]:
    slot = row["slot"]
    return {
        "visit": str(slot.visit.code),
        "patient": str(slot.visit.patient.code),
        "chair": slot.resource.name,
        "start": slot.during.lower.isoformat(),
        "end": slot.during.upper.isoformat(),
        "answer": row["said"],
        "set_aside_at": slot.freed_at.isoformat(),
        "version": slot.visit.version,
    }
