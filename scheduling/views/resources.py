"""Chairs, rooms and people: who is there when. Reading is for everyone at the site, changing for
coordinators.
"""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from scheduling.access import get_resource_for
from scheduling.domain.localtime import local_date
from scheduling.forms_resources import (
    WEEKDAYS,
    AbsenceForm,
    ClosureForm,
    NewResourceForm,
    ResourceForm,
    WeeklyHoursForm,
)
from scheduling.loaders import public_holidays, zone_of
from scheduling.models import Appointment, Availability, Closure, Resource
from scheduling.services import resources as service
from scheduling.sites import chosen_site
from scheduling.views.acts import person, posted, show
from staff.access import require
from staff.clock import app_now
from staff.errors import DomainError
from staff.forms import ClinicalForm
from staff.strict import parse_date, parse_instant

HOLIDAYS_AHEAD = timedelta(days=120)


def hours_words(rows: list[Availability], weekday: int) -> str:
    """`08:00-12:00, 13:00-18:00`; empty for a day off."""
    return ", ".join(f"{row.start_time:%H:%M}-{_end(row.end_time)}" for row in rows if row.weekday == weekday)


def _end(clock: time) -> str:
    return "24:00" if clock >= time(23, 59) else f"{clock:%H:%M}"


@require_http_methods(["GET", "POST"])
@login_required
def resource_list(request: HttpRequest) -> HttpResponse:
    """Everything that can be booked at the site, by kind, with this week's pattern; and its closed days."""
    user = person(request)
    require(user, "resource.view")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    may_edit = user.may("resource.edit")
    form = ClosureForm(posted(request))
    if request.method == "POST":
        require(user, "resource.edit")
        if form.is_valid() and _done(
            request, form, lambda data: service.add_closure(site=site, by=user, **data)
        ):
            return _next(request, form, redirect("resource_list"))
    now = app_now()
    today = local_date(now, zone_of(site))
    rows = Resource.objects.filter(site=site).prefetch_related("availabilities").order_by("kind", "name")
    groups: dict[str, list[dict[str, Any]]] = {}
    retired = [row for row in rows if not row.active]
    for row in rows:
        if not row.active:
            continue
        pattern = [row_ for row_ in row.availabilities.all() if row_.valid_during is None]
        week = [hours_words(pattern, day) for day in range(7)]
        groups.setdefault(row.get_kind_display(), []).append({"row": row, "week": week})
    context = {
        "site": site,
        "groups": groups,
        "retired": retired,
        "weekdays": [name[:3] for name in WEEKDAYS],
        "closures": Closure.objects.filter(site=site, days__endswith__gt=today),
        "holidays": sorted(public_holidays(site, today, today + HOLIDAYS_AHEAD).items()),
        "form": form,
        "may_edit": may_edit,
    }
    return show(
        request,
        "scheduling/resources.html",
        context,
        site,
        status=form.error_status if form.is_bound else 200,
    )


def _done(request: HttpRequest, form: ClinicalForm, do: Any) -> bool:
    """Run the act; True when it happened. The flash line says how many bookings it hit; then `replan` comes next."""
    try:
        hit: list[Appointment] = do(form.cleaned_data)
    except DomainError as refusal:
        form.add_refusal(refusal)
        return False
    form.hit = len(hit)  # type: ignore[attr-defined]  # read by _next
    if hit:
        words = f"Saved. {len(hit)} booking{'s' if len(hit) != 1 else ''} now outside the hours."
        may_move = person(request).may("appointment.move")
        rest = "these are the proposals." if may_move else "they are on the coordinators' work list."
        messages.warning(request, f"{words} Nothing has moved yet: {rest}")
    else:
        messages.success(request, "Saved.")
    return True


def _next(request: HttpRequest, form: ClinicalForm, otherwise: HttpResponse) -> HttpResponse:
    """The review of what was hit, when anything was and this person may decide it."""
    if getattr(form, "hit", 0) and person(request).may("appointment.move"):
        return redirect("replan")
    return otherwise


@require_safe
@login_required
def resource_detail(request: HttpRequest, code: str) -> HttpResponse:
    """One resource: weekly hours, absences ahead."""
    user = person(request)
    resource = get_resource_for(user, code, action="resource.view")
    return _draw(request, resource, _hours_form(None, resource), AbsenceForm(zone=zone_of(resource.site)))


def _hours_form(data: Any, resource: Resource) -> WeeklyHoursForm:
    rows = list(resource.availabilities.filter(valid_during__isnull=True))
    initial: dict[str, Any] = {f"day_{day}": hours_words(rows, day) for day in range(7)}
    others = service.without_hours(resource.site).exclude(pk=resource.pk).count()
    return WeeklyHoursForm(data, initial={**initial, "seen": service.fingerprint(rows)}, others=others)


def _draw(
    request: HttpRequest, resource: Resource, hours: WeeklyHoursForm, absence: AbsenceForm, status: int = 200
) -> HttpResponse:
    now = app_now()
    context = {
        "resource": resource,
        "site": resource.site,
        "hours": hours,
        "absence": absence,
        "limited": resource.availabilities.filter(valid_during__isnull=False),
        "absences": resource.exceptions.filter(during__endswith__gt=now).order_by("during"),
        "may_edit": person(request).may("resource.edit"),
        "week": [(name, hours[f"day_{day}"].initial) for day, name in enumerate(WEEKDAYS)],
        "page_errors": hours.errors if hours.is_bound else absence.errors if absence.is_bound else None,
    }
    return show(request, "scheduling/resource.html", context, resource.site, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def resource_new(request: HttpRequest) -> HttpResponse:
    """Add a chair or a room to the site that is looked at."""
    user = person(request)
    require(user, "resource.edit")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    form = NewResourceForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            made = service.furnish(site=site, by=user, **form.cleaned_data)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, f"{made.name} is there. Without weekly hours it cannot be booked yet.")
            return redirect("resource_detail", code=made.code)
    return _form_page(request, site, form, title="Add a chair or a room", button="Add it")


@require_http_methods(["GET", "POST"])
@login_required
def resource_change(request: HttpRequest, code: str) -> HttpResponse:
    """Change the name and how many at once."""
    user = person(request)
    resource = get_resource_for(user, code, action="resource.edit")
    form = ResourceForm(
        posted(request),
        initial={"name": resource.name, "capacity": resource.capacity},
        version=resource.version,
    )
    conflicts: Any = ()
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            service.change_resource(
                resource=resource,
                name=data["name"],
                capacity=data["capacity"],
                by=user,
                expected_version=data["version"],
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
            conflicts = refusal.conflicts
        else:
            messages.success(request, "Saved.")
            return redirect("resource_detail", code=resource.code)
    return _form_page(
        request, resource.site, form, resource=resource, title="Name and capacity", button="Save",
        conflicts=conflicts,
    )  # fmt: skip


def _form_page(request: HttpRequest, site: Any, form: ClinicalForm, **words: Any) -> HttpResponse:
    status = form.error_status if form.is_bound else 200
    context = {"site": site, "form": form, **words}
    return show(request, "scheduling/resource_form.html", context, site, status=status)


@require_POST
@login_required
def resource_retire(request: HttpRequest, code: str) -> HttpResponse:
    """Take it out of use. What stands in the way is listed on the page of the refusal."""
    user = person(request)
    resource = get_resource_for(user, code, action="resource.edit")
    service.retire_resource(resource=resource, by=user)
    messages.success(request, f"{resource.name} is no longer in use. Its history stays.")
    return redirect("resource_list")


@require_POST
@login_required
def resource_restore(request: HttpRequest, code: str) -> HttpResponse:
    """Put it back into use."""
    user = person(request)
    resource = get_resource_for(user, code, action="resource.edit")
    service.restore_resource(resource=resource, by=user)
    messages.success(request, f"{resource.name} is in use again.")
    return redirect("resource_detail", code=resource.code)


@require_POST
@login_required
def resource_hours(request: HttpRequest, code: str) -> HttpResponse:
    """Save the weekly hours."""
    user = person(request)
    resource = get_resource_for(user, code, action="resource.edit")
    form = _hours_form(request.POST, resource)

    def do(data: dict[str, Any]) -> list[Appointment]:
        return service.set_weekly_hours(resource=resource, hours=data["hours"], seen=data["seen"], by=user)

    if form.is_valid() and _done(request, form, do):
        if form.cleaned_data.get("rest"):
            given = service.give_hours_to_the_rest(
                site=resource.site, hours=form.cleaned_data["hours"], by=user
            )
            messages.success(
                request, f"The same hours for {', '.join(row.name for row in given) or 'nobody'}."
            )
        return _next(request, form, redirect("resource_detail", code=resource.code))
    return _draw(request, resource, form, AbsenceForm(zone=zone_of(resource.site)), form.error_status)


@require_POST
@login_required
def resource_absence(request: HttpRequest, code: str) -> HttpResponse:
    """Note an absence."""
    user = person(request)
    resource = get_resource_for(user, code, action="resource.edit")
    form = AbsenceForm(request.POST, zone=zone_of(resource.site))

    def do(data: dict[str, Any]) -> list[Appointment]:
        return service.add_absence(
            resource=resource, start=data["starts"], end=data["ends"], reason=data["reason"], by=user
        )

    if form.is_valid() and _done(request, form, do):
        return _next(request, form, redirect("resource_detail", code=resource.code))
    return _draw(request, resource, _hours_form(None, resource), form, form.error_status)


@require_POST
@login_required
def resource_absence_end(request: HttpRequest, code: str) -> HttpResponse:
    """Take an absence back: the one whose start and end are sent."""
    user = person(request)
    resource = get_resource_for(user, code, action="resource.edit")
    start = parse_instant(request.POST.get("starts", ""), field="starts")
    end = parse_instant(request.POST.get("ends", ""), field="ends")
    if end > start:
        service.remove_absence(resource=resource, start=start, end=end, by=user)
    messages.success(request, "The absence is taken back.")
    return redirect("resource_detail", code=resource.code)


@require_POST
@login_required
def closure_end(request: HttpRequest) -> HttpResponse:
    """Take a closure of the chosen site back: the one whose days are sent."""
    user = person(request)
    require(user, "resource.edit")
    site = chosen_site(request)
    first = parse_date(request.POST.get("first", ""), field="first")
    until = parse_date(request.POST.get("until", ""), field="until")
    if site is not None and until > first:
        service.remove_closure(site=site, first=first, until=until, by=user)
        messages.success(request, "The closure is taken back.")
    return redirect("resource_list")
