"""What only the demo has: the clock bar, one-click sign-in per role, the three-step tour. 404 everywhere else."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from config.context import DEMO_ACCOUNTS, TOURS
from scheduling.demo.clock import next_sign_off, next_therapy_time
from scheduling.sites import chosen_site
from staff.clock import app_now, may_move_clock, set_clock
from staff.models import Site, User


def require_demo() -> None:
    """404 unless this is a demo process on a database whose owner marked it demo or test."""
    if not settings.IS_DEMO or not may_move_clock():
        raise Http404("Only in the demo.")


def safe_next(request: HttpRequest) -> str:
    """Where to go back to: a path of this site, else the start page."""
    target = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return target if allowed and target.startswith("/") else reverse("home")


@require_POST
@login_required
def clock_jump(request: HttpRequest) -> HttpResponse:
    """Move the demo clock forward; never back, because what happened stays happened."""
    require_demo()
    now = app_now()
    target = _target(request.POST.get("jump", ""), now, request)
    if target is None or target <= now:
        messages.info(request, "There is nothing of that kind ahead right now.")
    else:
        set_clock(target)
        site = chosen_site(request)
        zone = ZoneInfo(site.time_zone if site else "UTC")
        messages.success(request, f"The demo clock now shows {target.astimezone(zone):%a %d %b, %H:%M}.")
    return redirect(safe_next(request))


def _target(jump: str, now: datetime, request: HttpRequest) -> datetime | None:
    site = chosen_site(request)
    if site is None:
        return None
    if jump == "5-minutes":
        return now + timedelta(minutes=5)
    if jump == "sign-off":
        return next_sign_off(site=site, now=now)
    if jump == "therapy-time":
        return next_therapy_time(site=site, now=now)
    if jump in ("evening", "tomorrow"):
        return _next_local(
            now, ZoneInfo(site.time_zone), time(20, 30) if jump == "evening" else time(9, 0), jump
        )
    return None


def _next_local(now: datetime, zone: ZoneInfo, wall: time, jump: str) -> datetime:
    local = now.astimezone(zone)
    day = local.date() + timedelta(days=1 if jump == "tomorrow" else 0)
    target = datetime.combine(day, wall, zone)
    return target if target > now else datetime.combine(day + timedelta(days=1), wall, zone)


@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in as one of the sample people and start their tour."""
    require_demo()
    roles = {email: role for role, _, _, email, _ in DEMO_ACCOUNTS}
    email = request.POST.get("email", "")
    if email not in roles:
        raise Http404("No such sample person.")
    user = get_object_or_404(User, email=email, is_active=True)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session["tour_role"], request.session["tour_step"] = roles[email], 1
    return redirect("home")


@login_required
def tour_step(request: HttpRequest, step: int) -> HttpResponse:
    """Go to the page of tour step `step` and put the strip on the next one; 0 ends the tour (POST)."""
    role = request.session.get("tour_role")
    if role not in TOURS or step == 0:
        request.session.pop("tour_role", None)
        return redirect("home")
    request.session["tour_step"] = step + 1
    return redirect(TOURS[role][min(step, 3) - 1][2])


@require_POST
@login_required
def site_switch(request: HttpRequest) -> HttpResponse:
    """Show another of the person's sites."""
    site = get_object_or_404(Site, code=request.POST.get("site"), staff=request.user)
    request.session["site"] = str(site.code)
    return redirect("home")
