"""`/api/v1/imports/`: a spreadsheet of patients and future visits as text, checked or imported."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from protocols.signing import require_signature
from scheduling.services.imports import import_bookings
from staff.access import require
from staff.api import ServiceViewSet, StrictBooleanField, StrictSerializer, idempotent
from staff.errors import InvalidInput
from staff.models import Site

MOST_ROWS = 300


class SpreadsheetSerializer(StrictSerializer):
    """The text of the file. `dry_run` writes nothing; `together`: all patients or none.

    `eligible`: the caller, a prescriber, signs the eligibility checklist of each patient; writing needs the password
    given again in this browser session, as every signature does.
    """

    site = serializers.UUIDField()
    csv = serializers.CharField(max_length=200_000, trim_whitespace=False)
    dry_run = StrictBooleanField(default=True)
    together = StrictBooleanField(default=True)
    eligible = StrictBooleanField(default=False)


class ImportViewSet(ServiceViewSet):
    """Imports; there is nothing to list."""

    serializer_class = SpreadsheetSerializer

    @extend_schema(request=SpreadsheetSerializer, responses=OpenApiTypes.OBJECT)
    def create(self, request: Request) -> Response:
        """The report: counts, and each problem with its row and column. Needs Idempotency-Key. At most 300 rows."""
        require(request.user, "series.book")

        def act() -> Response:
            serializer = SpreadsheetSerializer(data=request.data)
            serializer.is_valid(raise_exception=True)
            data = serializer.validated_data
            site = Site.objects.filter(code=data["site"], pk__in=self.user.site_ids()).first()
            if site is None:
                raise InvalidInput("There is no such site.", code="unknown-site", field="site")
            if data["eligible"] and not data["dry_run"]:
                require_signature(request)
            report = import_bookings(
                site=site,
                raw=data["csv"].encode("utf-8", "replace"),
                by=self.user,
                dry_run=data["dry_run"],
                together=data["together"],
                eligible=data["eligible"],
                most_rows=MOST_ROWS,
            )
            return Response(report.as_data(), status=201 if report.written else 200)

        return idempotent(request, "imports", act)


def import_routes(router: BaseRouter) -> None:
    """Register this part."""
    router.register("imports", ImportViewSet, basename="import")
