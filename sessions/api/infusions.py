"""Infusion records: read, and every act of the chair by the same services as the pages.

Acts that change what stands need If-Match; acts that add a fact need Idempotency-Key instead.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sessions import services
from sessions.access import get_infusion_for
from sessions.api.day import DayActs
from sessions.api.reading import confirm_caller, record_answer, second_person
from sessions.models import Infusion
from sessions.order_reasons import OrderShape
from sessions.serializers import (
    AdverseEventCreateSerializer,
    AdverseEventSerializer,
    BaselineSerializer,
    CheckSerializer,
    CriterionSerializer,
    DelaySerializer,
    EstimateSerializer,
    InfusionDetailSerializer,
    InfusionSerializer,
    LevelSerializer,
    MeasuredLevelSerializer,
    OrderSerializer,
    PumpEventsCreateSerializer,
    PumpEventSerializer,
    ReasonSerializer,
    SecondWeightSerializer,
    SignAgainSerializer,
    SignOffSerializer,
    VitalSignsCreateSerializer,
    VitalSignsSerializer,
    WeightCorrectionSerializer,
    WeightSerializer,
)
from sessions.services import PumpAct, SigningTerms
from staff.access import require
from staff.api import checked, expected_version, idempotent

SHAPED = ("low_reason", "minutes", "short_reason", "route", "route_reason")


class InfusionFilter(django_filters.FilterSet):
    """By patient and site (codes), status, and time of arrival."""

    patient = django_filters.UUIDFilter(field_name="patient__code")
    site = django_filters.UUIDFilter(field_name="site__code")
    status = django_filters.MultipleChoiceFilter(choices=Infusion.Status.choices)
    arrived_from = django_filters.IsoDateTimeFilter(field_name="arrived_at", lookup_expr="gte")
    arrived_until = django_filters.IsoDateTimeFilter(field_name="arrived_at", lookup_expr="lt")


class InfusionViewSet(DayActs):
    """Infusion records of patients whom the caller may see."""

    serializer_class = InfusionSerializer
    filterset_class = InfusionFilter

    def get_queryset(self) -> QuerySet[Infusion]:
        """Only what the caller may see."""
        found: QuerySet[Infusion] = Infusion.objects.visible_to(self.user).for_record()
        return found

    def list(self, request: Request) -> Response:
        """A page of records, newest first."""
        require(request.user, "infusion.view")
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(InfusionSerializer(page, many=True).data)

    @extend_schema(responses=InfusionDetailSerializer)
    def retrieve(self, request: Request, code: str) -> Response:
        """One record with its therapy time, and an ETag."""
        return record_answer(get_infusion_for(self.user, code))

    @extend_schema(request=WeightSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"])
    def weight(self, request: Request, code: str) -> Response:
        """Today's weight."""
        return self._change(request, code, WeightSerializer, services.record_weight)

    @extend_schema(request=SecondWeightSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"], url_path="weight/second")
    def weight_second(self, request: Request, code: str) -> Response:
        """The second, blind weighing."""
        return self._change(request, code, SecondWeightSerializer, services.confirm_weight)

    @extend_schema(request=WeightCorrectionSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"], url_path="weight/correct")
    def weight_correct(self, request: Request, code: str) -> Response:
        """The right weight once the pump has run, by another person than who weighed."""
        return self._change(
            request, code, WeightCorrectionSerializer, services.correct_weight, action="infusion.amend"
        )

    @extend_schema(request=CheckSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"])
    def checks(self, request: Request, code: str) -> Response:
        """One answer before the start."""
        return self._change(request, code, CheckSerializer, services.record_check)

    @extend_schema(request=OrderSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"])
    def order(self, request: Request, code: str) -> Response:
        """Sign the order. 422 over-ceiling: a second prescriber is needed; low-order-reason and the like: say why."""

        def do(**given: Any) -> object:
            given["shape"] = OrderShape(**{name: given.pop(name) for name in SHAPED if name in given})
            return services.sign_order(cosigned_by=second_person(request, given), **given)

        return self._change(request, code, OrderSerializer, do, action="infusion.order")

    @extend_schema(request=ReasonSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"], url_path="not-given")
    def not_given(self, request: Request, code: str) -> Response:
        """Close a record whose pump never ran."""
        return self._change(request, code, ReasonSerializer, services.mark_not_given)

    @extend_schema(request=CriterionSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"])
    def criteria(self, request: Request, code: str) -> Response:
        """One discharge criterion."""
        return self._change(request, code, CriterionSerializer, services.record_criterion)

    @extend_schema(request=BaselineSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"])
    def baseline(self, request: Request, code: str) -> Response:
        """How something is before the start, to compare afterwards."""
        return self._change(request, code, BaselineSerializer, services.record_baseline)

    @extend_schema(request=DelaySerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"])
    def delay(self, request: Request, code: str) -> Response:
        """The delay a prescriber states where no model covers the patient."""

        def do(*, stated_delay_hours: Decimal, stated_delay_reason: str, **given: Any) -> object:
            return services.state_delay(hours=stated_delay_hours, reason=stated_delay_reason, **given)

        return self._change(request, code, DelaySerializer, do, action="infusion.order")

    @extend_schema(request=SignOffSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"], url_path="sign-off")
    def sign_off(self, request: Request, code: str) -> Response:
        """Sign the discharge. The caller's own password is checked again."""
        do = self._signing(request, services.sign_off)
        return self._change(request, code, SignOffSerializer, do, action="infusion.sign_off")

    @extend_schema(request=SignAgainSerializer, responses=InfusionDetailSerializer)
    @action(detail=True, methods=["post"], url_path="sign-off/again")
    def sign_again(self, request: Request, code: str) -> Response:
        """Sign again after a correction, or to state another therapy time; the old signature stays readable."""
        do = self._signing(request, services.amend_sign_off, "reason")
        return self._change(request, code, SignAgainSerializer, do, action="infusion.sign_off")

    def _signing(self, request: Request, sign: Callable[..., object], *more: str) -> Callable[..., object]:
        """The act of signing with the caller's own password, and a second person's where one is sent."""

        def do(**given: Any) -> object:
            confirm_caller(request, self.user, given.pop("password"))
            given.pop("identity_checked")
            who = {name: given.pop(name) for name in ("infusion", "by", "expected_version", *more)}
            return sign(terms=SigningTerms(second_person=second_person(request, given), **given), **who)

        return do

    @extend_schema(methods=["GET"], responses=PumpEventSerializer(many=True))
    @extend_schema(
        methods=["POST"], request=PumpEventsCreateSerializer, responses={201: PumpEventSerializer(many=True)}
    )
    @action(detail=True, methods=["get", "post"], url_path="pump-events", filterset_class=None)
    def pump_events(self, request: Request, code: str) -> Response:
        """The pump log, struck lines included; or add lines to it."""
        if request.method == "GET":
            infusion = get_infusion_for(self.user, code)
            rows = infusion.pump_events.select_related("entered_by", "replaces")
            return Response(PumpEventSerializer(rows, many=True).data)
        infusion = get_infusion_for(self.user, code, action="infusion.record")
        data = checked(PumpEventsCreateSerializer(data=request.data))

        def act() -> Response:
            events = services.record_pump_events(
                infusion=infusion, events=[PumpAct(**item) for item in data["events"]], by=self.user
            )
            return Response(PumpEventSerializer(events, many=True).data, status=201)

        return idempotent(request, f"infusions/{infusion.code}/pump-events", act)

    @extend_schema(methods=["GET"], responses=VitalSignsSerializer(many=True))
    @extend_schema(
        methods=["POST"], request=VitalSignsCreateSerializer, responses={201: VitalSignsSerializer}
    )
    @action(detail=True, methods=["get", "post"], filterset_class=None)
    def vitals(self, request: Request, code: str) -> Response:
        """The readings; or add one."""
        if request.method == "GET":
            rows = get_infusion_for(self.user, code).vital_signs.select_related("entered_by")
            return Response(VitalSignsSerializer(rows, many=True).data)
        return self._add(
            request, code, "vitals", VitalSignsCreateSerializer, services.record_vitals, VitalSignsSerializer
        )

    @extend_schema(methods=["GET"], responses=AdverseEventSerializer(many=True))
    @extend_schema(
        methods=["POST"], request=AdverseEventCreateSerializer, responses={201: AdverseEventSerializer}
    )
    @action(detail=True, methods=["get", "post"], url_path="adverse-events", filterset_class=None)
    def adverse_events(self, request: Request, code: str) -> Response:
        """Adverse events; or add one."""
        if request.method == "GET":
            rows = get_infusion_for(self.user, code).adverse_events.all()
            return Response(AdverseEventSerializer(rows, many=True).data)
        return self._add(
            request, code, "adverse-events", AdverseEventCreateSerializer, services.record_adverse_event,
            AdverseEventSerializer,
        )  # fmt: skip

    @extend_schema(methods=["GET"], responses=MeasuredLevelSerializer(many=True))
    @extend_schema(methods=["POST"], request=LevelSerializer, responses={201: InfusionDetailSerializer})
    @action(detail=True, methods=["get", "post"], filterset_class=None)
    def levels(self, request: Request, code: str) -> Response:
        """Measured plasma levels, struck ones included; or add one."""
        if request.method == "GET":
            rows = get_infusion_for(self.user, code).measured_levels.all()
            return Response(MeasuredLevelSerializer(rows, many=True).data)
        infusion = get_infusion_for(self.user, code, action="infusion.record")
        data = checked(LevelSerializer(data=request.data))

        def act() -> Response:
            services.record_measured_level(infusion=infusion, by=self.user, **data)
            return record_answer(infusion, status=201)

        return idempotent(request, f"infusions/{infusion.code}/levels", act)

    @extend_schema(responses=EstimateSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def estimates(self, request: Request, code: str) -> Response:
        """Every clearance estimate of this record, the current one first."""
        rows = get_infusion_for(self.user, code).clearance_estimates.order_by("-generation")
        return Response(EstimateSerializer(rows, many=True).data)

    def _change(
        self,
        request: Request,
        code: str,
        body: type[Any],
        do: Callable[..., object],
        *,
        action: str = "infusion.record",
    ) -> Response:
        """Run one act that needs If-Match and answer with the record."""
        infusion = get_infusion_for(self.user, code, action=action)
        version = expected_version(request, infusion.code)
        data = checked(body(data=request.data))
        do(infusion=infusion, by=self.user, expected_version=version, **data)
        return record_answer(infusion)

    def _add(
        self,
        request: Request,
        code: str,
        route: str,
        body: type[Any],
        do: Callable[..., object],
        shown: type[Any],
    ) -> Response:
        """Add one fact, once per Idempotency-Key."""
        infusion = get_infusion_for(self.user, code, action="infusion.record")
        data = checked(body(data=request.data))

        def act() -> Response:
            return Response(shown(do(infusion=infusion, by=self.user, **data)).data, status=201)

        return idempotent(request, f"infusions/{infusion.code}/{route}", act)
