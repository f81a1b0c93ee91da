"""`/api/v1/duty-shifts/` and `/api/v1/alerts/`: the same services and the same refusals as the pages."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from scheduling.access_follow import get_alert_for, get_shift_for
from scheduling.models import DutyShift, StaffAlert
from scheduling.serializers_follow import EmptySerializer
from scheduling.services import alerts, duty
from staff.access import require
from staff.api import (
    InstantField,
    ServiceViewSet,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
    idempotent,
)
from staff.errors import InvalidInput
from staff.models import Site, User


class DutyShiftSerializer(serializers.ModelSerializer[DutyShift]):
    """A shift. The number for texts is not handed out, only whether there is one."""

    site = serializers.UUIDField(source="site.code", read_only=True)
    user = serializers.UUIDField(source="user.code", read_only=True)
    start = serializers.DateTimeField(source="during.lower", read_only=True)
    end = serializers.DateTimeField(source="during.upper", read_only=True)
    texts = serializers.SerializerMethodField()

    class Meta:
        model = DutyShift
        fields = ("code", "site", "user", "start", "end", "rank", "texts", "cancelled_at", "version")
        read_only_fields = fields

    def get_texts(self, shift: DutyShift) -> bool | None:
        """Told by text message, too; null when the stored number does not open."""
        return shift.texts


class NewShiftSerializer(StrictSerializer):
    """Put somebody on duty: site and person by code, times with an offset, end exclusive."""

    site = serializers.UUIDField()
    user = serializers.UUIDField()
    start = InstantField()
    end = InstantField()
    rank = StrictIntegerField(min_value=1, max_value=3, default=1)
    phone = StrictCharField(max_length=40, required=False, default="", allow_blank=True)


class AlertSerializer(serializers.ModelSerializer[StaffAlert]):
    """An alert, without the answer itself."""

    site = serializers.UUIDField(source="site.code", read_only=True)
    patient = serializers.UUIDField(source="patient.code", read_only=True)
    acknowledged_by = serializers.UUIDField(source="acknowledged_by.code", read_only=True, allow_null=True)

    class Meta:
        model = StaffAlert
        fields = (
            "code", "site", "patient", "reason", "raised_at", "level", "climbs_at", "acknowledged_at",
            "acknowledged_by",
        )  # fmt: skip
        read_only_fields = fields


class DutyShiftViewSet(ServiceViewSet):
    """The roster of the caller's sites."""

    serializer_class = DutyShiftSerializer

    def get_queryset(self) -> QuerySet[DutyShift]:
        """Only the caller's sites."""
        return DutyShift.objects.visible_to(self.user).select_related("site", "user")

    def list(self, request: Request) -> Response:
        """A page of shifts."""
        require(request.user, "duty.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(DutyShiftSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One shift."""
        return Response(DutyShiftSerializer(get_shift_for(self.user, code)).data)

    @extend_schema(
        request=NewShiftSerializer,
        responses={201: DutyShiftSerializer},
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, required=True)],
    )
    def create(self, request: Request) -> Response:
        """Put somebody on duty. 409 while another person has that rank, 422 for somebody who may not be."""
        require(request.user, "duty.edit")
        body = NewShiftSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = dict(body.validated_data)
        site = Site.objects.filter(code=data.pop("site"), pk__in=self.user.site_ids()).first()
        user = User.objects.filter(code=data.pop("user"), is_active=True).first()
        if site is None or user is None:
            field = "site" if site is None else "user"
            raise InvalidInput("There is nothing with this code.", code="unknown", field=field)

        def act() -> Response:
            shift = duty.add_shift(site=site, user=user, by=self.user, **data)
            return Response(DutyShiftSerializer(shift).data, status=201)

        return idempotent(request, "duty-shift", act)

    @extend_schema(request=EmptySerializer, responses=DutyShiftSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, code: str) -> Response:
        """Take a shift back. Repeating it is harmless."""
        EmptySerializer(data=request.data).is_valid(raise_exception=True)
        shift = get_shift_for(self.user, code, action="duty.edit")
        return Response(DutyShiftSerializer(duty.cancel_shift(shift=shift, by=self.user)).data)


class AlertViewSet(ServiceViewSet):
    """Alerts of the caller's sites."""

    serializer_class = AlertSerializer

    def get_queryset(self) -> QuerySet[StaffAlert]:
        """Only the caller's sites."""
        return StaffAlert.objects.visible_to(self.user).select_related("site", "patient", "acknowledged_by")

    def list(self, request: Request) -> Response:
        """A page of alerts."""
        require(request.user, "alert.act")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(AlertSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One alert."""
        return Response(AlertSerializer(get_alert_for(self.user, code)).data)

    @extend_schema(request=EmptySerializer, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, code: str) -> Response:
        """I have seen it and I act: it climbs no further. Repeating it is harmless."""
        EmptySerializer(data=request.data).is_valid(raise_exception=True)
        alerts.acknowledge_alert(alert=get_alert_for(self.user, code), by=self.user)
        return Response(AlertSerializer(get_alert_for(self.user, code)).data)


def duty_routes(router: BaseRouter) -> None:
    """Register the viewsets of roster and alerts."""
    router.register("duty-shifts", DutyShiftViewSet, basename="duty-shift")
    router.register("alerts", AlertViewSet, basename="alert")
