"""Compromises in dose, duration and route, month by month: a table and a file."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from scheduling.compromises import COLUMNS, compromises, line_of
from scheduling.sites import chosen_site
from scheduling.views.acts import person, show
from staff.access import require
from staff.clock import app_now
from staff.csv_text import as_csv
from staff.errors import InvalidInput
from staff.strict import parse_integer

MONTHS = 6


def months_asked(text: str) -> int:
    """How many months, 1 to 24; six without a number, or with one that cannot be read."""
    try:
        return parse_integer(text, field="months", min_value=1, max_value=24)
    except InvalidInput:
        return MONTHS


@require_safe
@login_required
def compromises_page(request: HttpRequest) -> HttpResponse:
    """The months up to and with the present one, newest first; `?format=csv` gives the same as a file."""
    require(person(request), "protocol.view")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    now, months = app_now(), months_asked(request.GET.get("months", ""))
    rows = compromises(site, months, now)
    if request.GET.get("format") == "csv":
        answer = HttpResponse(
            as_csv(COLUMNS, [line_of(row) for row in rows]), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = f'attachment; filename="compromises-{months}-months.csv"'
        return answer
    context = {"site": site, "rows": rows, "months": months, "choices": (1, 3, 6, 12, 24)}
    return show(request, "scheduling/compromises.html", context, site)
