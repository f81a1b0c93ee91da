"""`/api/v1/appointments/`: booked visits, and what may be done with one. Every change needs If-Match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from scheduling.access import get_appointment_for
from scheduling.api.moves import AppointmentMoves
from scheduling.models import Appointment
from scheduling.serializers_booking import (
    AppointmentSerializer,
    CancelSerializer,
    CheckInSerializer,
    MoveSerializer,
    NoShowSerializer,
    OmitSerializer,
)
from scheduling.services import visits as visit_service
from scheduling.services.recall import recall_words
from staff.access import require
from staff.api import ServiceViewSet, checked, etag, expected_version
from staff.clock import app_now


def visit_answer(visit: Appointment, status: int = 200) -> Response:
    """One visit with its ETag, as it is now."""
    fresh = Appointment.objects.for_page().get(pk=visit.pk)
    body = AppointmentSerializer(fresh).data
    return Response(body, status=status, headers={"ETag": etag(fresh.code, fresh.version)})


class AppointmentFilter(django_filters.FilterSet):
    """By patient, site and series (codes), kind, status, and time of start."""

    patient = django_filters.UUIDFilter(field_name="patient__code")
    site = django_filters.UUIDFilter(field_name="site__code")
    series = django_filters.UUIDFilter(field_name="series__code")
    kind = django_filters.ChoiceFilter(choices=Appointment.Kind.choices)
    status = django_filters.MultipleChoiceFilter(choices=Appointment.Status.choices)
    starts_from = django_filters.IsoDateTimeFilter(field_name="during__startswith", lookup_expr="gte")
    starts_until = django_filters.IsoDateTimeFilter(field_name="during__startswith", lookup_expr="lt")


class AppointmentViewSet(AppointmentMoves, ServiceViewSet):
    """Booked visits of patients whom the caller may see."""

    serializer_class = AppointmentSerializer
    filterset_class = AppointmentFilter

    def get_queryset(self) -> QuerySet[Appointment]:
        """Only what the caller may see."""
        found: QuerySet[Appointment] = Appointment.objects.visible_to(self.user).for_page()
        return found

    def list(self, request: Request) -> Response:
        """A page of visits, latest booked first."""
        require(request.user, "appointment.view")
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(AppointmentSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One visit, with an ETag."""
        return visit_answer(get_appointment_for(self.user, code))

    @extend_schema(request=MoveSerializer, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, code: str) -> Response:
        """Another time; siblings stay. Every rule is asked again."""

        def do(visit: Appointment, data: dict[str, Any], version: int) -> Appointment:
            named: dict[str, Any] = {
                name: str(data.pop(name)) for name in ("chair", "nurse", "prescriber") if name in data
            }
            return visit_service.move_visit(
                appointment=visit, by=self.user, expected_version=version, **named, **data
            )

        return self._change(request, code, MoveSerializer, do, "appointment.move")

    @extend_schema(request=CancelSerializer, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, code: str) -> Response:
        """Take the visit off the calendar; the infusion still has to be given."""
        return self._change(
            request, code, CancelSerializer, self._by(visit_service.cancel_visit), "appointment.move"
        )

    @extend_schema(request=OmitSerializer, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"])
    def omit(self, request: Request, code: str) -> Response:
        """Skip this infusion."""
        return self._change(request, code, OmitSerializer, self._by(visit_service.omit_visit), "series.book")

    @extend_schema(request=NoShowSerializer, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"], url_path="no-show")
    def no_show(self, request: Request, code: str) -> Response:
        """The patient did not come."""
        return self._change(
            request, code, NoShowSerializer, self._by(visit_service.mark_no_show), "appointment.move"
        )

    @extend_schema(request=CheckInSerializer, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"], url_path="check-in")
    def check_in(self, request: Request, code: str) -> Response:
        """The patient is here: the infusion record is opened and linked."""

        def do(visit: Appointment, data: dict[str, Any], version: int) -> Appointment:
            visit_service.check_in(appointment=visit, by=self.user, expected_version=version, **data)
            return visit

        return self._change(request, code, CheckInSerializer, do, "appointment.check_in")

    def _by(
        self, service: Callable[..., Appointment]
    ) -> Callable[[Appointment, dict[str, Any], int], Appointment]:
        """A service as an act of the caller."""

        def do(visit: Appointment, data: dict[str, Any], version: int) -> Appointment:
            return service(appointment=visit, by=self.user, expected_version=version, **data)

        return do

    def _change(
        self,
        request: Request,
        code: str,
        serializer: type[BaseSerializer[Any]],
        do: Callable[[Appointment, dict[str, Any], int], Appointment],
        wanted: str,
    ) -> Response:
        visit = get_appointment_for(self.user, code, action=wanted)
        version = expected_version(request, visit.code)
        after = do(visit, dict(checked(serializer(data=request.data))), version)
        answer = visit_answer(after)
        if told := recall_words(after, at=app_now()):
            answer.headers["X-Too-Late-To-Recall"] = told
        return answer
