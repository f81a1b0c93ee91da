"""`/api/v1/windows/`, `follow-ups/`, `queue/`, `messages/`: the same services and the same refusals as the
pages.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import django_filters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from scheduling import queries_follow, queue_page
from scheduling.access_follow import (
    WITH_FOLLOW_UP,
    WITH_WINDOW,
    get_follow_up_for,
    get_message_for,
    get_window_for,
)
from scheduling.follow_words import window_words
from scheduling.loaders_follow import load_course
from scheduling.models import FollowUp, Message, PlasticityWindow
from scheduling.queue_facts import facts_of
from scheduling.serializers_follow import (
    BookSerializer,
    DoneSerializer,
    EmptySerializer,
    FollowUpSerializer,
    HeldSerializer,
    IntegrationSerializer,
    MessageSerializer,
    NoteSerializer,
    NotFitSerializer,
    QueueEntrySerializer,
    ReasonSerializer,
    ReportSerializer,
    SlotSerializer,
    StartSerializer,
    TherapyBookingSerializer,
    WindowSerializer,
)
from scheduling.services import closing, message_acts, not_fit, outside, previews, therapy, windows
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


class WindowFilter(django_filters.FilterSet):
    """By patient, infusion and series (codes) and by status."""

    patient = django_filters.UUIDFilter(field_name="patient__code")
    infusion = django_filters.UUIDFilter(field_name="infusion__code")
    series = django_filters.UUIDFilter(field_name="series__code")
    status = django_filters.MultipleChoiceFilter(choices=PlasticityWindow.Status.choices)


class FollowUpFilter(django_filters.FilterSet):
    """By patient, infusion and series (codes), kind, state, and therapy or not."""

    patient = django_filters.UUIDFilter(field_name="patient__code")
    infusion = django_filters.UUIDFilter(field_name="infusion__code")
    series = django_filters.UUIDFilter(field_name="series__code")
    assignee = django_filters.UUIDFilter(field_name="assignee__code")
    kind = django_filters.CharFilter(max_length=30)
    state = django_filters.MultipleChoiceFilter(choices=FollowUp.State.choices)
    therapy = django_filters.BooleanFilter()


class MessageFilter(django_filters.FilterSet):
    """By patient (code), kind, channel and state."""

    patient = django_filters.UUIDFilter(field_name="patient__code")
    kind = django_filters.CharFilter(max_length=24)
    channel = django_filters.CharFilter(max_length=5)
    state = django_filters.MultipleChoiceFilter(choices=Message.State.choices)


class WindowViewSet(ServiceViewSet):
    """Current windows that the caller may see."""

    serializer_class = WindowSerializer
    filterset_class = WindowFilter

    def get_queryset(self) -> QuerySet[PlasticityWindow]:
        """Only what the caller may see, without superseded rows."""
        return PlasticityWindow.objects.visible_to(self.user).current().select_related(*WITH_WINDOW)

    def list(self, request: Request) -> Response:
        """A page of windows."""
        require(request.user, "queue.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(WindowSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One window, superseded or not, with an ETag."""
        return _window(get_window_for(self.user, code))

    @extend_schema(request=EmptySerializer, responses=WindowSerializer)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, code: str) -> Response:
        """Take it. Taking what one has already is harmless; 409 when somebody else has it."""
        checked(EmptySerializer(data=request.data))
        window = get_window_for(self.user, code, action="window.claim")
        return _window(windows.claim_window(window=window, by=self.user))

    @extend_schema(request=EmptySerializer, responses=WindowSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, code: str) -> Response:
        """Give it back. 409 while therapy of it is booked with the caller."""
        checked(EmptySerializer(data=request.data))
        window = get_window_for(self.user, code, action="window.claim")
        return _window(windows.release_window(window=window, by=self.user))


def _window(row: PlasticityWindow) -> Response:
    return Response(WindowSerializer(row).data, headers={"ETag": etag(row.code, row.version)})


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
        return _window(not_fit.not_fit_today(follow_up=row, by=self.user, expected_version=version, **data))

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


class QueueViewSet(ServiceViewSet):
    """The therapist queue of every site where the caller works."""

    serializer_class = QueueEntrySerializer
    pagination_class = None
    filter_backends = ()
    queryset = PlasticityWindow.objects.none()

    @extend_schema(
        parameters=[
            OpenApiParameter("show", str, enum=list(queue_page.SHOWS)),
            OpenApiParameter("whose", str, enum=list(queue_page.WHOSE)),
        ]
    )
    def list(self, request: Request) -> Response:
        """Rows in the order of the time left; `show` and `whose` as on the page."""
        require(request.user, "queue.view")
        filters, now = queue_page.Filters.read(request.query_params.dict()), app_now()
        rows = []
        for site in self.user.sites.order_by("name"):
            items = queries_follow.queue_items(self.user, site, now)
            rows += [
                _entry(item, ZoneInfo(site.time_zone), now)
                for item in queue_page.filtered(items, filters, self.user)
            ]
        return Response(QueueEntrySerializer(rows, many=True).data)


def _entry(item: queries_follow.QueueItem, zone: ZoneInfo, now: Any) -> dict[str, Any]:
    words, estimate = window_words(item.window, item.session, zone, now)
    return {
        "locked": queue_page.locked_words(item.window, item.session, zone, now),
        "facts": facts_of(item.window, zone, now),
        "state": item.state,
        "words": words,
        "estimate": estimate,
        "unassigned": item.unassigned,
        "window": item.window,
        "session": item.session,
    }


class MessageViewSet(ServiceViewSet):
    """What became of the messages to patients, and what a person does about them. Addresses and the tokens of links are
    not handed out.
    """

    serializer_class = MessageSerializer
    filterset_class = MessageFilter

    def get_queryset(self) -> QuerySet[Message]:
        """Only what the caller may see."""
        return Message.objects.visible_to(self.user).select_related("patient", "follow_up")

    def list(self, request: Request) -> Response:
        """A page of messages."""
        require(request.user, "message.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(MessageSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One message."""
        return Response(MessageSerializer(get_message_for(self.user, code)).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def preview(self, request: Request, code: str) -> Response:
        """How it reads: subject and text, or the problem that there is no text. Nothing is sent."""
        shown = previews.preview(get_message_for(self.user, code))
        return Response({"subject": shown.subject, "text": shown.text, "problem": shown.problem})

    @extend_schema(request=EmptySerializer, responses=MessageSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, code: str) -> Response:
        """Send one in trouble again: the answer is its successor. 409 unless it is in trouble, 422 too late."""
        return self._act(request, code, message_acts.retry_message)

    @extend_schema(request=EmptySerializer, responses=MessageSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, code: str) -> Response:
        """Seen; nothing more is needed."""
        return self._act(request, code, message_acts.acknowledge_message)

    @extend_schema(request=EmptySerializer, responses=MessageSerializer)
    @action(detail=True, methods=["post"], url_path="call-instead")
    def call_instead(self, request: Request, code: str) -> Response:
        """The patient is called: an item on the nurses' list."""
        self._act(request, code, message_acts.call_instead)
        return Response(MessageSerializer(get_message_for(self.user, code)).data)

    @extend_schema(request=HeldSerializer, responses=MessageSerializer)
    @action(detail=True, methods=["post"])
    def held(self, request: Request, code: str) -> Response:
        """One message held after a restore: send it, or not."""
        body = checked(HeldSerializer(data=request.data))
        row = get_message_for(self.user, code, action="message.act")
        found = message_acts.settle_one_held(message=row, release=body["release"], by=self.user)
        return Response(MessageSerializer(found).data)

    def _act(self, request: Request, code: str, service: Any) -> Response:
        checked(EmptySerializer(data=request.data))
        row = get_message_for(self.user, code, action="message.act")
        found = service(message=row, by=self.user)
        return Response(MessageSerializer(found).data if isinstance(found, Message) else {})


def follow_routes(router: BaseRouter) -> None:
    """Register the viewsets of the follow-through."""
    router.register("windows", WindowViewSet, basename="window")
    router.register("follow-ups", FollowUpViewSet, basename="follow-up")
    router.register("queue", QueueViewSet, basename="queue")
    router.register("messages", MessageViewSet, basename="message")
