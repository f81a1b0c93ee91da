"""The clinic optimiser: choose waiting patients, watch the search, compare before and after, accept all or some."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from scheduling.access import get_clinic_plan_for
from scheduling.clinic_plan_pages import MOST_WAITING, run_view, waiting_patients, waiting_rows
from scheduling.domain.localtime import local_date
from scheduling.forms_clinic_plan import ClinicPlanForm, read_wishes, typed
from scheduling.loaders import zone_of
from scheduling.models import ClinicPlanRun
from scheduling.plan_pages import versions_to_offer
from scheduling.services import clinic_plan_bookings, clinic_plans
from scheduling.services.once import once
from scheduling.sites import chosen_site
from scheduling.tasks import wake_clinic_plan
from scheduling.views.acts import person, posted, show
from staff.access import require
from staff.clock import app_now
from staff.errors import Conflict, DomainError
from staff.models import Site, User

RECENT = 8


@require_http_methods(["GET", "POST"])
@login_required
def clinic_plan_list(request: HttpRequest) -> HttpResponse:
    """Who waits, and the last plans; a valid POST starts one."""
    user = person(request)
    require(user, "series.book")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    tomorrow = local_date(app_now(), zone_of(site)) + timedelta(days=1)
    form = ClinicPlanForm(
        posted(request),
        versions=[item for item in versions_to_offer() if item.read().visits > 1],
        initial={"first_day": tomorrow, "seconds": "30"},
        zone=zone_of(site),
    )
    waiting = list(waiting_patients(site, user)[:MOST_WAITING])
    if request.method == "POST" and form.is_valid():
        started = _start(request, user, site, form, waiting)
        if started is not None:
            return started
    sent = request.POST
    context = {
        "site": site,
        "form": form,
        "rows": waiting_rows(
            waiting, frozenset(sent.getlist("patient")), typed(sent, "weight"), typed(sent, "priority")
        ),
        "most": MOST_WAITING,
        "runs": ClinicPlanRun.objects.filter(site=site).select_related(
            "requested_by", "protocol_version__template"
        )[:RECENT],
        "token": sent.get("token") or str(uuid.uuid4()),
    }
    status = form.error_status if form.is_bound else 200
    return show(request, "scheduling/clinic_plans.html", context, site, status=status)


def _start(
    request: HttpRequest, user: User, site: Site, form: ClinicPlanForm, waiting: list[Any]
) -> HttpResponseRedirect | None:
    """Start the run and go to its page; None, with the refusal on the form, when that cannot be."""

    def act() -> str:
        run = clinic_plans.start_run(
            site=site,
            protocol_version=form.version,
            first_day=form.cleaned_data["first_day"],
            wishes=read_wishes(request.POST, waiting),
            seconds=int(form.cleaned_data["seconds"]),
            by=user,
            wake=wake_clinic_plan,
        )
        return str(run.code)

    try:
        code, _ = once(user=user, token=request.POST.get("token", ""), route="clinic_plan", act=act)
    except DomainError as refusal:
        form.add_refusal(refusal)
        return None
    return HttpResponseRedirect(reverse("clinic_plan_detail", args=[code]))


@require_safe
@login_required
def clinic_plan_detail(request: HttpRequest, code: str) -> HttpResponse:
    """How far a run is, and what it proposes; while it goes on, a fragment every second or so."""
    run = get_clinic_plan_for(person(request), code)
    return _draw(request, run)


def _draw(
    request: HttpRequest,
    run: ClinicPlanRun,
    *,
    refusal: str = "",
    conflicts: tuple[Conflict, ...] = (),
    status: int = 200,
) -> HttpResponse:
    context = {
        "plan": run_view(run),
        "run": run,
        "refusal": refusal,
        "conflicts": conflicts,
        "chosen": frozenset(request.POST.getlist("entry")) if request.method == "POST" else None,
        "token": request.POST.get("token") or str(uuid.uuid4()),
    }
    live = request.headers.get("HX-Request")
    template = "scheduling/_clinic_plan.html" if live else "scheduling/clinic_plan.html"
    return show(request, template, context, run.site, status=status)


@require_POST
@login_required
def clinic_plan_stop(request: HttpRequest, code: str) -> HttpResponse:
    """Stop the search; the best plan so far stays."""
    run = get_clinic_plan_for(person(request), code)
    clinic_plans.ask_to_stop(run=run, by=person(request))
    messages.info(request, "The search stops. The best plan so far is kept.")
    return redirect("clinic_plan_detail", code=run.code)


@require_POST
@login_required
def clinic_plan_accept(request: HttpRequest, code: str) -> HttpResponse:
    """Book the chosen proposals, all or none."""
    user = person(request)
    run = get_clinic_plan_for(user, code)
    chosen = request.POST.getlist("entry")

    def act() -> str:
        made = clinic_plan_bookings.accept(
            run=run, entries=chosen, by=user, reserve_therapy=bool(request.POST.get("reserve_therapy"))
        )
        return str(len(made))

    try:
        count, fresh = once(
            user=user, token=request.POST.get("token", ""), route=f"clinic_plan:{run.code}", act=act
        )
    except DomainError as refusal:
        return _draw(
            request, run, refusal=refusal.message, conflicts=refusal.conflicts, status=refusal.status
        )
    if fresh:
        messages.success(request, f"Booked: {count} series.")
    return redirect("clinic_plan_detail", code=run.code)
