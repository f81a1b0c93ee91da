"""The review points of a series over the API: what is due and signed, and the signature."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from protocols.signing import require_signature
from scheduling.access import get_series_for
from scheduling.services.course_reviews import Findings, review_series
from scheduling.services.review_items import point_lines
from sessions.models import CourseReview
from staff.api import StrictCharField, StrictIntegerField, StrictSerializer, expected_version
from staff.models import User


class CourseReviewSerializer(StrictSerializer):
    """What the prescriber found after infusion `after`, and how it goes on."""

    after = StrictIntegerField(min_value=1, max_value=60)
    response = serializers.ChoiceField(choices=CourseReview.Response.choices)
    urinary = serializers.ChoiceField(choices=CourseReview.Urinary.choices)
    interval = serializers.ChoiceField(choices=CourseReview.Interval.choices)
    dose = serializers.ChoiceField(choices=CourseReview.Dose.choices)
    decision = serializers.ChoiceField(choices=CourseReview.Decision.choices)
    note = StrictCharField(max_length=500, required=False, default="", allow_blank=True)


class SeriesReviews:
    """For the series viewset."""

    user: User

    @extend_schema(methods=["get"], responses=OpenApiTypes.OBJECT)
    @extend_schema(methods=["post"], request=CourseReviewSerializer, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["get", "post"])
    def reviews(self, request: Request, code: str) -> Response:
        """GET: every review point. POST signs the one that is due; needs If-Match and a password given just now."""
        if request.method == "GET":
            series = get_series_for(self.user, code)
            points = [
                {"after": line.after, "state": line.state, "review": review_data(line.review)}
                for line in point_lines(series)
            ]
            return Response({"points": points})
        series = get_series_for(self.user, code, action="infusion.order")
        require_signature(request)
        expected = expected_version(request, series.code)
        body = CourseReviewSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data: dict[str, Any] = dict(body.validated_data)
        row = review_series(
            series=series,
            after=data.pop("after"),
            findings=Findings(**data),
            by=self.user,
            expected_version=expected,
        )
        return Response(review_data(row), status=201)


def review_data(row: CourseReview | None) -> dict[str, Any] | None:
    """One review; None while there is none."""
    if row is None:
        return None
    names = ("response", "urinary", "interval", "dose", "decision", "note", "signed_at")
    return {
        "code": str(row.code),
        "after": row.after_ordinal,
        **{name: getattr(row, name) for name in names},
        "signed_by": str(row.signed_by.code),
    }
