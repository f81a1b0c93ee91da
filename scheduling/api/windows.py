"""`/api/v1/windows/` and `queue/`: the same services and the same refusals as the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling import queries_follow, queue_page
from scheduling.access_follow import WITH_WINDOW, get_window_for
from scheduling.follow_words import window_words
from scheduling.models import PlasticityWindow
from scheduling.queue_facts import facts_of
from scheduling.serializers_follow import EmptySerializer, QueueEntrySerializer, WindowSerializer
from scheduling.services import windows
from staff.access import require
from staff.api import ServiceViewSet, checked, etag
from staff.clock import app_now


class WindowFilter(django_filters.FilterSet):
    """By patient, infusion and series (codes) and by status."""

    patient = django_filters.UUIDFilter(field_name="patient__code")
    infusion = django_filters.UUIDFilter(field_name="infusion__code")
    series = django_filters.UUIDFilter(field_name="series__code")
    status = django_filters.MultipleChoiceFilter(choices=PlasticityWindow.Status.choices)


class WindowViewSet(ServiceViewSet):
    """Current windows that the caller may see."""

    serializer_class = WindowSerializer
    filterset_class = WindowFilter

    def get_queryset(self) -> QuerySet[PlasticityWindow]:
        """Only what the caller may see, without superseded rows."""
        return PlasticityWindow.objects.visible_to(self.user).current().select_related(*WITH_WINDOW)

    def list(self, request: Request) -> Response:
        """A page of windows."""
        require(request.user, "queue.view")
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(WindowSerializer(page, many=True).data)

    def retrieve(self, request: Request, code: str) -> Response:
        """One window, superseded or not, with an ETag."""
        return window_answer(get_window_for(self.user, code))

    @extend_schema(request=EmptySerializer, responses=WindowSerializer)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, code: str) -> Response:
        """Take it. Taking what one has already is harmless; 409 when somebody else has it."""
        return self._act(request, code, windows.claim_window)

    @extend_schema(request=EmptySerializer, responses=WindowSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, code: str) -> Response:
        """Give it back. 409 while therapy of it is booked with the caller."""
        return self._act(request, code, windows.release_window)

    def _act(self, request: Request, code: str, act: Callable[..., PlasticityWindow]) -> Response:
        """One of the two, by somebody who may take windows; an empty body is all that it reads."""
        checked(EmptySerializer(data=request.data))
        window = get_window_for(self.user, code, action="window.claim")
        return window_answer(act(window=window, by=self.user))


def window_answer(row: PlasticityWindow) -> Response:
    """One window, with an ETag."""
    return Response(WindowSerializer(row).data, headers={"ETag": etag(row.code, row.version)})


class QueueViewSet(ServiceViewSet):
    """The therapist queue of every site where the caller works."""

    serializer_class = QueueEntrySerializer
    pagination_class = None
    filter_backends = ()
    queryset = PlasticityWindow.objects.none()

    @extend_schema(
        parameters=[
            OpenApiParameter("show", str, enum=list(queue_page.SHOWS)),
            OpenApiParameter("whose", str, enum=list(queue_page.WHOSE)),
        ]
    )
    def list(self, request: Request) -> Response:
        """Rows in the order of the time left; `show` and `whose` as on the page."""
        require(request.user, "queue.view")
        filters, now = queue_page.Filters.read(request.query_params.dict()), app_now()
        rows = []
        for site in self.user.sites.order_by("name"):
            items = queries_follow.queue_items(self.user, site, now)
            rows += [
                _entry(item, ZoneInfo(site.time_zone), now)
                for item in queue_page.filtered(items, filters, self.user)
            ]
        return Response(QueueEntrySerializer(rows, many=True).data)


def _entry(item: queries_follow.QueueItem, zone: ZoneInfo, now: Any) -> dict[str, Any]:
    words, estimate = window_words(item.window, item.session, zone, now)
    return {
        "locked": queue_page.locked_words(item.window, item.session, zone, now),
        "facts": facts_of(item.window, zone, now),
        "state": item.state,
        "words": words,
        "estimate": estimate,
        "unassigned": item.unassigned,
        "window": item.window,
        "session": item.session,
    }
