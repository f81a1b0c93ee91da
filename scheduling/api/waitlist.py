"""`/api/v1/waitlist/`: who waits, in order, with the open offer; put on, take off, accept, decline."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.access import get_series_for, get_waitlist_entry_for
from scheduling.api.replan import site_named
from scheduling.models import WaitlistEntry, WaitlistOffer
from scheduling.reasons import CANCEL
from scheduling.serializers_booking import AppointmentSerializer, NothingSerializer
from scheduling.services import waitlist as service
from scheduling.waitlist_pages import rows_of
from staff.access import require
from staff.api import (
    ServiceViewSet,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
    checked,
    idempotent,
)
from staff.errors import StateConflict


class WaitlistAddSerializer(StrictSerializer):
    """One infusion of a series that waits."""

    series = serializers.UUIDField()
    ordinal = StrictIntegerField(min_value=1, max_value=60)
    urgency = StrictIntegerField(min_value=1, max_value=3, default=1)
    part_of_day = serializers.ChoiceField(choices=["", "morning", "afternoon"], default="")
    notice_hours = StrictIntegerField(min_value=0, max_value=168, default=2)
    note = StrictCharField(max_length=110, required=False, allow_blank=True, default="")


class DeclineSerializer(StrictSerializer):
    """Why the patient cannot come."""

    reason = serializers.ChoiceField(choices=sorted(CANCEL), default="patient-asked")


def entry_data(entry: WaitlistEntry, offer: WaitlistOffer | None, place: int | None = None) -> dict[str, Any]:
    """One entry; `place` counts from 1 in the order of offering."""
    return {
        "code": str(entry.code),
        "series": str(entry.series.code),
        "patient": str(entry.patient.code),
        "ordinal": entry.ordinal,
        "urgency": entry.urgency,
        "part_of_day": entry.part_of_day,
        "notice_hours": entry.notice_hours,
        "latest": entry.latest_at.isoformat(),
        "state": entry.state,
        "place": place,
        "version": entry.version,
        "offer": None
        if offer is None
        else {
            "code": str(offer.code),
            "start": offer.hold.during.lower.isoformat(),
            "end": offer.hold.during.upper.isoformat(),
            "chair": offer.slot.resource.name,
            "expires": offer.expires_at.isoformat(),
        },
    }


class WaitlistViewSet(ServiceViewSet):
    """The waitlist of the caller's sites."""

    @extend_schema(parameters=[OpenApiParameter("site", OpenApiTypes.UUID)], responses=OpenApiTypes.OBJECT)
    def list(self, request: Request) -> Response:
        """Who waits at a site, in the order in which slots are offered."""
        require(request.user, "appointment.view")
        site = site_named(request.query_params.get("site", ""), self.user)
        rows = rows_of(site, self.user)
        return Response({"results": [entry_data(row["entry"], row["offer"], row["number"]) for row in rows]})

    @extend_schema(request=WaitlistAddSerializer, responses={201: OpenApiTypes.OBJECT})
    def create(self, request: Request) -> Response:
        """Put an infusion on the list. Needs Idempotency-Key."""
        require(request.user, "series.book")

        def act() -> Response:
            data = checked(WaitlistAddSerializer(data=request.data))
            series = get_series_for(self.user, data.pop("series"), action="series.book")
            entry = service.add_entry(series=series, by=self.user, **data)
            return Response(entry_data(entry, None), status=201)

        return idempotent(request, "waitlist", act)

    @extend_schema(request=NothingSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, code: str) -> Response:
        """Take an infusion off the list."""
        entry = get_waitlist_entry_for(self.user, code, action="series.book")
        checked(NothingSerializer(data=request.data))
        return Response(entry_data(service.withdraw_entry(entry=entry, by=self.user), None))

    @extend_schema(request=NothingSerializer, responses=AppointmentSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, code: str) -> Response:
        """The patient takes the offered slot: booked, or moved there."""
        offer = self._open_offer(code)
        checked(NothingSerializer(data=request.data))
        booked = service.accept_offer(offer=offer, by=self.user)
        return Response(AppointmentSerializer(booked).data)

    @extend_schema(request=DeclineSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, code: str) -> Response:
        """The patient cannot: the slot goes to the next in order."""
        offer = self._open_offer(code)
        data = checked(DeclineSerializer(data=request.data))
        done = service.decline_offer(offer=offer, by=self.user, reason=data["reason"])
        return Response({"code": str(done.code), "state": done.state})

    def _open_offer(self, code: str) -> WaitlistOffer:
        entry = get_waitlist_entry_for(self.user, code, action="appointment.move")
        offer = entry.offers.filter(state=WaitlistOffer.State.OPEN).first()
        if offer is None:
            raise StateConflict("Nothing is offered to this patient now.", code="offer-over")
        return offer
