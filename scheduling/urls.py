"""Routes of plans, bookings and what follows: today, then one module per half of the app."""

from __future__ import annotations

from django.urls import include, path

from scheduling.views import today

urlpatterns = [
    path("", today.home, name="home"),
    path("", include("scheduling.urls_booking")),
    path("", include("scheduling.urls_follow")),
    path("", include("scheduling.urls_gates")),
]
