"""`/api/v1/messages/`: what became of the messages to patients, through the services of the pages."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.access_follow import get_message_for
from scheduling.models import Message
from scheduling.serializers_follow import EmptySerializer, HeldSerializer, MessageSerializer
from scheduling.services import message_acts, previews
from staff.access import require
from staff.api import ServiceViewSet, checked


class MessageFilter(django_filters.FilterSet):
    """By patient (code), kind, channel and state."""

    patient = django_filters.UUIDFilter(field_name="patient__code")
    kind = django_filters.CharFilter(max_length=24)
    channel = django_filters.CharFilter(max_length=5)
    state = django_filters.MultipleChoiceFilter(choices=Message.State.choices)


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
