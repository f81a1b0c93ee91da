"""`/api/v1/` of gates: a visit's gates, what is to do before visits, a site's own gates, the report of overrides."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from scheduling.access import get_appointment_for, get_site_gate_for
from scheduling.api.replan import site_named
from scheduling.domain.localtime import local_date
from scheduling.loaders import zone_of
from scheduling.loaders_gates import GateLine, VisitGates, load_gates, visits_with_gates
from scheduling.models import Appointment
from scheduling.override_report import by_rule, overrides, read_month
from scheduling.services.gates import gates_of, mark_gate
from scheduling.views.gates import SPANS, seen_by, span_of
from sessions import gates as rules
from sessions import services as facts
from sessions.models import GateAnswer, SiteGate
from staff.access import require
from staff.api import (
    ServiceViewSet,
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    checked,
    etag,
    expected_version,
    idempotent,
)
from staff.clock import app_now
from staff.errors import InvalidInput


def line_data(line: GateLine) -> dict[str, Any]:
    """One gate as the API gives it."""
    return {
        "gate": line.gate.key, "label": line.gate.label, "due": line.gate.due, "due_at": line.due_at.isoformat(),
        "owner_role": line.gate.owner_role, "hard": line.gate.hard, "state": line.state, "detail": line.detail,
        "by": line.by, "at": line.at.isoformat() if line.at else None,
    }  # fmt: skip


def visit_data(row: VisitGates, lines: tuple[GateLine, ...]) -> dict[str, Any]:
    """A visit with some of its gates."""
    visit = row.visit
    return {
        "appointment": str(visit.code),
        "patient": str(visit.patient.code),
        "starts_at": visit.during.lower.isoformat(),
        "ordinal": visit.ordinal,
        "gates": [line_data(line) for line in lines],
    }


class MarkGateSerializer(StrictSerializer):
    """How one gate stands."""

    gate = StrictCharField(max_length=50)
    outcome = serializers.ChoiceField(choices=GateAnswer.Outcome.choices)
    reason_code = serializers.ChoiceField(
        choices=rules.OVERRIDE_CHOICES, required=False, default="", allow_blank=True
    )
    note = StrictCharField(max_length=300, required=False, allow_blank=True, default="")


class SiteGateSerializer(serializers.ModelSerializer[SiteGate]):
    """A gate of a site's own."""

    site = serializers.UUIDField(source="site.code", read_only=True)

    class Meta:
        model = SiteGate
        fields = ("code", "site", "label", "due", "owner_role", "hard", "created_at", "retired_at", "version")
        read_only_fields = fields


class SiteGateChangeSerializer(StrictSerializer):
    """Words, due point, owner's role, and whether the pump waits for it."""

    label = StrictCharField(max_length=80)  # type: ignore[assignment]  # the field `label`, not the words of a field
    due = serializers.ChoiceField(choices=list(rules.DUE_POINTS.items()))
    owner_role = serializers.ChoiceField(choices=list(rules.OWNERS.items()))
    hard = StrictBooleanField(default=False)


class SiteGateCreateSerializer(SiteGateChangeSerializer):
    """The same, for a site."""

    site = serializers.UUIDField()


class VisitGateViewSet(ServiceViewSet):
    """Gates of infusion visits; the code is the appointment's."""

    queryset = Appointment.objects.none()

    @extend_schema(
        operation_id="visit_gates_list",
        parameters=[
            OpenApiParameter("site", OpenApiTypes.UUID),
            OpenApiParameter("span", str, enum=list(SPANS)),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def list(self, request: Request) -> Response:
        """What is still to do before the visits of a site: tomorrow, in 48 hours, in 7 or in 30 days."""
        require(request.user, "gate.view")
        site = site_named(request.query_params.get("site", ""), self.user)
        span = request.query_params.get("span", "tomorrow")
        if span not in SPANS:
            raise InvalidInput(f"Choose one of {', '.join(SPANS)}.", code="span", field="span")
        now = app_now()
        first, until = span_of(span, site, now)
        visits = seen_by(self.user, visits_with_gates(site_ids=[site.pk], first=first, until=until))
        return Response({"visits": [visit_data(row, row.before) for row in load_gates(visits, now)]})

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, code: str) -> Response:
        """All gates of one visit."""
        row = gates_of(get_appointment_for(self.user, code, action="gate.view"))
        return Response(visit_data(row, row.lines))

    @extend_schema(request=MarkGateSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, code: str) -> Response:
        """Say how one gate stands. The same answer twice is stored once."""
        visit = get_appointment_for(self.user, code, action="gate.answer")
        data = checked(MarkGateSerializer(data=request.data))
        mark_gate(appointment=visit, by=self.user, **data)
        row = gates_of(visit)
        return Response(visit_data(row, row.lines))


class SiteGateViewSet(ServiceViewSet):
    """Gates of the caller's sites."""

    serializer_class = SiteGateSerializer

    def get_queryset(self) -> QuerySet[SiteGate]:
        """Only the caller's sites."""
        return SiteGate.objects.visible_to(self.user).select_related("site")

    def list(self, request: Request) -> Response:
        """A page of gates, retired ones included."""
        require(request.user, "gate.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(SiteGateSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One gate, with an ETag."""
        return _gate_answer(get_site_gate_for(self.user, code))

    @extend_schema(request=SiteGateCreateSerializer, responses={201: SiteGateSerializer})
    def create(self, request: Request) -> Response:
        """Add a gate to every later visit of the site. Needs Idempotency-Key."""
        require(request.user, "gate.edit")
        data = checked(SiteGateCreateSerializer(data=request.data))
        site = site_named(str(data.pop("site")), self.user)

        def act() -> Response:
            return _gate_answer(facts.add_site_gate(site=site, by=self.user, **data), status=201)

        return idempotent(request, "site-gates", act)

    @extend_schema(request=SiteGateChangeSerializer, responses=SiteGateSerializer)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, code: str) -> Response:
        """Change it. Needs If-Match."""
        gate = get_site_gate_for(self.user, code, action="gate.edit")
        version = expected_version(request, gate.code)
        data = checked(SiteGateChangeSerializer(data=request.data))
        return _gate_answer(facts.change_site_gate(gate=gate, by=self.user, expected_version=version, **data))

    @extend_schema(request=None, responses=SiteGateSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, code: str) -> Response:
        """No longer ask for it. Repeating it changes nothing."""
        gate = get_site_gate_for(self.user, code, action="gate.edit")
        return _gate_answer(facts.retire_site_gate(gate=gate, by=self.user))


def _gate_answer(gate: SiteGate, status: int = 200) -> Response:
    body = SiteGateSerializer(gate).data
    return Response(body, status=status, headers={"ETag": etag(gate.code, gate.version)})


class OverrideViewSet(ServiceViewSet):
    """The monthly report of overrides. Read only."""

    queryset = GateAnswer.objects.none()

    @extend_schema(
        parameters=[OpenApiParameter("site", OpenApiTypes.UUID), OpenApiParameter("month", str)],
        responses=OpenApiTypes.OBJECT,
    )
    def list(self, request: Request) -> Response:
        """Every override of a month (2026-03; default: the present one) at a site."""
        require(request.user, "override.report")
        site = site_named(request.query_params.get("site", ""), self.user)
        zone = zone_of(site)
        month = read_month(request.query_params.get("month", ""), local_date(app_now(), zone), zone)
        rows = overrides(site, month)
        return Response(
            {
                "month": month.name,
                "counts": [{"rule": rule, "count": number} for rule, number in by_rule(rows)],
                "overrides": [
                    {
                        "at": row.at.isoformat(), "what": row.what, "rule": row.rule, "reason": row.reason,
                        "note": row.note, "by": str(row.by.code), "role": row.role,
                        "second_person": str(row.second.code) if row.second else None,
                        "patient": str(row.patient_code) if row.patient_code else None,
                    }
                    for row in rows
                ],
            }
        )  # fmt: skip


def gate_routes(router: BaseRouter) -> None:
    """Register the viewsets of gates."""
    router.register("visit-gates", VisitGateViewSet, basename="visit-gate")
    router.register("site-gates", SiteGateViewSet, basename="site-gate")
    router.register("overrides", OverrideViewSet, basename="override")
