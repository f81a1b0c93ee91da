"""`/api/v1/outside-therapists/` and `releases/`: the patient's therapist outside, and what they may be told."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patients import services
from patients.access import external_of_site, get_patient_for, get_release_for
from patients.models import ExternalTherapist, Patient, TherapistRelease
from patients.serializers import (
    ExternalTherapistCreateSerializer,
    ExternalTherapistSerializer,
    ExternalTherapyEndSerializer,
    TherapistReleaseCreateSerializer,
    TherapistReleaseRevokeSerializer,
    TherapistReleaseSerializer,
)
from staff.access import require
from staff.api import ServiceViewSet, checked
from staff.errors import InvalidInput


class ReleaseFilter(django_filters.FilterSet):
    """By patient and by therapist (codes)."""

    patient = django_filters.UUIDFilter(field_name="patient__code")
    therapist = django_filters.UUIDFilter(field_name="therapist__code")


class ExternalTherapistViewSet(ServiceViewSet):
    """Therapists outside the clinic who treat patients that the caller may see."""

    queryset = ExternalTherapist.objects.none()  # names the model for the schema; get_queryset() decides
    serializer_class = ExternalTherapistSerializer

    def get_queryset(self) -> QuerySet[ExternalTherapist]:
        """Those of visible patients; for who may edit patients, everybody known at their sites."""
        mine = Patient.objects.visible_to(self.user)
        rows = ExternalTherapist.objects.select_related("site").order_by("name", "pk")
        if self.user.may("patient.edit"):
            return rows.filter(site__in=self.user.site_ids())
        return rows.filter(patients__in=mine).distinct()

    def list(self, request: Request) -> Response:
        """A page of them."""
        require(request.user, "patient.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(ExternalTherapistSerializer(page, many=True).data)

    @extend_schema(request=ExternalTherapistCreateSerializer, responses={201: ExternalTherapistSerializer})
    def create(self, request: Request) -> Response:
        """Therapy of this patient is with them from now on. The same again changes nothing."""
        require(request.user, "patient.edit")
        data = checked(ExternalTherapistCreateSerializer(data=request.data))
        patient = get_patient_for(self.user, data.pop("patient"), action="patient.edit")
        if (code := data.pop("known", None)) is not None:
            data["known"] = _known(patient, code)
        made = services.record_external(patient=patient, by=self.user, **data)
        return Response(ExternalTherapistSerializer(made).data, status=201)

    @extend_schema(request=ExternalTherapyEndSerializer, responses={204: None})
    @action(detail=False, methods=["post"])
    def end(self, request: Request) -> Response:
        """Therapy of this patient is at the clinic again; the release ends. Repeating it changes nothing."""
        data = checked(ExternalTherapyEndSerializer(data=request.data))
        patient = get_patient_for(self.user, data["patient"], action="patient.edit")
        services.end_external(patient=patient, by=self.user)
        return Response(status=204)


class TherapistReleaseViewSet(ServiceViewSet):
    """Releases of information to therapists outside. Kept as signed; revoked at every moment."""

    queryset = TherapistRelease.objects.none()
    serializer_class = TherapistReleaseSerializer
    filterset_class = ReleaseFilter

    def get_queryset(self) -> QuerySet[TherapistRelease]:
        """Only those of patients the caller may see."""
        found: QuerySet[TherapistRelease] = TherapistRelease.objects.visible_to(self.user)
        return found.select_related("patient", "therapist")

    def list(self, request: Request) -> Response:
        """A page of releases, newest first."""
        require(request.user, "patient.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(TherapistReleaseSerializer(page, many=True).data)

    @extend_schema(request=TherapistReleaseCreateSerializer, responses={201: TherapistReleaseSerializer})
    def create(self, request: Request) -> Response:
        """The patient has signed one. It replaces an older one to the same therapist."""
        require(request.user, "patient.edit")
        data = checked(TherapistReleaseCreateSerializer(data=request.data))
        patient = get_patient_for(self.user, data.pop("patient"), action="patient.edit")
        therapist = _known(patient, data.pop("therapist"))
        made = services.record_release(patient=patient, therapist=therapist, by=self.user, **data)
        return Response(TherapistReleaseSerializer(made).data, status=201)

    @extend_schema(request=TherapistReleaseRevokeSerializer, responses=TherapistReleaseSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, code: str) -> Response:
        """The patient takes it back. Needs no If-Match: it is accepted at every moment. Twice is once."""
        row = get_release_for(self.user, code)
        data = checked(TherapistReleaseRevokeSerializer(data=request.data))
        return Response(
            TherapistReleaseSerializer(services.revoke_release(release=row, by=self.user, **data)).data
        )


def _known(patient: Patient, code: Any) -> ExternalTherapist:
    try:
        return external_of_site(patient, code)
    except Http404 as error:
        raise InvalidInput(
            "There is no therapist with this code at the patient's site.",
            code="unknown-person",
            field="therapist",
        ) from error
