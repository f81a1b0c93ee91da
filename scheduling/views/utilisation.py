"""Utilisation by week: a table and a file."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from scheduling.sites import chosen_site
from scheduling.utilisation import COLUMNS, line_of, monday_of, utilisation
from scheduling.views.acts import person, show
from staff.access import require
from staff.clock import app_now
from staff.csv_text import as_csv
from staff.errors import InvalidInput
from staff.strict import parse_integer

WEEKS = 8


def weeks_asked(request: HttpRequest) -> int:
    """How many weeks, 1 to 53; eight without a number, or with one that cannot be read."""
    try:
        return parse_integer(request.GET.get("weeks", ""), field="weeks", min_value=1, max_value=53)
    except InvalidInput:
        return WEEKS


@require_safe
@login_required
def utilisation_page(request: HttpRequest) -> HttpResponse:
    """The weeks up to and with the present one, newest first; `?format=csv` gives the same as a file."""
    require(person(request), "appointment.view")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    now, weeks = app_now(), weeks_asked(request)
    first = monday_of(now, site) - timedelta(days=7 * (weeks - 1))
    rows = utilisation(site, first, weeks, now)
    if request.GET.get("format") == "csv":
        answer = HttpResponse(as_csv(COLUMNS, map(line_of, rows)), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="utilisation-{first.isoformat()}.csv"'
        return answer
    context = {
        "site": site,
        "now": now,
        "rows": list(reversed(rows)),
        "weeks": weeks,
        "choices": (4, 8, 26, 52),
    }
    return show(request, "scheduling/utilisation.html", context, site)
