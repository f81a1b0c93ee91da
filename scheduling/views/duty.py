"""The duty roster: who is told when an answer needs a person now, and the hours in which nobody is."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from scheduling.access_follow import get_shift_for
from scheduling.forms_follow import ShiftForm
from scheduling.loaders import zone_of
from scheduling.models import DutyShift
from scheduling.services import duty as service
from scheduling.sites import chosen_site
from scheduling.views.acts import person, posted, show
from staff import roles
from staff.access import require
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import User

AHEAD = timedelta(days=14)


@require_http_methods(["GET", "POST"])
@login_required
def duty_roster(request: HttpRequest) -> HttpResponse:
    """The next fourteen days of the site, its gaps first; coordinators and clinicians add shifts."""
    user = person(request)
    require(user, "duty.view")
    site, now = chosen_site(request), app_now()
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    people = User.objects.filter(sites=site, is_active=True, groups__name__in=roles.CLINICAL).distinct()
    form = ShiftForm(posted(request), people=people, zone=zone_of(site))
    if request.method == "POST":
        require(user, "duty.edit")
        if form.is_valid():
            try:
                service.add_shift(site=site, by=user, **form.values())
            except DomainError as refusal:
                form.add_refusal(refusal)
            else:
                messages.success(request, "On the roster.")
                return redirect("duty_roster")
    shifts = DutyShift.objects.overlapping(site, now, now + AHEAD).select_related("user")
    context = {
        "site": site,
        "now": now,
        "on_duty": service.on_duty(site, now),
        "gaps": service.gaps(site, now, now + AHEAD),
        "shifts": shifts.order_by("during", "rank"),
        "form": form,
        "may_edit": user.may("duty.edit"),
        "may_act": user.may("alert.act"),
    }
    return show(
        request, "scheduling/duty.html", context, site, status=form.error_status if form.is_bound else 200
    )


@require_POST
@login_required
def duty_cancel(request: HttpRequest, code: str) -> HttpResponse:
    """Take a shift back."""
    shift = get_shift_for(person(request), code, action="duty.edit")
    service.cancel_shift(shift=shift, by=person(request))
    messages.success(request, "Taken off the roster.")
    return redirect("duty_roster")
