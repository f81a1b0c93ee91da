"""Consents, safety contacts and outcome scores: listed, and added once per Idempotency-Key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patients.access import get_patient_for
from protocols.models import ProtocolDocument
from sessions import services
from sessions.access import get_consent_for, get_safety_contact_for
from sessions.models import Consent, OutcomeScore, SafetyContact
from sessions.serializers_patient import (
    ConsentCreateSerializer,
    ConsentSerializer,
    OutcomeScoreCreateSerializer,
    OutcomeScoreSerializer,
    SafetyContactCreateSerializer,
    SafetyContactSerializer,
    WithdrawSerializer,
)
from staff.access import require
from staff.api import ServiceViewSet, checked, idempotent
from staff.errors import InvalidInput
from staff.models import User


class OfPatientFilter(django_filters.FilterSet):
    """By patient (code)."""

    patient = django_filters.UUIDFilter(field_name="patient__code")


class PatientFactViewSet(ServiceViewSet):
    """List and create of one kind of fact."""

    model: Any
    route = ""
    related: tuple[str, ...] = ("patient",)
    filterset_class = OfPatientFilter

    def get_queryset(self) -> QuerySet[Any]:
        """Only facts of patients the caller may see."""
        found: QuerySet[Any] = self.model.objects.visible_to(self.user).select_related(*self.related)
        return found

    def list(self, request: Request) -> Response:
        """A page, newest first; filter by patient."""
        require(request.user, "patient.view")
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer_class()(page, many=True).data)

    def add(
        self, request: Request, body: type[Any], action: str, do: Callable[[Any, dict[str, Any]], object]
    ) -> Response:
        """Create one fact for the patient named in the body."""
        require(request.user, action)
        data = checked(body(data=request.data))
        patient = get_patient_for(self.user, data.pop("patient"), action=action)

        def act() -> Response:
            return Response(self.get_serializer_class()(do(patient, data)).data, status=201)

        return idempotent(request, self.route, act)


class ConsentViewSet(PatientFactViewSet):
    """Consents. Withdrawal needs neither If-Match nor a key: it is accepted at every moment."""

    model = Consent
    route = "consents"
    related = ("patient", "document", "representative")
    serializer_class = ConsentSerializer

    def retrieve(self, request: Request, code: str) -> Response:
        """One consent."""
        return Response(ConsentSerializer(get_consent_for(self.user, code)).data)

    @extend_schema(request=ConsentCreateSerializer, responses={201: ConsentSerializer})
    def create(self, request: Request) -> Response:
        """Record consent. 422 consent-under-drug-effect between a pump start and the therapy time."""

        def do(patient: Any, data: dict[str, Any]) -> Consent:
            document = _document(data.pop("document"))
            if (code := data.pop("representative", None)) is not None:
                data["representative"] = _representative(patient, code)
            return services.record_consent(patient=patient, document=document, by=self.user, **data)

        return self.add(request, ConsentCreateSerializer, "infusion.record", do)

    @extend_schema(request=WithdrawSerializer, responses=ConsentSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, code: str) -> Response:
        """Withdraw it."""
        consent = get_consent_for(self.user, code)
        data = checked(WithdrawSerializer(data=request.data))
        return Response(
            ConsentSerializer(services.withdraw_consent(consent=consent, by=self.user, **data)).data
        )


class SafetyContactViewSet(PatientFactViewSet):
    """Safety contacts: any clinical role, any moment, never refused by a rule."""

    model = SafetyContact
    route = "safety-contacts"
    related = ("patient", "entered_by", "next_owner")
    serializer_class = SafetyContactSerializer

    def retrieve(self, request: Request, code: str) -> Response:
        """One safety contact."""
        return Response(SafetyContactSerializer(get_safety_contact_for(self.user, code)).data)

    @extend_schema(request=SafetyContactCreateSerializer, responses={201: SafetyContactSerializer})
    def create(self, request: Request) -> Response:
        """Record one."""

        def do(patient: Any, data: dict[str, Any]) -> SafetyContact:
            owner = _colleague(data.pop("next_owner", None))
            return services.record_safety_contact(patient=patient, next_owner=owner, by=self.user, **data)

        return self.add(request, SafetyContactCreateSerializer, "safety_contact.record", do)


class OutcomeScoreViewSet(PatientFactViewSet):
    """Outcome scores."""

    model = OutcomeScore
    route = "outcome-scores"
    serializer_class = OutcomeScoreSerializer

    @extend_schema(request=OutcomeScoreCreateSerializer, responses={201: OutcomeScoreSerializer})
    def create(self, request: Request) -> Response:
        """Record one."""

        def do(patient: Any, data: dict[str, Any]) -> OutcomeScore:
            return services.record_outcome(patient=patient, by=self.user, **data)

        return self.add(request, OutcomeScoreCreateSerializer, "follow_up.complete", do)


def _document(code: UUID) -> ProtocolDocument:
    found = ProtocolDocument.objects.filter(code=code).first()
    if found is None:
        raise InvalidInput("There is no text with this code.", code="unknown-document", field="document")
    return found


def _representative(patient: Any, code: UUID) -> Any:
    found = patient.representatives.filter(code=code).first()
    if found is None:
        raise InvalidInput(
            "This person does not sign for the patient.",
            code="unknown-representative",
            field="representative",
        )
    return found


def _colleague(code: UUID | None) -> User | None:
    if code is None:
        return None
    found = User.objects.filter(code=code, is_active=True).first()
    if found is None:
        raise InvalidInput("There is nobody with this code.", code="unknown-person", field="next_owner")
    return found
