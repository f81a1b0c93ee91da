"""`/api/v1/closures/`, `absences/` and `replan/`: close days, note absences, and move what they hit, in one act."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.access import get_appointment_for, get_resource_for, get_series_for
from scheduling.api.moves import _choice, _sessions
from scheduling.models import Appointment
from scheduling.serializers_moves import MovedSessionSerializer, MovedVisitSerializer, plan_data
from scheduling.services import replans
from scheduling.services import resources as resource_service
from scheduling.utilisation import COLUMNS, line_of, monday_of, utilisation
from staff.access import require
from staff.api import (
    InstantField,
    ServiceViewSet,
    StrictCharField,
    StrictDateField,
    StrictIntegerField,
    StrictSerializer,
    checked,
    idempotent,
)
from staff.clock import app_now
from staff.errors import InvalidInput
from staff.models import Site, User
from staff.strict import parse_integer


def site_named(code: UUID | str, user: User) -> Site:
    """A site where the caller works; 404 for any other."""
    try:
        found = Site.objects.filter(code=UUID(str(code)), pk__in=user.site_ids()).first()
    except ValueError:
        found = None
    if found is None:
        raise Http404("No such site.")
    return found


class ClosureSerializer(StrictSerializer):
    """Closed local days, first to last, both included."""

    site = serializers.UUIDField()
    first = StrictDateField()
    last = StrictDateField()
    reason = StrictCharField(max_length=120)


class AbsenceSerializer(StrictSerializer):
    """A stretch [starts, ends) in which a resource is away."""

    resource = serializers.UUIDField()
    starts = InstantField()
    ends = InstantField()
    reason = StrictCharField(max_length=120)


class AcceptedSeriesSerializer(StrictSerializer):
    """A proposal for one series, as the review gave it."""

    code = serializers.UUIDField()
    visits = MovedVisitSerializer(many=True, allow_empty=False, max_length=60)  # type: ignore[call-arg]  # goes to the list
    sessions = MovedSessionSerializer(many=True, required=False, max_length=120)  # type: ignore[call-arg]  # goes to the list


class AcceptedTherapySerializer(StrictSerializer):
    """A new time for one therapy session, as the review gave it."""

    appointment = serializers.UUIDField()
    start = InstantField()
    therapist = serializers.UUIDField()
    version = StrictIntegerField(min_value=1)


class ReplanSerializer(StrictSerializer):
    """The accepted proposals of one site."""

    site = serializers.UUIDField()
    series = AcceptedSeriesSerializer(many=True, required=False, max_length=60)  # type: ignore[call-arg]  # goes to the list
    therapy = AcceptedTherapySerializer(many=True, required=False, max_length=60)  # type: ignore[call-arg]  # goes to the list


def _hit(found: list[Appointment]) -> Response:
    return Response({"hit": [str(item.code) for item in found]}, status=201)


class ClosureViewSet(ServiceViewSet):
    """Closing a site. Needs Idempotency-Key."""

    @extend_schema(request=ClosureSerializer, responses={201: OpenApiTypes.OBJECT})
    def create(self, request: Request) -> Response:
        """Close the days; answers which bookings they hit."""
        require(request.user, "resource.edit")

        def act() -> Response:
            data = checked(ClosureSerializer(data=request.data))
            site = site_named(data.pop("site"), self.user)
            return _hit(resource_service.add_closure(site=site, by=self.user, **data))

        return idempotent(request, "closures", act)


class AbsenceViewSet(ServiceViewSet):
    """Absences of people and chairs. Needs Idempotency-Key."""

    @extend_schema(request=AbsenceSerializer, responses={201: OpenApiTypes.OBJECT})
    def create(self, request: Request) -> Response:
        """Note an absence; answers which bookings it hits."""
        require(request.user, "resource.edit")

        def act() -> Response:
            data = checked(AbsenceSerializer(data=request.data))
            resource = get_resource_for(self.user, data["resource"], action="resource.edit")
            return _hit(
                resource_service.add_absence(
                    resource=resource,
                    start=data["starts"],
                    end=data["ends"],
                    reason=data["reason"],
                    by=self.user,
                )
            )

        return idempotent(request, "absences", act)


class UtilisationViewSet(ServiceViewSet):
    """Chair use and window adherence by week. Read only."""

    @extend_schema(
        parameters=[OpenApiParameter("site", OpenApiTypes.UUID), OpenApiParameter("weeks", int)],
        responses=OpenApiTypes.OBJECT,
    )
    def list(self, request: Request) -> Response:
        """The weeks up to and with the present one, oldest first."""
        require(request.user, "appointment.view")
        site = site_named(request.query_params.get("site", ""), self.user)
        weeks = parse_integer(
            request.query_params.get("weeks", "8"), field="weeks", min_value=1, max_value=53
        )
        now = app_now()
        first = monday_of(now, site) - timedelta(days=7 * (weeks - 1))
        rows = utilisation(site, first, weeks, now)
        return Response({"weeks": [dict(zip(COLUMNS, line_of(row), strict=True)) for row in rows]})


class ReplanViewSet(ServiceViewSet):
    """What has no place, with proposals; the accepted ones are done in one act."""

    @extend_schema(parameters=[OpenApiParameter("site", OpenApiTypes.UUID)], responses=OpenApiTypes.OBJECT)
    def list(self, request: Request) -> Response:
        """The review of one site. Nothing is written."""
        require(request.user, "appointment.view")
        site = site_named(request.query_params.get("site", ""), self.user)
        found = replans.review(site=site, by=self.user)
        return Response(
            {
                "series": [
                    {
                        "code": str(item.series.code),
                        **plan_data(item.plan, item.diff),
                        "hit": [str(visit.code) for visit in item.hit],
                        "why_not": list(item.why_not),
                    }
                    for item in found.groups
                ],
                "therapy": [
                    {
                        "appointment": str(item.session.code),
                        "version": item.session.version,
                        "start": item.slot.start if item.slot else None,
                        "therapist": str(item.slot.therapist.code) if item.slot else None,
                    }
                    for item in found.sessions
                ],
                "follow_ups": [
                    {
                        "code": str(item.follow_up.code),
                        "day": item.day,
                        "why": item.why,
                        "owner": item.owner,
                    }
                    for item in found.follow_ups
                ],
            }
        )

    @extend_schema(request=ReplanSerializer, responses={201: OpenApiTypes.OBJECT})
    def create(self, request: Request) -> Response:
        """Do the accepted proposals, all or none. Needs Idempotency-Key."""
        require(request.user, "appointment.move")

        def act() -> Response:
            data = checked(ReplanSerializer(data=request.data))
            changes = replans.apply(
                site=site_named(data["site"], self.user),
                by=self.user,
                series=[self._series(item) for item in data.get("series", [])],
                sessions=[self._session(item) for item in data.get("therapy", [])],
            )
            return Response({"changes": [str(item.code) for item in changes]}, status=201)

        return idempotent(request, "replan", act)

    def _series(self, item: dict[str, Any]) -> replans.AcceptedSeries:
        series = get_series_for(self.user, item["code"])
        return replans.AcceptedSeries(
            series,
            tuple(_choice(row) for row in item["visits"]),
            tuple(_sessions(series, item.get("sessions", []))),
            {row["ordinal"]: row["version"] for row in item["visits"]},
        )

    def _session(self, item: dict[str, Any]) -> replans.AcceptedSession:
        session = get_appointment_for(self.user, item["appointment"], action="appointment.move")
        who = User.objects.filter(
            code=item["therapist"], is_active=True, sites__in=self.user.site_ids()
        ).first()
        if who is None or session.kind != Appointment.Kind.THERAPY:
            raise InvalidInput("There is nobody with this code.", code="unknown-person", field="therapist")
        return replans.AcceptedSession(session, item["start"], who, item["version"])
