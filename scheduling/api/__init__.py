"""`/api/v1/` of the schedule: one module per half of the app, the same services as the pages."""

from __future__ import annotations

from rest_framework.routers import BaseRouter

from scheduling.api.booking import booking_routes
from scheduling.api.clinic_plan import clinic_plan_routes
from scheduling.api.cover import AbsenceCoverViewSet
from scheduling.api.day import DayClosingViewSet
from scheduling.api.duty import duty_routes
from scheduling.api.exposures import exposure_routes
from scheduling.api.follow import follow_routes
from scheduling.api.gates import gate_routes
from scheduling.api.imports import import_routes
from scheduling.api.nursing import HandoverViewSet
from scheduling.api.outside import AddressLinkViewSet
from scheduling.api.slot_holds import SetAsideVisitViewSet
from scheduling.api.timelines import timeline_routes


def api_routes(router: BaseRouter) -> None:
    """Register the viewsets of this app."""
    booking_routes(router)
    clinic_plan_routes(router)
    follow_routes(router)
    duty_routes(router)
    import_routes(router)
    router.register("absence-cover", AbsenceCoverViewSet, basename="absence-cover")
    router.register("address-links", AddressLinkViewSet, basename="address-link")
    router.register("day-closings", DayClosingViewSet, basename="day-closing")
    router.register("handovers", HandoverViewSet, basename="handover")
    router.register("set-aside-visits", SetAsideVisitViewSet, basename="set-aside-visit")
    gate_routes(router)
    timeline_routes(router)
    exposure_routes(router)
