"""`/api/v1/protocol-templates/` and `/protocol-versions/`: reading, drafting and the acts of review."""

from __future__ import annotations

from typing import Any, cast

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter
from rest_framework.viewsets import ViewSet

from protocols import services
from protocols.lexicon import check_text
from protocols.models import OutsideReview, ProtocolTemplate, ProtocolVersion
from protocols.serializers import (
    ApproveSerializer,
    DraftSerializer,
    ImportSerializer,
    LanguageFindingsSerializer,
    LanguageSerializer,
    NothingSerializer,
    OutsideAskSerializer,
    OutsideCodeSerializer,
    OutsideReviewSerializer,
    ReasonSerializer,
    RetireSerializer,
    ReviseSerializer,
    TemplateSerializer,
    VersionSerializer,
    VersionTextSerializer,
)
from protocols.services.files import export_file, export_plan_definition
from protocols.services.review import changes_of
from protocols.signing import require_signature
from staff.access import fetch_for, require
from staff.api import ServiceViewSet, checked, etag, expected_version, idempotent
from staff.errors import InvalidInput
from staff.views.acts import base_url


class TemplateFilter(django_filters.FilterSet):
    """By the name in addresses."""

    slug = django_filters.CharFilter()


class VersionFilter(django_filters.FilterSet):
    """By template (code) and status."""

    template = django_filters.UUIDFilter(field_name="template__code")
    status = django_filters.ChoiceFilter(choices=ProtocolVersion.Status.choices)


class TemplateViewSet(ServiceViewSet):
    """Named protocols."""

    queryset = ProtocolTemplate.objects.none()  # names the model for the schema; get_queryset() decides
    serializer_class = TemplateSerializer
    filterset_class = TemplateFilter

    def get_queryset(self) -> QuerySet[ProtocolTemplate]:
        """What the caller may see, with the versions needed to name the active one."""
        ladder = ProtocolVersion.objects.visible_to(self.user)
        return ProtocolTemplate.objects.visible_to(self.user).with_ladder(ladder)

    def list(self, request: Request) -> Response:
        """A page of protocols."""
        require(request.user, "protocol.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(TemplateSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One protocol."""
        ladder = ProtocolVersion.objects.visible_to(self.user)
        templates = ProtocolTemplate.objects.with_ladder(ladder)
        return Response(
            TemplateSerializer(fetch_for(templates, self.user, code, action="protocol.view")).data
        )


class VersionViewSet(ServiceViewSet):
    """Texts of protocols. Acts need If-Match with the ETag that was read."""

    queryset = ProtocolVersion.objects.none()  # names the model for the schema; get_queryset() decides
    serializer_class = VersionTextSerializer
    filterset_class = VersionFilter

    def get_queryset(self) -> QuerySet[ProtocolVersion]:
        """What the caller may see: drafts only for those who write or approve."""
        return ProtocolVersion.objects.visible_to(self.user).with_people()

    def _fetch(self, code: str, act: str) -> ProtocolVersion:
        found = fetch_for(ProtocolVersion.objects.with_people(), self.user, code, action=act)
        return cast("ProtocolVersion", found)

    @extend_schema(responses=VersionSerializer(many=True))
    def list(self, request: Request) -> Response:
        """A page of versions without their text."""
        require(request.user, "protocol.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()).defer("definition"))
        return self.get_paginated_response(VersionSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One version with its whole text and documents."""
        return _version(self._fetch(code, "protocol.view"))

    @extend_schema(request=DraftSerializer, responses=VersionTextSerializer)
    def partial_update(self, request: Request, code: str) -> Response:
        """Replace the text of a draft. 409 when it is no draft any more."""
        version = self._fetch(code, "protocol.edit")
        expected = expected_version(request, version.code)
        data = checked(DraftSerializer(data=request.data))
        services.update_draft(
            version=version,
            data=data["definition"],
            change_note=data.get("change_note"),
            expected_version=expected,
            by=self.user,
        )
        return _version(self._fetch(code, "protocol.edit"))

    @extend_schema(request=None, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, code: str) -> Response:
        """I have read the rationale of this version. Repeating it is harmless."""
        row = services.acknowledge_rationale(version=self._fetch(code, "protocol.view"), by=self.user)
        body = {"code": str(row.code), "sha256": row.sha256, "acknowledged_at": row.acknowledged_at}
        return Response(body, status=201)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def export(self, request: Request, code: str) -> HttpResponse:
        """The version as a protocol file, byte for byte as from the page."""
        return HttpResponse(export_file(self._fetch(code, "protocol.view")), content_type="application/json")

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"], url_path="plan-definition")
    def plan_definition(self, request: Request, code: str) -> HttpResponse:
        """The version as a FHIR R4 PlanDefinition."""
        text = export_plan_definition(self._fetch(code, "protocol.view"))
        return HttpResponse(text, content_type="application/fhir+json")

    @extend_schema(request=ImportSerializer, responses={201: VersionSerializer})
    @action(detail=False, methods=["post"], url_path="import")
    def take_in(self, request: Request) -> Response:
        """A protocol file or PlanDefinition, as text in `content`, as the first draft of a new protocol."""
        require(request.user, "protocol.edit")

        def act() -> Response:
            data = checked(ImportSerializer(data=request.data))
            draft = services.import_file(
                raw=data["content"].encode(), slug=data["slug"], name=data["name"], by=self.user
            )
            return Response(VersionSerializer(draft).data, status=201)

        return idempotent(request, "protocol-versions/import", act)

    @extend_schema(request=ReviseSerializer, responses={201: VersionSerializer})
    @action(detail=True, methods=["post"])
    def revise(self, request: Request, code: str) -> Response:
        """Copy a published version into the next draft. Needs Idempotency-Key."""
        version = self._fetch(code, "protocol.edit")
        data = checked(ReviseSerializer(data=request.data))

        def act() -> Response:
            draft = services.revise_version(version=version, by=self.user, **data)
            return Response(VersionSerializer(draft).data, status=201)

        return idempotent(request, f"protocol-versions/{version.code}/revise", act)

    @extend_schema(request=NothingSerializer, responses=VersionTextSerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, code: str) -> Response:
        """Hand a draft over for approval."""
        version = self._fetch(code, "protocol.edit")
        expected = expected_version(request, version.code)
        checked(NothingSerializer(data=request.data))
        services.submit(version=version, expected_version=expected, by=self.user)
        return _version(self._fetch(code, "protocol.view"))

    @extend_schema(request=ReasonSerializer, responses=VersionTextSerializer)
    @action(detail=True, methods=["post"], url_path="return")
    def give_back(self, request: Request, code: str) -> Response:
        """Give a text back to its author."""
        version = self._fetch(code, "protocol.approve")
        expected = expected_version(request, version.code)
        data = checked(ReasonSerializer(data=request.data))
        services.return_to_draft(
            version=version, note=data["reason"], expected_version=expected, by=self.user
        )
        return _version(self._fetch(code, "protocol.view"))

    @extend_schema(request=ApproveSerializer, responses=VersionTextSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, code: str) -> Response:
        """Sign and activate. Only in a browser session whose password was given within the last minutes."""
        version = self._fetch(code, "protocol.approve")
        require_signature(request)
        expected = expected_version(request, version.code)
        data = checked(ApproveSerializer(data=request.data))
        services.approve_and_activate(
            version=version,
            seen_sha256=data["sha256"],
            changes=changes_of(data),
            change_reason=data.get("change_reason", ""),
            expected_version=expected,
            by=self.user,
        )
        return _version(self._fetch(code, "protocol.view"))

    @extend_schema(request=None, responses=OutsideReviewSerializer(many=True))
    @action(detail=True, methods=["get"], url_path="outside-reviews")
    def outside_reviews(self, request: Request, code: str) -> Response:
        """The links to reviewers outside the clinic, newest first, with their answers."""
        act = "protocol.approve" if self.user.may("protocol.approve") else "protocol.edit"
        rows = self._fetch(code, act).outside_reviews.select_related("sent_by")
        return Response(OutsideReviewSerializer(rows, many=True).data)

    @extend_schema(request=OutsideAskSerializer, responses={201: OutsideReviewSerializer})
    @outside_reviews.mapping.post
    def ask_outside(self, request: Request, code: str) -> Response:
        """Send a link to a named reviewer. Needs If-Match and Idempotency-Key; 409 link-open when one is open."""
        version = self._fetch(code, "protocol.edit")
        expected = expected_version(request, version.code)
        data = checked(OutsideAskSerializer(data=request.data))

        def act() -> Response:
            review = services.ask_outside(version=version, expected_version=expected, by=self.user, **data)
            services.hand_over(review, base_url(request._request), by=self.user)
            review.refresh_from_db()
            return Response(OutsideReviewSerializer(review).data, status=201)

        return idempotent(request, f"protocol-versions/{version.code}/outside-reviews", act)

    @extend_schema(request=OutsideCodeSerializer, responses=OutsideReviewSerializer)
    @action(detail=True, methods=["post"], url_path="outside-reviews/end")
    def end_outside(self, request: Request, code: str) -> Response:
        """Take a link back that was not answered. Repeating it changes nothing."""
        review = self._link(request, code)
        return Response(OutsideReviewSerializer(services.take_back(review=review, by=self.user)).data)

    @extend_schema(request=OutsideCodeSerializer, responses=OutsideReviewSerializer)
    @action(detail=True, methods=["post"], url_path="outside-reviews/send-again")
    def send_outside_again(self, request: Request, code: str) -> Response:
        """Send the message of an open link once more. `handed_over_at` stays when the mail server does not take it."""
        review = self._link(request, code)
        services.hand_over(review, base_url(request._request), by=self.user)
        review.refresh_from_db()
        return Response(OutsideReviewSerializer(review).data)

    def _link(self, request: Request, code: str) -> OutsideReview:
        version = self._fetch(code, "protocol.edit")
        wanted = checked(OutsideCodeSerializer(data=request.data))["code"]
        rows = version.outside_reviews.select_related("version__template", "sent_by")
        found = rows.filter(code=wanted).first()
        if found is None:
            raise InvalidInput("This version has no such link.", code="unknown-link", field="code")
        return found

    @extend_schema(request=RetireSerializer, responses=VersionTextSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, code: str) -> Response:
        """Take a published text out of use."""
        version = self._fetch(code, "protocol.edit")
        expected = expected_version(request, version.code)
        data = checked(RetireSerializer(data=request.data))
        services.retire(
            version=version,
            reason=data["reason"],
            running=data["running"],
            expected_version=expected,
            by=self.user,
        )
        return _version(self._fetch(code, "protocol.view"))


def _version(version: ProtocolVersion) -> Response:
    return Response(
        VersionTextSerializer(version).data, headers={"ETag": etag(version.code, version.version)}
    )


class LanguageCheckViewSet(ViewSet):
    """The clinical-language check of any text; nothing is stored. The command `check_language` does the same."""

    @extend_schema(request=LanguageSerializer, responses=LanguageFindingsSerializer)
    def create(self, request: Request) -> Response:
        """Findings in document order, with the counts of errors and warnings."""
        require(request.user, "protocol.view")
        data = checked(LanguageSerializer(data=request.data))
        findings = check_text(data["text"], markdown=data["markdown"])
        errors = sum(found.severity == "error" for found in findings)
        return Response(
            {
                "errors": errors,
                "warnings": len(findings) - errors,
                "findings": [found.as_json() for found in findings],
            }
        )


def api_routes(router: BaseRouter) -> None:
    """Register this app's endpoints."""
    router.register("language-checks", LanguageCheckViewSet, basename="language-check")
    router.register("protocol-templates", TemplateViewSet, basename="protocol-template")
    router.register("protocol-versions", VersionViewSet, basename="protocol-version")
