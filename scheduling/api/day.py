"""`/api/v1/day-closings/`: what is left of a site's day, and closing it with an owner for each; as on the page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.models import DayClosing
from scheduling.services.day_closing import OpenLine, close_day, day_of, open_lines
from staff.access import require
from staff.api import ServiceViewSet, StrictSerializer, checked, idempotent
from staff.clock import app_now
from staff.errors import InvalidInput
from staff.models import Site, User


class OpenLineSerializer(serializers.Serializer[OpenLine]):
    """One thing that is still open. `key` names it when the day is closed."""

    key = serializers.CharField()
    group = serializers.CharField()
    text = serializers.CharField()
    patient = serializers.UUIDField(source="patient.code", allow_null=True, default=None)
    owner = serializers.UUIDField(source="owner.code", allow_null=True, default=None)
    due_at = serializers.DateTimeField()


class DayClosingSerializer(serializers.ModelSerializer[DayClosing]):
    """A day that was closed, and who took over what."""

    site = serializers.UUIDField(source="site.code", read_only=True)
    closed_by = serializers.UUIDField(source="closed_by.code", read_only=True)

    class Meta:
        model = DayClosing
        fields = ("code", "site", "day", "closed_at", "closed_by", "operator", "items")
        read_only_fields = fields


class DayStateSerializer(serializers.Serializer[Any]):
    """The present local day of a site: closed already, or what is open."""

    day = serializers.DateField()
    closing = DayClosingSerializer(allow_null=True)
    open = OpenLineSerializer(many=True)


class CloseDaySerializer(StrictSerializer):
    """Close the day of `site`: `owners` maps the key of an open line to a person's code."""

    site = serializers.UUIDField()
    owners = serializers.DictField(child=serializers.UUIDField(), required=False, default=dict)


class DayClosingViewSet(ServiceViewSet):
    """The present day of one site."""

    serializer_class = DayClosingSerializer
    queryset = DayClosing.objects.none()

    @extend_schema(
        parameters=[OpenApiParameter("site", str, required=True, description="Code of the site.")],
        responses=DayStateSerializer,
    )
    def list(self, request: Request) -> Response:
        """What is open today, or how the day was closed."""
        require(self.user, "infusion.record")
        site = _site_of(self.user, request.query_params.get("site", ""))
        day = day_of(site, app_now())
        closing = DayClosing.objects.filter(site=site, day=day).select_related("site", "closed_by").first()
        lines = [] if closing else open_lines(site)
        return Response(DayStateSerializer({"day": day, "closing": closing, "open": lines}).data)

    @extend_schema(request=CloseDaySerializer, responses={201: DayClosingSerializer})
    def create(self, request: Request) -> Response:
        """Close the day. 422 names what has no owner, 409 when it is closed already."""
        require(self.user, "infusion.record")
        data = checked(CloseDaySerializer(data=request.data))
        site = _site_of(self.user, data["site"])
        owners = _people(site, data["owners"])

        def act() -> Response:
            closing = close_day(site=site, owners=owners, by=self.user)
            return Response(DayClosingSerializer(closing).data, status=201)

        return idempotent(request, "day-closings", act)


def _site_of(user: User, code: UUID | str) -> Site:
    """One of the sites where this person works. Raises Http404 for any other."""
    try:
        return user.sites.get(code=code)
    except (Site.DoesNotExist, ValueError, ValidationError) as error:
        raise Http404("Not found.") from error


def _people(site: Site, codes: dict[str, Any]) -> dict[str, User]:
    """The people by line. Raises InvalidInput at `owners` for somebody who does not work at the site."""
    found = {
        one.code: one for one in User.objects.filter(code__in=codes.values(), is_active=True, sites=site)
    }
    if missing := [key for key, code in codes.items() if code not in found]:
        words = f"Choose somebody who works at this site for {missing[0]}."
        raise InvalidInput(words, code="other-site", field="owners")
    return {key: found[code] for key, code in codes.items()}
