"""`/api/v1/series/`: the same services and the same refusals as the pages.

Booking needs Idempotency-Key; changing what is booked needs If-Match. There is no delete.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from patients.access import get_patient_for
from protocols.models import ProtocolVersion
from scheduling.access import get_series_for
from scheduling.api.appointments import AppointmentViewSet, visit_answer
from scheduling.api.clinic_outcomes import ClinicOutcomeViewSet
from scheduling.api.compromises import CompromiseViewSet
from scheduling.api.course_reviews import SeriesReviews
from scheduling.api.moves import SeriesMoves
from scheduling.api.preparations import SeriesPreparation
from scheduling.api.replan import AbsenceViewSet, ClosureViewSet, ReplanViewSet, UtilisationViewSet
from scheduling.api.resources import ResourceViewSet
from scheduling.api.switches import SeriesSwitches
from scheduling.api.version_moves import SeriesVersions
from scheduling.api.waitlist import WaitlistViewSet
from scheduling.models import TreatmentSeries
from scheduling.serializers_booking import (
    AppointmentSerializer,
    BookSeriesSerializer,
    EndSeriesSerializer,
    ExtraSerializer,
    LongGapSerializer,
    NothingSerializer,
    PauseSerializer,
    PlanSerializer,
    RebookSerializer,
    SeriesDetailSerializer,
    SeriesSerializer,
    proposal_data,
)
from scheduling.services import series as series_service
from scheduling.services.confirming import confirm_series
from scheduling.services.early import refuse_early
from scheduling.services.holds import release_series
from scheduling.services.long_gaps import approve_long_gap
from scheduling.services.more_visits import book_extra_infusion, rebook_visit
from scheduling.services.pauses import pause_series, resume_series
from scheduling.services.seating import TherapyChoice, VisitChoice
from staff.access import require
from staff.api import ServiceViewSet, checked, etag, expected_version, idempotent
from staff.errors import InvalidInput
from staff.models import User


def version_named(code: UUID) -> ProtocolVersion:
    """The protocol version with this code. Raises InvalidInput."""
    found = ProtocolVersion.objects.select_related("template").filter(code=code).first()
    if found is None:
        raise InvalidInput("There is no such version.", code="unknown-version", field="protocol_version")
    return found


def therapist_named(code: UUID | None, caller: User) -> User | None:
    """The colleague with this code, at one of the caller's sites; None for None. Raises InvalidInput."""
    if code is None:
        return None
    found = User.objects.filter(code=code, is_active=True, sites__in=caller.site_ids()).first()
    if found is None:
        raise InvalidInput("There is nobody with this code.", code="unknown-person", field="therapist")
    return found


def choice_of(data: dict[str, Any], ordinal: int = 0) -> VisitChoice:
    """A visit from a validated body."""
    named = {name: str(data[name]) if data.get(name) else "" for name in ("chair", "nurse", "prescriber")}
    return VisitChoice(data.get("ordinal", ordinal), data["start"], **named)


class SeriesFilter(django_filters.FilterSet):
    """By patient and site (codes) and status."""

    patient = django_filters.UUIDFilter(field_name="patient__code")
    site = django_filters.UUIDFilter(field_name="site__code")
    status = django_filters.MultipleChoiceFilter(choices=TreatmentSeries.Status.choices)


class SeriesViewSet(
    SeriesMoves, SeriesVersions, SeriesReviews, SeriesSwitches, SeriesPreparation, ServiceViewSet
):
    """Series of infusion visits of patients whom the caller may see."""

    serializer_class = SeriesSerializer
    filterset_class = SeriesFilter

    def get_queryset(self) -> QuerySet[TreatmentSeries]:
        """Only what the caller may see."""
        found: QuerySet[TreatmentSeries] = TreatmentSeries.objects.visible_to(self.user).for_page()
        return found

    def list(self, request: Request) -> Response:
        """A page of series, newest first."""
        require(request.user, "series.view")
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(SeriesSerializer(page, many=True).data)

    @extend_schema(responses=SeriesDetailSerializer)
    def retrieve(self, request: Request, code: str) -> Response:
        """One series with its visits, and an ETag."""
        return series_answer(get_series_for(self.user, code))

    @extend_schema(request=PlanSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """The best dates with what would follow. Nothing is written; an impossible series says why."""
        require(request.user, "series.book")
        data = checked(PlanSerializer(data=request.data))
        proposal = series_service.propose_series(
            patient=get_patient_for(self.user, data["patient"], action="series.book"),
            protocol_version=version_named(data["protocol_version"]),
            weight_kg=data["weight_kg"],
            first_day=data["first_day"],
            by=self.user,
            therapist=therapist_named(data.get("therapist"), self.user),
            part_of_day=data["part_of_day"],
            given_elsewhere=data["given_elsewhere"],
        )
        return Response(proposal_data(proposal))

    @extend_schema(request=BookSeriesSerializer, responses={201: SeriesDetailSerializer})
    def create(self, request: Request) -> Response:
        """Book a series: all visits or none. Needs Idempotency-Key. 409 names the visit and what stands in its way."""
        require(request.user, "series.book")

        asked: dict[str, Any] = {}

        def first() -> None:
            """Of fifty who want one chair, forty-nine are told so before anything is written."""
            asked.update(self._asked(request))
            refuse_early(
                asked["patient"], asked["protocol_version"], asked["visits"], asked["therapy"], by=self.user
            )

        def act() -> Response:
            series = series_service.book_series(**asked, by=self.user)
            return series_answer(series, status=201)

        return idempotent(request, "series", act, first=first)

    def _asked(self, request: Request) -> dict[str, Any]:
        """What a body asks to book, as the service takes it."""
        data = checked(BookSeriesSerializer(data=request.data))
        return {
            "patient": get_patient_for(self.user, data["patient"], action="series.book"),
            "protocol_version": version_named(data["protocol_version"]),
            "weight_kg": data["weight_kg"],
            "visits": [choice_of(item) for item in data["visits"]],
            "therapy": [
                TherapyChoice(item["ordinal"], item["kind"], item["start"], str(item["therapist"]))
                for item in data.get("therapy", [])
            ],
            "therapist": therapist_named(data.get("therapist"), self.user),
            "caution_reason": data["caution_reason"],
            "hold_minutes": data["hold_minutes"],
            "close_reason": data["close_reason"],
            "long_gaps": {item["ordinal"]: item["max_hours"] for item in data.get("long_gaps", [])},
            "long_gap_reason": " ".join(item["reason"] for item in data.get("long_gaps", [])),
        }

    @extend_schema(request=NothingSerializer, responses=SeriesDetailSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, code: str) -> Response:
        """Turn reserved slots into bookings, in time."""
        series = get_series_for(self.user, code, action="series.book")
        checked(NothingSerializer(data=request.data))
        return series_answer(confirm_series(series=series, by=self.user))

    @extend_schema(request=NothingSerializer, responses=SeriesDetailSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, code: str) -> Response:
        """Give reserved slots back."""
        series = get_series_for(self.user, code, action="series.book")
        checked(NothingSerializer(data=request.data))
        return series_answer(release_series(series=series, by=self.user))

    @extend_schema(request=EndSeriesSerializer, responses=SeriesDetailSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, code: str) -> Response:
        """End a series early; what follows infusions already given goes on."""
        series = get_series_for(self.user, code, action="series.end")
        version = expected_version(request, series.code)
        data = checked(EndSeriesSerializer(data=request.data))
        return series_answer(
            series_service.end_series(series=series, by=self.user, expected_version=version, **data)
        )

    @extend_schema(request=PauseSerializer, responses=SeriesDetailSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, code: str) -> Response:
        """Pause an active series, with a day on which somebody looks at it again."""
        series = get_series_for(self.user, code, action="series.end")
        version = expected_version(request, series.code)
        data = checked(PauseSerializer(data=request.data))
        return series_answer(pause_series(series=series, by=self.user, expected_version=version, **data))

    @extend_schema(request=NothingSerializer, responses=SeriesDetailSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, code: str) -> Response:
        """Go on; visits that no longer fit have lost their date."""
        series = get_series_for(self.user, code, action="series.end")
        version = expected_version(request, series.code)
        checked(NothingSerializer(data=request.data))
        return series_answer(resume_series(series=series, by=self.user, expected_version=version)[0])

    @extend_schema(request=LongGapSerializer, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"], url_path="long-gaps")
    def long_gaps(self, request: Request, code: str) -> Response:
        """A prescriber allows one longer gap, within what the version permits. Needs Idempotency-Key."""
        series = get_series_for(self.user, code, action="infusion.order")

        def act() -> Response:
            data = checked(LongGapSerializer(data=request.data))
            item = approve_long_gap(series=series, by=self.user, **data)
            body = {"code": str(item.code), "ordinal": item.ordinal, "max_hours": item.max_hours}
            return Response(body, status=201)

        return idempotent(request, f"series-long-gaps:{series.code}", act)

    @extend_schema(request=RebookSerializer, responses={201: AppointmentSerializer})
    @action(detail=True, methods=["post"])
    def visits(self, request: Request, code: str) -> Response:
        """A date for an infusion that has none (cancelled, not attended). Needs Idempotency-Key."""
        series = get_series_for(self.user, code, action="series.book")

        def act() -> Response:
            data = checked(RebookSerializer(data=request.data))
            visit = rebook_visit(
                series=series, choice=choice_of(data), close_reason=data["close_reason"], by=self.user
            )
            return visit_answer(visit, status=201)

        return idempotent(request, f"series-visits:{series.code}", act)

    @extend_schema(request=ExtraSerializer, responses={201: AppointmentSerializer})
    @action(detail=True, methods=["post"])
    def extra(self, request: Request, code: str) -> Response:
        """One more infusion after the last. Needs Idempotency-Key."""
        series = get_series_for(self.user, code, action="series.book")

        def act() -> Response:
            data = checked(ExtraSerializer(data=request.data))
            visit = book_extra_infusion(
                patient=series.patient,
                protocol_version=series.protocol_version,
                weight_kg=series.weight_kg,
                choice=choice_of(data),
                reason=data["reason"],
                initiator=data["initiator"],
                note=data["note"],
                close_reason=data["close_reason"],
                by=self.user,
            )
            return visit_answer(visit, status=201)

        return idempotent(request, f"series-extra:{series.code}", act)


def series_answer(series: TreatmentSeries, status: int = 200) -> Response:
    """One series with its ETag."""
    body = SeriesDetailSerializer(series).data
    return Response(body, status=status, headers={"ETag": etag(series.code, series.version)})


def booking_routes(router: BaseRouter) -> None:
    """Register this half of the app."""
    router.register("series", SeriesViewSet, basename="series")
    router.register("appointments", AppointmentViewSet, basename="appointment")
    router.register("closures", ClosureViewSet, basename="closure")
    router.register("absences", AbsenceViewSet, basename="absence")
    router.register("waitlist", WaitlistViewSet, basename="waitlist")
    router.register("utilisation", UtilisationViewSet, basename="utilisation")
    router.register("outcomes", ClinicOutcomeViewSet, basename="clinic-outcome")
    router.register("compromises", CompromiseViewSet, basename="compromise")
    router.register("replan", ReplanViewSet, basename="replan")
    router.register("resources", ResourceViewSet, basename="resource")
