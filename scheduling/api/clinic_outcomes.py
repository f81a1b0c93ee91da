"""Outcomes of the clinic, over the API. Read only."""

from __future__ import annotations

from datetime import timedelta

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.api.replan import site_named
from scheduling.outcome_report import COLUMNS, lines_of, outcome_report
from scheduling.utilisation import monday_of
from staff.access import require
from staff.api import ServiceViewSet
from staff.clock import app_now
from staff.strict import parse_integer


class ClinicOutcomeViewSet(ServiceViewSet):
    """Windows used, time to therapy, response and remission by protocol version, messages, chairs."""

    @extend_schema(
        parameters=[OpenApiParameter("site", OpenApiTypes.UUID), OpenApiParameter("weeks", int)],
        responses=OpenApiTypes.OBJECT,
    )
    def list(self, request: Request) -> Response:
        """The figures of the weeks up to and with the present one, one object each."""
        require(request.user, "appointment.view")
        site = site_named(request.query_params.get("site", ""), self.user)
        weeks = parse_integer(
            request.query_params.get("weeks", "8"), field="weeks", min_value=1, max_value=53
        )
        now = app_now()
        first = monday_of(now, site) - timedelta(days=7 * (weeks - 1))
        rows = lines_of(outcome_report(site, first, weeks, now))
        return Response({"from": first, "figures": [dict(zip(COLUMNS, row, strict=True)) for row in rows]})
