"""The Today page: one page, by role."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from scheduling import today
from scheduling.queue_page import first_rows
from scheduling.setup_list import setup_steps
from scheduling.sites import chosen_site
from staff.clock import app_now
from staff.models import User

WINDOWS = 3  # of the queue that a therapist's Today shows


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Who is next, what is late, how full the chairs are; as a fragment for the refresh."""
    user, site, now = cast("User", request.user), chosen_site(request), app_now()
    context: dict[str, Any] = {
        "now": now,
        "site": site,
        "protocol_work": today.protocol_work(user),
        "setup": setup_steps(user, site, now),
        "staff_work": today.staff_work(user, now),
    }
    if site is not None:
        clinical = user.may("patient.view")
        context |= {
            "visits": today.visits_of_day(user, site, now) if clinical else [],
            "tiles": today.tiles(user, site, now),
            "work": today.open_work(user, site),
            "strip": today.chair_strip(site, now)
            if user.may("infusion.view") or user.may("series.book")
            else None,
            "shows_visits": clinical,
            "windows": first_rows(user, site, now, WINDOWS) if user.may("therapy.conduct") else None,
        }
    template = "scheduling/_today.html" if request.headers.get("HX-Request") else "scheduling/today.html"
    return render(request, template, context)
