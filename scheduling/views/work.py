"""The work list: what the software cannot do on its own, and what was done about it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Case, IntegerField, Q, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from scheduling.access_follow import get_work_item_for
from scheduling.forms_follow import ResolveForm
from scheduling.models import WorkItem
from scheduling.services.workitems import resolve_item
from scheduling.sites import chosen_site
from scheduling.views.acts import person, posted, show
from staff import roles
from staff.access import require
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import User

WHOSE = {"mine": "Mine", "role": "My role's", "all": "Everybody's", "closed": "Closed"}
PER_PAGE = 30


@require_safe
@login_required
def work_list(request: HttpRequest) -> HttpResponse:
    """Open items of the site, the most urgent on top: mine, those of my roles, everybody's; and closed ones."""
    user = person(request)
    require(user, "follow_up.view")
    site, now = chosen_site(request), app_now()
    if site is None:
        return render(request, "scheduling/work.html", {"site": None})
    whose = request.GET.get("whose", "")
    whose = whose if whose in WHOSE else "role"
    rows = WorkItem.objects.visible_to(user).filter(site=site)
    counts = {name: rows.filter(_which(name, user)).count() for name in ("mine", "role", "all")}
    found = rows.filter(_which(whose, user)).select_related("patient", "owner", "resolved_by")
    page = Paginator(_ordered(found, whose), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "site": site,
        "now": now,
        "whose": whose,
        "tabs": [_tab(name, whose, counts.get(name)) for name in WHOSE],
        "page_obj": page,
        "rows": [_line(item) for item in page],
        "closed": whose == "closed",
    }
    return show(request, "scheduling/work.html", context, site)


def _which(whose: str, user: User) -> Q:
    if whose == "closed":
        return Q(resolved_at__isnull=False)
    open_ = Q(resolved_at__isnull=True)
    if whose == "mine":
        return open_ & Q(owner=user)
    if whose == "role":
        return open_ & (Q(owner=user) | Q(owner__isnull=True, role__in=user.role_names))
    return open_


def _ordered(rows: Any, whose: str) -> Any:
    """Stale windows and therapy inside a no-therapy period first: they lock or concern safety."""
    if whose == "closed":
        return rows.order_by("-resolved_at", "-pk")
    urgent = [
        WorkItem.Kind.THERAPY_INSIDE,
        WorkItem.Kind.STALE_WINDOW,
        WorkItem.Kind.CALL_PATIENT,
        WorkItem.Kind.RESTORED,
    ]
    rank = Case(When(kind__in=urgent, then=Value(0)), default=Value(1), output_field=IntegerField())
    return rows.annotate(rank=rank).order_by("rank", "due_at", "pk")


def _tab(name: str, current: str, count: int | None) -> dict[str, Any]:
    url = f"{reverse('work_list')}?{urlencode({'whose': name})}"
    tab: dict[str, Any] = {"label": WHOSE[name], "url": url, "current": name == current}
    return tab if count is None else tab | {"count": count}


def _line(item: WorkItem) -> dict[str, Any]:
    return {
        "item": item,
        "who": item.owner.full_name if item.owner else roles.LABELS.get(item.role, item.role),
    }


@require_http_methods(["GET", "POST"])
@login_required
def work_resolve(request: HttpRequest, code: str) -> HttpResponse:
    """Close an item by saying what was done. Closed already: the list says by whom."""
    user = person(request)
    item = get_work_item_for(user, code)
    if item.resolved_at is not None:
        messages.info(request, "This item is closed already.")
        return redirect("work_list")
    form = ResolveForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            resolve_item(item=item, by=user, resolution=form.cleaned_data["resolution"])
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Closed.")
            return redirect("work_list")
    context = {"item": item, "form": form, "now": app_now(), "who": _line(item)["who"]}
    status = form.error_status if form.is_bound else 200
    return show(request, "scheduling/work_resolve.html", context, item.site, status=status)
