"""Slots of a series that are only reserved: booked, or given back, before their time is up."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from scheduling.access import get_series_for
from scheduling.models import Appointment
from scheduling.services.confirming import confirm_series
from scheduling.services.holds import release_series
from scheduling.views.acts import person
from scheduling.views.series import draw_series
from staff.errors import DomainError


@require_POST
@login_required
def series_confirm(request: HttpRequest, code: str) -> HttpResponse:
    """Book what is reserved. Sent twice, it is done once; a refusal is shown on the page of the series."""
    user = person(request)
    series = get_series_for(user, code, action="series.book")
    try:
        confirm_series(series=series, by=user)
    except DomainError as refusal:
        booked = series.appointments.infusions().filter(status=Appointment.Status.BOOKED)
        if refusal.code != "hold-gone" or not booked.exists():
            return draw_series(request, series, refusal=refusal)
    messages.success(request, "Booked.")
    return redirect("series_detail", code=series.code)


@require_POST
@login_required
def series_release(request: HttpRequest, code: str) -> HttpResponse:
    """Give back what is reserved. Sent twice, it is done once; what is booked stays."""
    user = person(request)
    series = release_series(series=get_series_for(user, code, action="series.book"), by=user)
    messages.success(request, "Nothing of this series is reserved any more.")
    return redirect("series_detail", code=series.code)
