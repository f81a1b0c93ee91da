"""The chair board of a day and the calendar of a week."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from scheduling import board, calendar
from scheduling.access import get_appointment_for
from scheduling.board_acts import CHECK_IN, START, STOP
from scheduling.domain.localtime import local_date
from scheduling.loaders import zone_of
from scheduling.services.chair_steps import advance_visit
from scheduling.sites import chosen_site
from scheduling.views.acts import person, show
from scheduling.views.visits import posted_version
from sessions.access import get_infusion_for
from staff.access import require
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput
from staff.models import Site
from staff.strict import parse_date

DONE = {CHECK_IN: "Checked in", START: "The pump runs", STOP: "The pump is stopped"}


def _day(request: HttpRequest, today: date) -> date:
    """The day asked for, within two years of today; today without one, or when it cannot be read."""
    try:
        day = parse_date(request.GET.get("day", ""), field="day")
    except InvalidInput:
        return today
    return day if abs((day - today).days) <= 731 else today


@require_safe
@login_required
def chair_board(request: HttpRequest) -> HttpResponse:
    """Chairs by hours, with a line at now; as a fragment every 20 seconds."""
    user = person(request)
    require(user, "appointment.view")
    site = chosen_site(request)
    if site is None:
        return _no_site(request)
    return _board_page(request, site)


def _board_page(request: HttpRequest, site: Site, refusal: DomainError | None = None) -> HttpResponse:
    now = app_now()
    today = local_date(now, zone_of(site))
    day = _day(request, today)
    context = {
        "board": board.chair_board(person(request), site, day, now),
        "now": now,
        "site": site,
        "refusal": refusal,
        "page_errors": refusal is not None,
        **_around(day, today, 1),
    }
    template = "scheduling/_board.html" if request.headers.get("HX-Request") else "scheduling/board.html"
    return show(request, template, context, site, status=200 if refusal is None else refusal.status)


@require_POST
@login_required
def board_step(request: HttpRequest) -> HttpResponse:
    """One step of one visit; a refusal is shown on the board."""
    user = person(request)
    step = request.POST.get("act", "")
    action = "appointment.check_in" if step == CHECK_IN else "infusion.record"
    visit = get_appointment_for(user, _posted_visit(request), action=action)
    if visit.infusion is not None and step != CHECK_IN:
        visit.infusion = get_infusion_for(user, visit.infusion.code, action=action)
    try:
        advance_visit(
            visit=visit,
            step=step,
            by=user,
            expected_version=posted_version(request),
            identified=request.POST.get("identified") == "yes",
        )
    except DomainError as refusal:
        return _board_page(request, visit.site, refusal)
    messages.success(request, f"{DONE[step]}: {visit.patient.full_name}.")
    return redirect("chair_board")


def _posted_visit(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("visit", ""))
    except ValueError as error:
        raise Http404("No such visit.") from error


@require_safe
@login_required
def week(request: HttpRequest) -> HttpResponse:
    """Seven days from Monday: a calendar of days by chairs, on a phone a list of days; a fragment for htmx."""
    user = person(request)
    require(user, "appointment.view")
    site = chosen_site(request)
    if site is None:
        return _no_site(request)
    now = app_now()
    today = local_date(now, zone_of(site))
    day = _day(request, today)
    monday = day - timedelta(days=day.weekday())
    context = {
        "week": calendar.build_week(user, site, monday, now),
        "now": now,
        "site": site,
        "monday": monday,
        "sunday": monday + timedelta(days=6),
        "may_move": user.may("appointment.move"),
        **_around(monday, today - timedelta(days=today.weekday()), 7),
    }
    template = "scheduling/_week.html" if request.headers.get("HX-Request") else "scheduling/week.html"
    return show(request, template, context, site)


@require_safe
@login_required
def week_limits(request: HttpRequest) -> HttpResponse:
    """Where the picked visit may stand, as shades of the shown week; JSON for the calendar's script."""
    user = person(request)
    require(user, "appointment.move")
    visit = get_appointment_for(user, _code(request), action="appointment.move")
    now = app_now()
    day = _day(request, local_date(now, zone_of(visit.site)))
    monday = day - timedelta(days=day.weekday())
    hours = calendar.build_week(user, visit.site, monday, now).hours
    return JsonResponse({"days": calendar.limits_of(visit, monday, hours)})


def _code(request: HttpRequest) -> UUID:
    try:
        return UUID(request.GET.get("visit", ""))
    except ValueError as error:
        raise Http404("No such visit.") from error


def _around(day: date, today: date, step: int) -> dict[str, object]:
    return {
        "day": day,
        "today": today,
        "previous": day - timedelta(days=step),
        "following": day + timedelta(days=step),
        "is_today": day == today,
    }


def _no_site(request: HttpRequest) -> HttpResponse:
    return render(request, "scheduling/no_site.html", {})
