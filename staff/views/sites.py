"""Sites: the list, open one, change one."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from staff.access import require
from staff.access_people import get_site_for
from staff.errors import DomainError
from staff.forms_people import NewSiteForm, SiteForm
from staff.models import Site
from staff.services import sites as service
from staff.views.acts import manager, posted, status_of


@require_safe
@login_required
def site_list(request: HttpRequest) -> HttpResponse:
    """Every site with its place, clock, and how many work there."""
    require(request.user, "site.manage")
    rows = Site.objects.annotate(people=Count("staff", filter=Q(staff__is_active=True))).order_by("name")
    return render(request, "staff/sites.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@login_required
def site_new(request: HttpRequest) -> HttpResponse:
    """Open a site; whoever does works there."""
    user = manager(request)
    require(user, "site.manage")
    form = NewSiteForm(posted(request), initial={"country": "US"})
    if request.method == "POST" and form.is_valid():
        try:
            site = service.found_site(values=form.cleaned_data, by=user)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            request.session["site"] = str(site.code)
            messages.success(request, f"{site.name} is open. Next: its chairs and rooms.")
            return redirect("resource_list")
    return render(request, "staff/site_form.html", {"form": form, "new": True}, status=status_of(form))


@require_http_methods(["GET", "POST"])
@login_required
def site_edit(request: HttpRequest, code: str) -> HttpResponse:
    """Change a site."""
    user = manager(request)
    site = get_site_for(user, code)
    initial = {name: getattr(site, name) for name in service.FIELDS}
    form = SiteForm(posted(request), initial=initial, version=site.version)
    if request.method == "POST" and form.is_valid():
        changes = dict(form.cleaned_data)
        version = changes.pop("version")
        try:
            service.update_site(site=site, changes=changes, expected_version=version, by=user)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Saved.")
            return redirect("site_list")
    context = {"form": form, "edited": site}
    return render(request, "staff/site_form.html", context, status=status_of(form))
