"""The therapist queue, and one window: take it, see its times, give it back."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from patients.presenting import banner, local_day
from scheduling import queries_follow, queue_page
from scheduling.access_follow import get_window_for
from scheduling.models import PlasticityWindow
from scheduling.services import windows
from scheduling.sites import chosen_site
from scheduling.views.acts import person, show
from scheduling.window_page import window_context
from staff.access import require
from staff.clock import app_now


@require_safe
@login_required
def therapist_queue(request: HttpRequest) -> HttpResponse:
    """One row per window, the one that ends first on top; as a fragment for the refresh."""
    user = person(request)
    require(user, "queue.view")
    site, now = chosen_site(request), app_now()
    request.page_now = now  # type: ignore[attr-defined]  # the page frame shows the same moment
    filters = queue_page.Filters.read(request.GET.dict())
    context: dict[str, Any] = {
        "now": now, "site": site, "filters": filters, "rows": [], "may_cover": user.may("therapy.cover"),
    }  # fmt: skip
    if site is None:
        return render(request, "scheduling/queue.html", context)
    zone = ZoneInfo(site.time_zone)
    items = queries_follow.queue_items(user, site, now)
    shown = queue_page.filtered(items, filters, user)
    axis = queue_page.axis_for(shown, now, zone)
    alike = queue_page.names_alike(items)
    later = queries_follow.later_therapy(user, site, now) if filters.show == "todo" else []
    context |= {
        "tabs": queue_page.tabs(items, filters, user),
        "whose": [
            {"label": label, "url": filters.url(whose=key), "current": key == filters.whose}
            for key, label in queue_page.WHOSE.items()
        ],
        "axis": axis,
        "rows": [
            queue_page.queue_row(item, axis, zone, now, user, alike.get(item.window.patient_id, ""))
            for item in shown
        ],
        "later": later,
        "here": filters.url(),
    }
    template = "scheduling/_queue.html" if request.headers.get("HX-Request") else "scheduling/queue.html"
    return show(request, template, context, site)


@require_safe
@login_required
def window_detail(request: HttpRequest, code: str) -> HttpResponse:
    """One window: where it stands, its therapy with free times, and everything else that follows the
    infusion.
    """
    user = person(request)
    window = get_window_for(user, code)
    if window.superseded_at is not None:
        newer = PlasticityWindow.objects.current().filter(infusion=window.infusion_id).first()
        if newer is not None:
            return redirect("window_detail", code=newer.code)
    now = app_now()
    context = window_context(window, user, now)
    context["banner"] = banner(window.patient, today=local_day(window.patient, now))
    return show(request, "scheduling/window.html", context, window.infusion.site)


@require_POST
@login_required
def window_claim(request: HttpRequest, code: str) -> HttpResponse:
    """Take a window. Of two who do at once, one gets it and the other is told who has it."""
    user = person(request)
    window = get_window_for(user, code, action="window.claim")
    taken = windows.claim_window(window=window, by=user)
    undo = reverse("window_release", args=[taken.code])
    messages.success(request, "Taken. It is on your list now.", extra_tags=f"undo:{undo}")
    return redirect(_back(request, taken))


@require_POST
@login_required
def window_release(request: HttpRequest, code: str) -> HttpResponse:
    """Give a window back to the pool."""
    user = person(request)
    window = get_window_for(user, code, action="window.claim")
    given = windows.release_window(window=window, by=user)
    messages.success(request, "Given back: it is unassigned again.")
    return redirect(_back(request, given))


def _back(request: HttpRequest, window: PlasticityWindow) -> str:
    """The queue with its filters when the act came from there, else the window's page."""
    wanted = request.POST.get("next", "")
    queue = reverse("therapist_queue")
    if wanted == queue or wanted.startswith(f"{queue}?"):
        return wanted
    return reverse("window_detail", args=[window.code])
