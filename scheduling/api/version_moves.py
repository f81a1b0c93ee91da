"""Moving a series to a newer protocol version over the API: what would change, and the signed decision."""

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
from scheduling.models import SeriesVersionMove
from scheduling.services.version_diffs import VersionDiff
from scheduling.services.version_moves import (
    move_series_to_version,
    preview_version_move,
    refuse_version_move,
)
from staff.api import StrictCharField, StrictSerializer, checked, expected_version
from staff.errors import InvalidInput
from staff.models import User


class VersionPreviewSerializer(StrictSerializer):
    """The version to look at."""

    to_version = serializers.UUIDField()


class VersionDecisionSerializer(StrictSerializer):
    """The decision: `sha256` names the diff that was seen (not needed to stay)."""

    to_version = serializers.UUIDField()
    decision = serializers.ChoiceField(choices=SeriesVersionMove.Decision.choices)
    reason = StrictCharField(max_length=300)
    sha256 = StrictCharField(min_length=64, max_length=64, required=False)


class SeriesVersions:
    """For the series viewset."""

    user: User

    @extend_schema(request=VersionPreviewSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"], url_path="version-preview")
    def version_preview(self, request: Request, code: str) -> Response:
        """What moving would change, and the digest to sign. Nothing is written."""
        series = get_series_for(self.user, code, action="series.move_version")
        data = checked(VersionPreviewSerializer(data=request.data))
        diff = preview_version_move(series=series, to_version=_version(data), by=self.user)
        if diff.refusal is not None:
            raise diff.refusal
        return Response(diff_data(diff))

    @extend_schema(request=VersionDecisionSerializer, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"], url_path="version-move")
    def version_move(self, request: Request, code: str) -> Response:
        """Move, or stay. Signed: only in a browser session whose password was given within the last minutes."""
        series = get_series_for(self.user, code, action="series.move_version")
        require_signature(request)
        expected = expected_version(request, series.code)
        data = checked(VersionDecisionSerializer(data=request.data))
        if data["decision"] == SeriesVersionMove.Decision.REFUSED:
            row = refuse_version_move(
                series=series, to_version=_version(data), reason=data["reason"], by=self.user
            )
        else:
            row = move_series_to_version(
                series=series,
                to_version=_version(data),
                seen_sha256=data.get("sha256", ""),
                reason=data["reason"],
                expected_version=expected,
                by=self.user,
            )
        return Response(
            {"code": str(row.code), "decision": row.decision, "sha256": row.sha256, "diff": row.diff},
            status=201,
        )


def diff_data(diff: VersionDiff) -> dict[str, Any]:
    """The diff with its digest."""
    return diff.as_json | {"sha256": diff.sha256}


def _version(data: dict[str, Any]) -> ProtocolVersion:
    found = ProtocolVersion.objects.select_related("template").filter(code=data["to_version"]).first()
    if found is None:
        raise InvalidInput("There is no such version.", code="unknown-version", field="to_version")
    return found
