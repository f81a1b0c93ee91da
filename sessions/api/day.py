"""Acts of the day on a record: other drugs, bag, notes, renewed order, endings, assessments; and released holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sessions import services
from sessions.access import get_hold_for, get_infusion_for
from sessions.api.reading import record_answer, second_person
from sessions.models import TreatmentHold
from sessions.serializers import InfusionDetailSerializer, ReasonSerializer
from sessions.serializers_day import (
    AssessmentSerializer,
    BagSerializer,
    ChairNoteSerializer,
    EndingSerializer,
    GivenDrugCreateSerializer,
    GivenDrugSerializer,
    HandoverSerializer,
    HoldSerializer,
)
from staff.api import ServiceViewSet, checked, idempotent
from staff.errors import InvalidInput
from staff.models import User


class DayActs(ServiceViewSet):
    """Mixed into the records' endpoint. Adding needs Idempotency-Key, changing needs If-Match."""

    _change: Callable[..., Response]

    @extend_schema(methods=["GET"], responses=GivenDrugSerializer(many=True))
    @extend_schema(methods=["POST"], request=GivenDrugCreateSerializer, responses={201: GivenDrugSerializer})
    @action(detail=True, methods=["get", "post"], filterset_class=None)
    def drugs(self, request: Request, code: str) -> Response:
        """Drugs given beside the infusion, struck ones included; or add one."""
        if request.method == "GET":
            rows = get_infusion_for(self.user, code).given_drugs.select_related("ordered_by")
            return Response(GivenDrugSerializer(rows, many=True).data)
        infusion = get_infusion_for(self.user, code, action="infusion.record")
        data = checked(GivenDrugCreateSerializer(data=request.data))
        orderer = _person(data.pop("ordered_by"), "ordered_by")

        def act() -> Response:
            given = services.record_given_drug(infusion=infusion, ordered_by=orderer, by=self.user, **data)
            return Response(GivenDrugSerializer(given).data, status=201)

        return idempotent(request, f"infusions/{infusion.code}/drugs", act)

    @extend_schema(request=BagSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"])
    def bag(self, request: Request, code: str) -> Response:
        """Lot, expiry, and waste before a witness (`second_person`)."""

        def do(**given: Any) -> object:
            return services.record_bag(witness=second_person(request, given), **given)

        return self._change(request, code, BagSerializer, do)

    @extend_schema(request=ChairNoteSerializer, responses={201: InfusionDetailSerializer})
    @action(detail=True, methods=["post"])
    def notes(self, request: Request, code: str) -> Response:
        """Put a note, or the patient's own words, on the record."""
        infusion = get_infusion_for(self.user, code, action="infusion.record")
        data = checked(ChairNoteSerializer(data=request.data))

        def act() -> Response:
            services.save_note(infusion=infusion, finish=True, by=self.user, **data)
            return record_answer(infusion, status=201)

        return idempotent(request, f"infusions/{infusion.code}/notes", act)

    @extend_schema(request=ReasonSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"], url_path="order/again")
    def order_again(self, request: Request, code: str) -> Response:
        """Order the rest of the bag again after a long pause."""
        return self._change(request, code, ReasonSerializer, services.renew_order, action="infusion.order")

    @extend_schema(request=EndingSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"])
    def ending(self, request: Request, code: str) -> Response:
        """The patient is gone otherwise than discharged."""
        return self._change(request, code, EndingSerializer, services.record_disposition)

    @extend_schema(request=AssessmentSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"])
    def assessment(self, request: Request, code: str) -> Response:
        """A clinician's assessment after an unplanned ending."""
        return self._change(
            request, code, AssessmentSerializer, services.record_assessment, action="infusion.sign_off"
        )

    @extend_schema(request=None, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"])
    def emergency(self, request: Request, code: str) -> Response:
        """Stop the pump log and end the visit with the ambulance. Never refused for a stale version."""
        infusion = get_infusion_for(self.user, code, action="infusion.record")
        services.call_emergency(infusion=infusion, by=self.user)
        return record_answer(infusion)

    @extend_schema(request=HandoverSerializer, responses={201: InfusionDetailSerializer})
    @action(detail=True, methods=["post"])
    def handover(self, request: Request, code: str) -> Response:
        """Offer the patient to a colleague."""
        infusion = get_infusion_for(self.user, code, action="infusion.record")
        data = checked(HandoverSerializer(data=request.data))
        colleague = _person(data.pop("to_nurse"), "to_nurse")

        def act() -> Response:
            services.offer_handover(infusion=infusion, to_nurse=colleague, by=self.user, **data)
            return record_answer(infusion, status=201)

        return idempotent(request, f"infusions/{infusion.code}/handover", act)


class TreatmentHoldViewSet(ServiceViewSet):
    """What holds a patient's later infusions."""

    serializer_class = HoldSerializer

    def get_queryset(self) -> QuerySet[Any]:
        """Only what the caller may see."""
        return TreatmentHold.objects.visible_to(self.user)

    def retrieve(self, request: Request, code: str) -> Response:
        """One hold."""
        return Response(HoldSerializer(get_hold_for(self.user, code)).data)

    @extend_schema(request=ReasonSerializer, responses=HoldSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, code: str) -> Response:
        """A prescriber lets infusions go on. 409 when that was done before."""
        hold = get_hold_for(self.user, code, action="infusion.order")
        data = checked(ReasonSerializer(data=request.data))
        return Response(HoldSerializer(services.release_hold(hold=hold, by=self.user, **data)).data)


def _person(code: UUID, field: str) -> User:
    found = User.objects.filter(code=code, is_active=True).first()
    if found is None:
        raise InvalidInput("This person is not known.", code="unknown-person", field=field)
    return found
