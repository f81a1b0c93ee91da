"""The preparation visit of a series over the API: booked, held, given back."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.access import get_series_for
from scheduling.models import Appointment, TreatmentSeries
from scheduling.services import preparation as service
from sessions.models import PreparationRecord
from sessions.services import PreparationText
from staff.api import InstantField, StrictCharField, StrictIntegerField, StrictSerializer, checked
from staff.errors import InvalidInput
from staff.models import User


class PreparationBookSerializer(StrictSerializer):
    """When, and with whom (code of the therapist)."""

    start = InstantField()
    therapist = serializers.UUIDField()


class PreparationHeldSerializer(StrictSerializer):
    """What the visit agreed."""

    practice_plan = StrictCharField(max_length=4000)
    practice_when = StrictCharField(max_length=200, required=False, default="", allow_blank=True)
    practice_a_week = StrictIntegerField(min_value=1, max_value=42, required=False, default=None)
    goals = StrictCharField(max_length=4000, required=False, default="", allow_blank=True)
    expectations = StrictCharField(max_length=4000, required=False, default="", allow_blank=True)
    outside_therapist = StrictCharField(max_length=200, required=False, default="", allow_blank=True)


class SeriesPreparation:
    """For the series viewset."""

    user: User

    @extend_schema(methods=["get"], responses=OpenApiTypes.OBJECT)
    @extend_schema(methods=["post"], request=PreparationBookSerializer, responses={201: OpenApiTypes.OBJECT})
    @extend_schema(methods=["delete"], request=None, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get", "post", "delete"])
    def preparation(self, request: Request, code: str) -> Response:
        """GET: the visit and what was agreed. POST books it (twice is one booking). DELETE gives the time back."""
        if request.method == "GET":
            return Response(preparation_data(get_series_for(self.user, code)))
        series = get_series_for(self.user, code, action="therapy.book")
        if request.method == "DELETE":
            service.cancel_preparation(series=series, by=self.user)
            return Response(preparation_data(series))
        data = checked(PreparationBookSerializer(data=request.data))
        therapist = User.objects.filter(code=data["therapist"], is_active=True).first()
        if therapist is None:
            raise InvalidInput("There is nobody with this code.", code="unknown-person", field="therapist")
        service.book_preparation(series=series, start=data["start"], therapist=therapist, by=self.user)
        return Response(preparation_data(series), status=201)

    @extend_schema(request=PreparationHeldSerializer, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"], url_path="preparation/held")
    def preparation_held(self, request: Request, code: str) -> Response:
        """It was held: what was agreed. The same twice is stored once."""
        series = get_series_for(self.user, code, action="therapy.conduct")
        data = checked(PreparationHeldSerializer(data=request.data))
        service.hold_preparation(series=series, text=PreparationText(**data), by=self.user)
        return Response(preparation_data(series), status=201)


def preparation_data(series: TreatmentSeries) -> dict[str, object]:
    """The visit (null while none is booked) and the latest record of what was agreed."""
    visit: Appointment | None = service.preparation_of(series)
    record = PreparationRecord.objects.filter(course=series.code).select_related("therapist").first()
    names = (
        "goals",
        "practice_plan",
        "practice_when",
        "practice_a_week",
        "expectations",
        "outside_therapist",
    )
    return {
        "visit": None
        if visit is None
        else {
            "code": str(visit.code),
            "status": visit.status,
            "start": visit.during.lower,
            "end": visit.during.upper,
            "therapist": str(visit.practitioner.code) if visit.practitioner else None,
        },
        "record": None
        if record is None
        else {
            "held_at": record.held_at,
            "therapist": str(record.therapist.code),
            **{name: getattr(record, name) for name in names},
        },
    }
