"""`/api/v1/patients/` and `/api/v1/contact-points/`: the same services as the pages. There is no delete."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from patients import services
from patients.access import get_contact_point_for, get_patient_for, get_representative_for
from patients.api_external import ExternalTherapistViewSet, TherapistReleaseViewSet
from patients.api_history import HistoryActions
from patients.models import ContactPoint, LegalRepresentative, Patient
from patients.serializers import (
    ContactPointCreateSerializer,
    ContactPointSerializer,
    NothingSerializer,
    PatientChangeSerializer,
    PatientCreateSerializer,
    PatientSerializer,
    RepresentativeCreateSerializer,
    RepresentativeEndSerializer,
    RepresentativeSerializer,
    SearchSerializer,
    StatusSerializer,
    TeamSerializer,
    VerifySerializer,
)
from staff.access import require
from staff.api import ServiceViewSet, checked, etag, expected_version
from staff.errors import InvalidInput
from staff.models import User


class PatientFilter(django_filters.FilterSet):
    """By site, status and therapist (codes). Names and record numbers: POST search/."""

    site = django_filters.UUIDFilter(field_name="site__code")
    status = django_filters.ChoiceFilter(choices=Patient.Status.choices)
    therapist = django_filters.UUIDFilter(field_name="therapist__code")
    unassigned = django_filters.BooleanFilter(field_name="therapist", lookup_expr="isnull")


class ContactPointFilter(django_filters.FilterSet):
    """By patient (code) and channel."""

    patient = django_filters.UUIDFilter(field_name="patient__code")
    channel = django_filters.ChoiceFilter(choices=ContactPoint.Channel.choices)


class RepresentativeFilter(django_filters.FilterSet):
    """By patient (code)."""

    patient = django_filters.UUIDFilter(field_name="patient__code")


def person(code: UUID | None, field: str) -> User | None:
    """The colleague with this code; None for None. Raises InvalidInput at `field`."""
    if code is None:
        return None
    found = User.objects.filter(code=code, is_active=True).first()
    if found is None:
        raise InvalidInput("There is nobody with this code.", code="unknown-person", field=field)
    return found


class PatientViewSet(HistoryActions):
    """Patients whom the caller may see. Changes need If-Match with the ETag that was read."""

    queryset = Patient.objects.none()  # names the model for the schema; get_queryset() decides
    serializer_class = PatientSerializer
    filterset_class = PatientFilter

    def get_queryset(self) -> QuerySet[Patient]:
        """Only what the caller may see."""
        return Patient.objects.visible_to(self.user).with_people()

    def list(self, request: Request) -> Response:
        """A page of patients, newest first."""
        require(request.user, "patient.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(PatientSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One patient, with an ETag."""
        return _patient(get_patient_for(self.user, code))

    @extend_schema(request=PatientCreateSerializer, responses={201: PatientSerializer})
    def create(self, request: Request) -> Response:
        """Register a patient. 409: record number in use. 422: compare a similar name first."""
        require(request.user, "patient.edit")
        data = checked(PatientCreateSerializer(data=request.data))
        site = self.user.sites.filter(code=data.pop("site")).first()
        if site is None:
            raise InvalidInput("You do not work at a site with this code.", code="unknown-site", field="site")
        for name in ("therapist", "prescriber"):
            data[name] = person(data.get(name), name)
        return _patient(services.create_patient(site=site, by=self.user, **data), status=201)

    @extend_schema(request=PatientChangeSerializer, responses=PatientSerializer)
    def partial_update(self, request: Request, code: str) -> Response:
        """Change identity fields; what is not sent stays."""
        patient = get_patient_for(self.user, code, action="patient.edit")
        version = expected_version(request, patient.code)
        changes = checked(PatientChangeSerializer(data=request.data, partial=True))
        confirmed = changes.pop("confirm_different", False)
        return _patient(
            services.update_patient(
                patient=patient,
                changes=changes,
                expected_version=version,
                confirm_different=confirmed,
                by=self.user,
            )
        )

    @extend_schema(request=TeamSerializer, responses=PatientSerializer)
    @action(detail=True, methods=["post"])
    def team(self, request: Request, code: str) -> Response:
        """Set therapist and prescriber."""
        patient = get_patient_for(self.user, code, action="patient.edit")
        version = expected_version(request, patient.code)
        data = checked(TeamSerializer(data=request.data))
        people: dict[str, Any] = {name: person(data[name], name) for name in ("therapist", "prescriber")}
        return _patient(
            services.assign_team(patient=patient, expected_version=version, by=self.user, **people)
        )

    @extend_schema(request=StatusSerializer, responses=PatientSerializer)
    @action(detail=True, methods=["post"])
    def status(self, request: Request, code: str) -> Response:
        """Set the status."""
        patient = get_patient_for(self.user, code, action="patient.edit")
        version = expected_version(request, patient.code)
        data = checked(StatusSerializer(data=request.data))
        return _patient(services.set_status(patient=patient, expected_version=version, by=self.user, **data))

    @extend_schema(request=SearchSerializer, responses=PatientSerializer(many=True), filters=False)
    @action(detail=False, methods=["post"])
    def search(self, request: Request) -> Response:
        """Find by name, beginning of the record number, or birth date; in the body, never in the address."""
        require(request.user, "patient.view")
        text = checked(SearchSerializer(data=request.data))["q"]
        page: Any = self.paginate_queryset(Patient.objects.visible_to(self.user).with_people().matching(text))
        return self.get_paginated_response(PatientSerializer(page, many=True).data)


def _patient(patient: Patient, status: int = 200) -> Response:
    return Response(
        PatientSerializer(patient).data, status=status, headers={"ETag": etag(patient.code, patient.version)}
    )


class ContactPointViewSet(ServiceViewSet):
    """Addresses of patients. Never edited: add the new one and opt the old one out."""

    queryset = ContactPoint.objects.none()  # names the model for the schema; get_queryset() decides
    serializer_class = ContactPointSerializer
    filterset_class = ContactPointFilter

    def get_queryset(self) -> QuerySet[ContactPoint]:
        """Only those of patients the caller may see."""
        found: QuerySet[ContactPoint] = ContactPoint.objects.visible_to(self.user).select_related(
            "patient", "representative", "external_therapist"
        )
        return found

    def list(self, request: Request) -> Response:
        """A page of addresses; filter by patient."""
        require(request.user, "patient.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(ContactPointSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One address, with an ETag."""
        return _point(get_contact_point_for(self.user, code, action="patient.view"))

    @extend_schema(request=ContactPointCreateSerializer, responses={201: ContactPointSerializer})
    def create(self, request: Request) -> Response:
        """Put an address on file. 409 when it is there already."""
        require(request.user, "patient.edit")
        data = checked(ContactPointCreateSerializer(data=request.data))
        patient = get_patient_for(self.user, data.pop("patient"), action="patient.edit")
        if (code := data.pop("representative", None)) is not None:
            data["representative"] = _representative(patient, code)
        if data.get("whose") == ContactPoint.Whose.EXTERNAL:
            data["external"] = patient.external_therapist
        return _point(services.add_contact_point(patient=patient, by=self.user, **data), status=201)

    @extend_schema(request=VerifySerializer, responses=ContactPointSerializer)
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, code: str) -> Response:
        """Compare with the address that the patient read back."""
        point = get_contact_point_for(self.user, code)
        version = expected_version(request, point.code)
        again = checked(VerifySerializer(data=request.data))["address_again"]
        return _point(
            services.verify_contact_point(
                contact_point=point, address_again=again, expected_version=version, by=self.user
            )
        )

    @extend_schema(request=NothingSerializer, responses=ContactPointSerializer)
    @action(detail=True, methods=["post"])
    def consent(self, request: Request, code: str) -> Response:
        """The patient agrees to messages to this address."""
        point = get_contact_point_for(self.user, code)
        version = expected_version(request, point.code)
        checked(NothingSerializer(data=request.data))
        return _point(
            services.consent_contact_point(contact_point=point, expected_version=version, by=self.user)
        )

    @extend_schema(request=NothingSerializer, responses=ContactPointSerializer)
    @action(detail=True, methods=["post"])
    def prefer(self, request: Request, code: str) -> Response:
        """Use this address first."""
        point = get_contact_point_for(self.user, code)
        version = expected_version(request, point.code)
        checked(NothingSerializer(data=request.data))
        return _point(services.set_preferred(contact_point=point, expected_version=version, by=self.user))

    @extend_schema(request=NothingSerializer, responses=ContactPointSerializer)
    @action(detail=True, methods=["post"], url_path="opt-out")
    def opt_out(self, request: Request, code: str) -> Response:
        """No more messages to this address. Needs no If-Match: it is accepted at every moment."""
        point = get_contact_point_for(self.user, code)
        checked(NothingSerializer(data=request.data))
        return _point(services.opt_out(contact_point=point, by=self.user))


def _representative(patient: Patient, code: UUID) -> LegalRepresentative:
    found = patient.representatives.filter(code=code).first()
    if found is None:
        raise InvalidInput(
            "This is no representative of the patient.", code="unknown-representative", field="representative"
        )
    return found


class RepresentativeViewSet(ServiceViewSet):
    """Legal representatives of adult patients. Ended, never changed."""

    queryset = LegalRepresentative.objects.none()  # names the model for the schema; get_queryset() decides
    serializer_class = RepresentativeSerializer
    filterset_class = RepresentativeFilter

    def get_queryset(self) -> QuerySet[LegalRepresentative]:
        """Only those of patients the caller may see."""
        found: QuerySet[LegalRepresentative] = LegalRepresentative.objects.visible_to(self.user)
        return found.select_related("patient")

    def list(self, request: Request) -> Response:
        """A page of representatives; filter by patient."""
        require(request.user, "patient.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(RepresentativeSerializer(page, many=True).data)

    @extend_schema(request=RepresentativeCreateSerializer, responses={201: RepresentativeSerializer})
    def create(self, request: Request) -> Response:
        """Record one. The same person twice is stored once."""
        require(request.user, "patient.edit")
        data = checked(RepresentativeCreateSerializer(data=request.data))
        patient = get_patient_for(self.user, data.pop("patient"), action="patient.edit")
        made = services.record_representative(patient=patient, by=self.user, **data)
        return Response(RepresentativeSerializer(made).data, status=201)

    @extend_schema(request=RepresentativeEndSerializer, responses=RepresentativeSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, code: str) -> Response:
        """They no longer sign; no message goes to them. Repeating it changes nothing."""
        row = get_representative_for(self.user, code)
        data = checked(RepresentativeEndSerializer(data=request.data))
        ended = services.end_representative(representative=row, by=self.user, **data)
        return Response(RepresentativeSerializer(ended).data)


def _point(point: ContactPoint, status: int = 200) -> Response:
    return Response(
        ContactPointSerializer(point).data, status=status, headers={"ETag": etag(point.code, point.version)}
    )


def api_routes(router: BaseRouter) -> None:
    """Register this app's endpoints."""
    router.register("patients", PatientViewSet, basename="patient")
    router.register("contact-points", ContactPointViewSet, basename="contact-point")
    router.register("representatives", RepresentativeViewSet, basename="representative")
    router.register("outside-therapists", ExternalTherapistViewSet, basename="outside-therapist")
    router.register("releases", TherapistReleaseViewSet, basename="release")
