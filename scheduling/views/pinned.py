"""For the page of a protocol: which running series follow which of its versions. Joined by address."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from protocols.access import get_template_for
from protocols.models import ProtocolVersion
from scheduling.models import TreatmentSeries
from scheduling.views.acts import person

MOST_SERIES = 50


@require_safe
@login_required
def protocol_series(request: HttpRequest, slug: str) -> HttpResponse:
    """Counts for everybody on the staff; the series themselves only as far as the person may see them."""
    user = person(request)
    template = get_template_for(user, slug)
    running = Q(series__status__in=TreatmentSeries.LIVE)
    versions = (
        ProtocolVersion.objects.visible_to(user)
        .filter(template=template, status__in=ProtocolVersion.PUBLISHED)
        .annotate(running=Count("series", filter=running), ever=Count("series"))
        .order_by("-number")
    )
    mine: list[TreatmentSeries] = []
    if user.may("series.view"):
        rows = TreatmentSeries.objects.visible_to(user).for_page()
        mine = list(
            rows.filter(protocol_version__template=template, status__in=TreatmentSeries.LIVE).order_by(
                "-protocol_version__number", "booked_at"
            )[:MOST_SERIES]
        )
    context = {"versions": versions, "series": mine, "most": MOST_SERIES}
    return render(request, "scheduling/_protocol_series.html", context)
