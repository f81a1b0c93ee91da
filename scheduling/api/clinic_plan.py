"""`/api/v1/clinic-plans/`: start a run, watch it, stop it, book what it proposes. The same service as the pages."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import BaseRouter

from patients.access import get_patient_for
from scheduling.access import get_clinic_plan_for
from scheduling.api.booking import version_named
from scheduling.models import ClinicPlanRun
from scheduling.serializers_booking import NothingSerializer
from scheduling.serializers_clinic_plan import (
    AcceptClinicPlanSerializer,
    ClinicPlanDetailSerializer,
    ClinicPlanSerializer,
    StartClinicPlanSerializer,
)
from scheduling.services import clinic_plan_bookings, clinic_plans
from scheduling.tasks import wake_clinic_plan
from staff.access import require
from staff.api import ServiceViewSet, checked, idempotent
from staff.errors import InvalidInput
from staff.models import Site, User


def site_named(code: UUID, caller: User) -> Site:
    """The caller's site with this code. Raises InvalidInput."""
    found = Site.objects.filter(code=code, pk__in=caller.site_ids()).first()
    if found is None:
        raise InvalidInput("There is no such site.", code="unknown-site", field="site")
    return found


class ClinicPlanViewSet(ServiceViewSet):
    """Runs of the clinic optimiser at the caller's sites."""

    serializer_class = ClinicPlanSerializer

    def get_queryset(self) -> QuerySet[ClinicPlanRun]:
        """Only what the caller may see."""
        found: QuerySet[ClinicPlanRun] = ClinicPlanRun.objects.visible_to(self.user).for_page()
        return found

    def list(self, request: Request) -> Response:
        """A page of runs, newest first."""
        require(request.user, "series.book")
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(ClinicPlanSerializer(page, many=True).data)

    @extend_schema(responses=ClinicPlanDetailSerializer)
    def retrieve(self, request: Request, code: str) -> Response:
        """One run with its proposals. Ask again while `state` is queued or running."""
        return Response(ClinicPlanDetailSerializer(get_clinic_plan_for(self.user, code)).data)

    @extend_schema(request=StartClinicPlanSerializer, responses={202: ClinicPlanDetailSerializer})
    def create(self, request: Request) -> Response:
        """Start a run in the background. Needs Idempotency-Key. 202, and Location is where to watch it."""
        require(request.user, "series.book")

        def act() -> Response:
            data = checked(StartClinicPlanSerializer(data=request.data))
            run = clinic_plans.start_run(
                site=site_named(data["site"], self.user),
                protocol_version=version_named(data["protocol_version"]),
                first_day=data["first_day"],
                wishes=[
                    clinic_plans.Wish(
                        get_patient_for(self.user, item["patient"], action="series.book"),
                        item["weight_kg"],
                        item["priority"],
                    )
                    for item in data["patients"]
                ],
                seconds=data["seconds"],
                by=self.user,
                wake=wake_clinic_plan,
            )
            location = reverse("clinic-plan-detail", args=[run.code])
            return Response(ClinicPlanDetailSerializer(run).data, status=202, headers={"Location": location})

        return idempotent(request, "clinic-plans", act)

    @extend_schema(request=NothingSerializer, responses=ClinicPlanDetailSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, code: str) -> Response:
        """Stop the search; the best plan so far is kept."""
        run = get_clinic_plan_for(self.user, code)
        checked(NothingSerializer(data=request.data))
        stopped = clinic_plans.ask_to_stop(run=run, by=self.user)
        return Response(ClinicPlanDetailSerializer(stopped).data)

    @extend_schema(request=AcceptClinicPlanSerializer, responses=ClinicPlanDetailSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, code: str) -> Response:
        """Book the named proposals, all or none. Needs Idempotency-Key. 409 names the patient and the visit."""
        run = get_clinic_plan_for(self.user, code)

        def act() -> Response:
            data = checked(AcceptClinicPlanSerializer(data=request.data))
            clinic_plan_bookings.accept(
                run=run,
                entries=[str(item) for item in data["entries"]],
                by=self.user,
                reserve_therapy=data["reserve_therapy"],
            )
            return Response(ClinicPlanDetailSerializer(get_clinic_plan_for(self.user, code)).data)

        return idempotent(request, f"clinic-plans-accept:{run.code}", act)


def clinic_plan_routes(router: BaseRouter) -> None:
    """Register the clinic optimiser."""
    router.register("clinic-plans", ClinicPlanViewSet, basename="clinic-plan")
