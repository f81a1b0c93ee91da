"""`/api/v1/`: every app registers its viewsets; the schema and its page sit beside them."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from config.api_reference import api_reference
from config.tokens import TokenView
from patients.api import api_routes as patient_routes
from protocols.api import api_routes as protocol_routes
from scheduling.api import api_routes as scheduling_routes
from sessions.api import api_routes as session_routes
from staff.api_people import api_routes as staff_routes

router = SimpleRouter(trailing_slash=True)
for register in (protocol_routes, patient_routes, session_routes, scheduling_routes, staff_routes):
    register(router)

urlpatterns = [
    path("v1/", include(router.urls)),
    path("v1/token/", TokenView.as_view(), name="api_token"),
    path("v1/schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("docs/", api_reference, name="api_docs"),
]
