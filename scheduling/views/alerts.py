"""Alerts: who was told, and the one press that confirms. And the follow-ups that nobody has closed."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from scheduling.access_follow import get_alert_for
from scheduling.models import StaffAlert
from scheduling.queries_follow import open_loops_of
from scheduling.services.alerts import EVERYBODY, acknowledge_alert
from scheduling.services.duty import on_duty
from scheduling.services.overdue import named_owner
from scheduling.sites import chosen_site
from scheduling.views.acts import person, show
from staff.access import require
from staff.clock import app_now

PER_PAGE = 40


@require_safe
@login_required
def alert_list(request: HttpRequest) -> HttpResponse:
    """The site's alerts, those that nobody has confirmed on top."""
    user = person(request)
    require(user, "alert.act")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    rows = StaffAlert.objects.visible_to(user).filter(site=site).select_related("patient", "acknowledged_by")
    page = Paginator(rows.order_by("acknowledged_at", "-raised_at"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    waiting = [row for row in page if row.acknowledged_at is None]
    done = [row for row in page if row.acknowledged_at is not None]
    context = {"site": site, "page_obj": page, "waiting": waiting, "done": done, "now": app_now()}
    return show(request, "scheduling/alerts.html", context, site)


@require_safe
@login_required
def alert_detail(request: HttpRequest, code: str) -> HttpResponse:
    """One alert: the patient, the reason, whom to call, who has been told."""
    alert = get_alert_for(person(request), code)
    told = alert.notices.select_related("user").order_by("level", "created_at")
    context = {
        "alert": alert,
        "told": told,
        "everybody": EVERYBODY,
        "phones": alert.patient.contact_points.filter(channel="sms").select_related("representative"),
    }
    return show(request, "scheduling/alert.html", context, alert.site)


@require_POST
@login_required
def alert_confirm(request: HttpRequest, code: str) -> HttpResponse:
    """I have seen it and I act."""
    alert = get_alert_for(person(request), code)
    acknowledge_alert(alert=alert, by=person(request))
    messages.success(
        request, "Confirmed. Nobody else is told. Close the call on the work list when it is done."
    )
    return redirect("alert_detail", code=alert.code)


@require_safe
@login_required
def open_loops(request: HttpRequest) -> HttpResponse:
    """Every ended infusion whose required follow-ups are not all closed, each with its owner and age."""
    user = person(request)
    require(user, "follow_up.view")
    site, now = chosen_site(request), app_now()
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    page = Paginator(open_loops_of(user, site), PER_PAGE).get_page(request.GET.get("page"))
    duty = next((shift.user for shift in on_duty(site, now)), None)
    lines = [{"row": row, "owner": named_owner(row), "duty": duty} for row in page]
    context = {"site": site, "now": now, "page_obj": page, "lines": lines}
    return show(request, "scheduling/open_loops.html", context, site)
