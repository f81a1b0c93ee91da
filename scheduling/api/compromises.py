"""Compromises in dose, duration and route by month, over the API. Read only."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.api.replan import site_named
from scheduling.compromises import COLUMNS, compromises, line_of
from staff.access import require
from staff.api import ServiceViewSet
from staff.clock import app_now
from staff.strict import parse_integer


class CompromiseViewSet(ServiceViewSet):
    """Infusions given in a weaker form than the studied one, with the stated reason, by month."""

    @extend_schema(
        parameters=[OpenApiParameter("site", OpenApiTypes.UUID), OpenApiParameter("months", int)],
        responses=OpenApiTypes.OBJECT,
    )
    def list(self, request: Request) -> Response:
        """The months up to and with the present one, newest first."""
        require(request.user, "protocol.view")
        site = site_named(request.query_params.get("site", ""), self.user)
        months = parse_integer(
            request.query_params.get("months", "6"), field="months", min_value=1, max_value=24
        )
        rows = compromises(site, months, app_now())
        return Response({"compromises": [dict(zip(COLUMNS, line_of(row), strict=True)) for row in rows]})
