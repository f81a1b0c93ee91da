"""The day as a whole: its sheet, and its closing."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from scheduling.models import DayClosing, DaySheet
from scheduling.services.day_closing import close_day, day_of, open_lines
from scheduling.services.day_sheets import sheet_lines
from scheduling.sites import chosen_site
from scheduling.views.acts import person, show
from staff import roles
from staff.access import require
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput
from staff.models import User
from staff.querysets_people import NOT_JOINED
from staff.strict import parse_date


@require_safe
@login_required
def day_sheet(request: HttpRequest) -> HttpResponse:
    """The day's visits to print, with blanks for what is written by hand while the system is down."""
    require(person(request), "infusion.view")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    now = app_now()
    today = day_of(site, now)
    try:
        day = parse_date(request.GET.get("day", ""), field="day") if request.GET.get("day") else today
    except InvalidInput as error:
        raise Http404("No such day.") from error
    if abs((day - today).days) > 731:
        raise Http404("No such day.")
    kept = DaySheet.objects.filter(site=site, day=day).first()
    if "kept" in request.GET:
        if kept is None:
            raise Http404("No sheet is kept of this day.")
        return HttpResponse(kept.html)
    context = {"site": site, "day": day, "now": now, "lines": sheet_lines(site, day), "kept": kept}
    return show(request, "scheduling/day_sheet.html", context, site)


@require_http_methods(["GET", "POST"])
@login_required
def day_close(request: HttpRequest) -> HttpResponse:
    """What is left of the day; closing it needs an owner for each."""
    user = person(request)
    require(user, "infusion.record")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    now = app_now()
    people = list(
        User.objects.filter(
            is_active=True, sites=site, groups__name__in=[roles.CLINICIAN, roles.NURSE, roles.COORDINATOR]
        )
        .exclude(NOT_JOINED)
        .distinct()
        .order_by("full_name", "pk")
    )
    errors, status = "", 200
    if request.method == "POST":
        by_code = {str(one.code): one for one in people}
        owners = {
            key.removeprefix("owner|"): by_code[value]
            for key, value in request.POST.items()
            if key.startswith("owner|") and value in by_code
        }
        try:
            close_day(site=site, owners=owners, by=user)
        except DomainError as refusal:
            errors, status = refusal.message, refusal.status
        else:
            messages.success(request, "The day is closed. Everything open has its owner.")
            return redirect("day_close")
    closing = DayClosing.objects.filter(site=site, day=day_of(site, now)).select_related("closed_by").first()
    lines = [] if closing else open_lines(site)
    chosen = {key.removeprefix("owner|"): value for key, value in request.POST.items()}
    rows = [(line, chosen.get(line.key) or (str(line.owner.code) if line.owner else "")) for line in lines]
    context = {
        "site": site, "now": now, "day": day_of(site, now), "closing": closing, "rows": rows, "people": people,
        "close_error": errors, "page_errors": bool(errors),
    }  # fmt: skip
    return show(request, "scheduling/day_close.html", context, site, status=status)
