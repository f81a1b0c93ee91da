"""`/api/v1/absence-cover/`: who could take a therapist's sessions, and handing them over as one act."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.api.follow import therapist_named
from scheduling.models import FollowUp
from scheduling.serializers_follow import CoverLineSerializer, CoverSerializer, FollowUpSerializer
from scheduling.services import cover
from staff.access import require
from staff.api import ServiceViewSet, checked, idempotent
from staff.errors import InvalidInput
from staff.models import User
from staff.strict import parse_instant


class AbsenceCoverViewSet(ServiceViewSet):
    """Absence cover: a therapist plans their own, a coordinator everybody's."""

    serializer_class = CoverLineSerializer
    pagination_class = None
    filter_backends = ()
    queryset = FollowUp.objects.none()

    @extend_schema(
        parameters=[OpenApiParameter(name, str, required=True) for name in ("therapist", "start", "until")]
    )
    def list(self, request: Request) -> Response:
        """The sessions that the absence [start, until) touches, by the end of their windows."""
        require(request.user, "therapy.cover")
        therapist = _person(request.query_params.get("therapist", ""))
        start = parse_instant(request.query_params.get("start", ""), field="start")
        until = parse_instant(request.query_params.get("until", ""), field="until")
        lines = cover.propose_cover(therapist=therapist, start=start, until=until, by=self.user)
        return Response(CoverLineSerializer(lines, many=True).data)

    @extend_schema(
        request=CoverSerializer,
        responses={200: FollowUpSerializer(many=True)},
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, required=True)],
    )
    def create(self, request: Request) -> Response:
        """Hand over and note the absence: all of it, or nothing. 409 when a session has changed since."""
        require(request.user, "therapy.cover")
        data = checked(CoverSerializer(data=request.data))
        therapist = therapist_named(data["therapist"])

        def act() -> Response:
            rows: Any = cover.accept_cover(
                therapist=therapist, start=data["start"], until=data["until"], by=self.user,
                choices={str(item["follow_up"]): _choice(item) for item in data["choices"]},
            )  # fmt: skip
            return Response(FollowUpSerializer(rows, many=True).data)

        return idempotent(request, "absence-cover", act)


def _choice(item: dict[str, Any]) -> tuple[datetime, User] | str:
    return item["instead"] if "instead" in item else (item["start"], therapist_named(item["therapist"]))


def _person(text: str) -> User:
    try:
        return therapist_named(UUID(text))
    except ValueError as error:
        raise InvalidInput("This is not a code.", code="unknown-person", field="therapist") from error
