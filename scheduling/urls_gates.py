"""Routes of gates: lists, one visit's gates, a site's own gates, the report of overrides."""

from __future__ import annotations

from django.urls import path

from scheduling.views import gates

urlpatterns = [
    path("before-visits/", gates.before_visits, name="before_visits"),
    path("visits/<uuid:code>/gates/", gates.visit_gates, name="visit_gates"),
    path("visits/<uuid:code>/gates/card/", gates.visit_gates_fragment, name="visit_gates_fragment"),
    path("visits/<uuid:code>/gates/<str:gate>/", gates.visit_gate, name="visit_gate"),
    path("infusions/<uuid:code>/gates/", gates.infusion_gates_fragment, name="infusion_gates_fragment"),
    path("site-gates/", gates.site_gates, name="site_gates"),
    path("site-gates/<uuid:code>/", gates.site_gate_change, name="site_gate_change"),
    path("site-gates/<uuid:code>/retire/", gates.site_gate_retire, name="site_gate_retire"),
    path("overrides/", gates.override_report, name="override_report"),
]
