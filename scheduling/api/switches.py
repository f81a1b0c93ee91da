"""Switching a patient to another protocol over the API: what would change, and the signed act."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from protocols.models import ProtocolVersion
from protocols.signing import require_signature
from scheduling.access import get_series_for
from scheduling.services.switches import Wanted, preview_switch, switch_series
from staff.api import (
    StrictCharField,
    StrictDateField,
    StrictDecimalField,
    StrictSerializer,
    checked,
    expected_version,
)
from staff.errors import InvalidInput
from staff.models import User


class SwitchPreviewSerializer(StrictSerializer):
    """What to switch to."""

    to_version = serializers.UUIDField()
    first_day = StrictDateField()
    weight_kg = StrictDecimalField(max_digits=5, decimal_places=1, min_value=20, max_value=350)


class SwitchSerializer(SwitchPreviewSerializer):
    """The signature: `sha256` names the diff that was seen."""

    reason = StrictCharField(max_length=300)
    sha256 = StrictCharField(min_length=64, max_length=64)


class SeriesSwitches:
    """For the series viewset."""

    user: User

    @extend_schema(request=SwitchPreviewSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"], url_path="switch-preview")
    def switch_preview(self, request: Request, code: str) -> Response:
        """What switching would change, and the digest to sign. Nothing is written."""
        series = get_series_for(self.user, code, action="series.move_version")
        data = checked(SwitchPreviewSerializer(data=request.data))
        diff = preview_switch(series=series, wanted=_wanted(data), by=self.user)
        if diff.refusal is not None:
            raise diff.refusal
        return Response(diff.as_json | {"sha256": diff.sha256})

    @extend_schema(request=SwitchSerializer, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def switch(self, request: Request, code: str) -> Response:
        """End this series and book the other. Needs If-Match, and a password given within the last minutes."""
        series = get_series_for(self.user, code, action="series.move_version")
        require_signature(request)
        expected = expected_version(request, series.code)
        data = checked(SwitchSerializer(data=request.data))
        row = switch_series(
            series=series,
            wanted=_wanted(data),
            seen_sha256=data["sha256"],
            reason=data["reason"],
            expected_version=expected,
            by=self.user,
        )
        body = {
            "code": str(row.code),
            "to_series": str(row.to_series.code),
            "sha256": row.sha256,
            "diff": row.diff,
        }
        return Response(body, status=201)


def _wanted(data: dict[str, Any]) -> Wanted:
    found = ProtocolVersion.objects.select_related("template").filter(code=data["to_version"]).first()
    if found is None:
        raise InvalidInput("There is no such version.", code="unknown-version", field="to_version")
    return Wanted(found, data["first_day"], data["weight_kg"])
