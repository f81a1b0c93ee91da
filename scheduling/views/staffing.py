"""What one person can be booked as: the fragment of the person's page. No patient is shown here."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from scheduling.forms_resources import WEEKDAYS
from scheduling.models import Resource
from scheduling.views.acts import person
from staff.access_people import get_person_for


@require_safe
@login_required
def person_bookable(request: HttpRequest, code: str) -> HttpResponse:
    """Each role and site in which the person can be booked, with the days on which they are there."""
    user = person(request)
    who = get_person_for(user, code)
    lanes = Resource.objects.filter(user=who).select_related("site").prefetch_related("availabilities")
    rows = []
    for lane in lanes.order_by("site__name", "kind"):
        days = sorted({row.weekday for row in lane.availabilities.all()})
        words = ", ".join(WEEKDAYS[day][:3] for day in days)
        rows.append({"lane": lane, "days": words, "mine": lane.site_id in user.site_ids()})
    return render(request, "scheduling/_person_bookable.html", {"rows": rows, "who": who})
