"""Predicted concentrations for teaching and checking: no patient, nothing stored. The command's contract."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from sessions.pharmacokinetics.contract import answer


class PredictionViewSet(ViewSet):
    """POST one request of `predict_concentration`; the same function answers."""

    @extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    def create(self, request: Request) -> Response:
        """Predict. A value at fault is a 400 problem that names it."""
        result: dict[str, Any] = answer(request.data)
        return Response(result)
