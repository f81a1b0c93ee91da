"""`/api/v1/resources/`: chairs, rooms and people. Read only."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.access import get_resource_for
from scheduling.models import Resource
from scheduling.serializers_booking import ResourceSerializer
from staff.access import require
from staff.api import ServiceViewSet


class ResourceFilter(django_filters.FilterSet):
    """By site (code) and kind."""

    site = django_filters.UUIDFilter(field_name="site__code")
    kind = django_filters.ChoiceFilter(choices=Resource.Kind.choices)


class ResourceViewSet(ServiceViewSet):
    """Chairs, rooms and people at the caller's sites. Read only."""

    serializer_class = ResourceSerializer
    filterset_class = ResourceFilter

    def get_queryset(self) -> QuerySet[Resource]:
        """Only what the caller may see."""
        found: QuerySet[Resource] = Resource.objects.visible_to(self.user).select_related("site")
        return found

    def list(self, request: Request) -> Response:
        """A page of resources."""
        require(request.user, "appointment.view")
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(ResourceSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One resource."""
        return Response(ResourceSerializer(get_resource_for(self.user, code)).data)
