"""`/api/v1/follow-ups/`: the same services and the same refusals as the pages; and the routes of the follow-through."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from scheduling.access_follow import WITH_FOLLOW_UP, get_follow_up_for
from scheduling.api.messages import MessageViewSet
from scheduling.api.windows import QueueViewSet, WindowViewSet, window_answer
from scheduling.loaders_follow import load_course
from scheduling.models import FollowUp
from scheduling.serializers_follow import (
    BookSerializer,
    DoneSerializer,
    EmptySerializer,
    FollowUpSerializer,
    IntegrationSerializer,
    NoteSerializer,
    NotFitSerializer,
    ReasonSerializer,
    ReportSerializer,
    SlotSerializer,
    StartSerializer,
    TherapyBookingSerializer,
    WindowSerializer,
)
from scheduling.services import closing, not_fit, outside, therapy
from scheduling.services.recall import recall_words
from scheduling.services.therapy_rules import free_slots
from scheduling.services.undo import undo_last
from staff.access import require
from staff.api import ServiceViewSet, checked, etag, expected_version, idempotent
from staff.clock import app_now
from staff.errors import InvalidInput
from staff.models import User


def therapist_named(code: UUID) -> User:
    """The colleague with this code. Raises InvalidInput."""
    found = User.objects.filter(code=code, is_active=True).first()
    if found is None:
        raise InvalidInput("There is nobody with this code.", code="unknown-person", field="therapist")
    return found


class FollowUpFilter(django_filters.FilterSet):
    """By patient, infusion and series (codes), kind, state, and therapy or not."""

    patient = django_filters.UUIDFilter(field_name="patient__code")
    infusion = django_filters.UUIDFilter(field_name="infusion__code")
    series = django_filters.UUIDFilter(field_name="series__code")
    assignee = django_filters.UUIDFilter(field_name="assignee__code")
    kind = django_filters.CharFilter(max_length=30)
    state = django_filters.MultipleChoiceFilter(choices=FollowUp.State.choices)
    therapy = django_filters.BooleanFilter()


class FollowUpViewSet(ServiceViewSet):
    """Follow-ups that the caller may see, and the acts on them."""

    serializer_class = FollowUpSerializer
    filterset_class = FollowUpFilter

    def get_queryset(self) -> QuerySet[FollowUp]:
        """Only what the caller may see."""
        return FollowUp.objects.visible_to(self.user).select_related(*WITH_FOLLOW_UP)

    def list(self, request: Request) -> Response:
        """A page of follow-ups."""
        require(request.user, "follow_up.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(FollowUpSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One follow-up, with an ETag."""
        return _follow_up(get_follow_up_for(self.user, code))

    @extend_schema(responses=SlotSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def slots(self, request: Request, code: str) -> Response:
        """Free times for this therapy session, soonest first."""
        row = get_follow_up_for(self.user, code, action="therapy.book")
        found = free_slots(row, load_course(row.patient_id), now=app_now())
        return Response(SlotSerializer(found, many=True).data)

    @extend_schema(
        request=BookSerializer,
        responses={201: TherapyBookingSerializer},
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, required=True)],
    )
    @action(detail=True, methods=["post"])
    def book(self, request: Request, code: str) -> Response:
        """Book the session. 409: therapist or patient taken. 422: a rule stands in the way, with when and
        why.
        """
        row = get_follow_up_for(self.user, code, action="therapy.book")
        data = checked(BookSerializer(data=request.data))

        def act() -> Response:
            booked = therapy.book_therapy(
                follow_up=row,
                start=data["start"],
                therapist=therapist_named(data["therapist"]),
                by=self.user,
                mode=data["mode"],
                override_reason=data.get("override_reason", ""),
            )
            return Response(TherapyBookingSerializer(booked).data, status=201)

        return idempotent(request, f"follow-up-book:{row.code}", act)

    @extend_schema(request=StartSerializer, responses=IntegrationSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, code: str) -> Response:
        """Start the session now; 422 with when and why while the window is not open. Repeating it is
        harmless.
        """
        row = get_follow_up_for(self.user, code, action="therapy.conduct")
        data = checked(StartSerializer(data=request.data))
        session = therapy.start_therapy(follow_up=row, by=self.user, mode=data.get("mode"))
        return Response(IntegrationSerializer(session).data)

    @extend_schema(request=NoteSerializer, responses=FollowUpSerializer)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, code: str) -> Response:
        """Complete the running session with its signed note."""
        row = get_follow_up_for(self.user, code, action="therapy.conduct")
        data = checked(NoteSerializer(data=request.data))
        therapy.complete_therapy(follow_up=row, by=self.user, **data)
        return _follow_up(get_follow_up_for(self.user, code))

    @extend_schema(request=ReasonSerializer, responses=FollowUpSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, code: str) -> Response:
        """Give the booked time back. X-Too-Late-To-Recall says when the patient has a message about it."""
        row = get_follow_up_for(self.user, code, action="therapy.book")
        data = checked(ReasonSerializer(data=request.data))
        booked = row.appointment
        closing.cancel_therapy(follow_up=row, by=self.user, **data)
        answer = _follow_up(get_follow_up_for(self.user, code))
        if booked is not None:
            booked.refresh_from_db()
            if told := recall_words(booked, at=app_now()):
                answer.headers["X-Too-Late-To-Recall"] = told
        return answer

    @extend_schema(request=ReasonSerializer, responses=FollowUpSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, code: str) -> Response:
        """The patient declines. Needs If-Match."""
        return self._close(request, code, ReasonSerializer, closing.decline_follow_up)

    @extend_schema(request=ReasonSerializer, responses=FollowUpSerializer)
    @action(detail=True, methods=["post"], url_path="not-done")
    def not_done(self, request: Request, code: str) -> Response:
        """It did not take place. Needs If-Match."""
        return self._close(request, code, ReasonSerializer, closing.mark_not_done)

    @extend_schema(request=DoneSerializer, responses=FollowUpSerializer)
    @action(detail=True, methods=["post"])
    def done(self, request: Request, code: str) -> Response:
        """A follow-up that is not therapy is done. Needs If-Match."""
        return self._close(request, code, DoneSerializer, closing.complete_follow_up)

    @extend_schema(request=ReportSerializer, responses=FollowUpSerializer)
    @action(detail=True, methods=["post"])
    def report(self, request: Request, code: str) -> Response:
        """A therapist outside the clinic says by phone that a session was held. Needs If-Match; 422 with why when the
        time cannot be; counted as reported, never as done.
        """
        return self._close(request, code, ReportSerializer, outside.report_held, action="therapy.report")

    @extend_schema(request=ReasonSerializer, responses=FollowUpSerializer)
    @action(detail=True, methods=["post"], url_path="withdraw-report")
    def withdraw_report(self, request: Request, code: str) -> Response:
        """The report was a mistake. Needs If-Match."""
        return self._close(request, code, ReasonSerializer, outside.withdraw_report, action="therapy.report")

    @extend_schema(request=NotFitSerializer, responses=WindowSerializer)
    @action(detail=True, methods=["post"], url_path="not-fit")
    def not_fit(self, request: Request, code: str) -> Response:
        """The patient came and is not fit: therapy waits, whoever is on duty is alerted. Needs If-Match."""
        row = get_follow_up_for(self.user, code, action="therapy.conduct")
        version = expected_version(request, row.code)
        data = checked(NotFitSerializer(data=request.data))
        return window_answer(
            not_fit.not_fit_today(follow_up=row, by=self.user, expected_version=version, **data)
        )

    @extend_schema(request=EmptySerializer, responses=FollowUpSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, code: str) -> Response:
        """Take back the caller's own last act within ten minutes. 409 when it is too late. Harmless twice."""
        checked(EmptySerializer(data=request.data))
        row = get_follow_up_for(self.user, code, action="follow_up.view")
        if not (self.user.may("follow_up.complete") or self.user.may("therapy.book")):
            raise PermissionDenied("follow_up.undo")
        undo_last(follow_up=row, by=self.user)
        return _follow_up(get_follow_up_for(self.user, code))

    def _close(
        self, request: Request, code: str, body: Any, service: Any, *, action: str = "follow_up.complete"
    ) -> Response:
        row = get_follow_up_for(self.user, code, action=action)
        version = expected_version(request, row.code)
        data = checked(body(data=request.data))
        service(follow_up=row, by=self.user, expected_version=version, **data)
        return _follow_up(get_follow_up_for(self.user, code))


def _follow_up(row: FollowUp) -> Response:
    return Response(FollowUpSerializer(row).data, headers={"ETag": etag(row.code, row.version)})


def follow_routes(router: BaseRouter) -> None:
    """Register the viewsets of the follow-through."""
    router.register("windows", WindowViewSet, basename="window")
    router.register("follow-ups", FollowUpViewSet, basename="follow-up")
    router.register("queue", QueueViewSet, basename="queue")
    router.register("messages", MessageViewSet, basename="message")
