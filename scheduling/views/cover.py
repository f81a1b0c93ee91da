"""Absence cover: who takes which therapy session while a therapist is away, accepted as one act."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from scheduling.domain.localtime import day_in_words, local_date, local_day
from scheduling.follow_words import soon_in_words
from scheduling.forms_cover import CoverForm
from scheduling.services import cover
from scheduling.sites import chosen_site
from scheduling.views.acts import person, show
from staff import roles
from staff.access import require
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import Site, User


@require_http_methods(["GET", "POST"])
@login_required
def absence_cover(request: HttpRequest) -> HttpResponse:
    """Who is away and when (in the address); the sessions it touches with who could take them; POST hands over."""
    user = person(request)
    require(user, "therapy.cover")
    site, now = chosen_site(request), app_now()
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    zone = ZoneInfo(site.time_zone)
    people = _people(user, site)
    asked = request.POST if request.method == "POST" else (request.GET or None)
    form = CoverForm(asked, people=people, tomorrow=local_date(now, zone) + timedelta(days=1), me=user)
    context: dict[str, Any] = {"form": form, "site": site, "now": now, "lines": None}
    if not people:
        return show(request, "scheduling/cover.html", context, site)
    if form.is_bound and not form.is_valid():
        return show(request, "scheduling/cover.html", context, site, status=form.error_status)
    therapist, first, last = form.asked()
    start, until = _span(first, last, zone)
    if request.method == "POST":
        answer = _accept(request, form, user, therapist, start, until)
        if answer is not None:
            return answer
    try:
        lines = cover.propose_cover(therapist=therapist, start=start, until=until, by=user, at=now)
    except DomainError as refusal:
        if form.is_bound:
            form.add_refusal(refusal)
        lines = []
    context |= {
        "therapist": therapist,
        "mine": therapist.pk == user.pk,
        "first": first,
        "last": last,
        "days": _days(first, last),
        "lines": [_line(line, form, zone, now) for line in lines],
    }
    return show(
        request, "scheduling/cover.html", context, site, status=form.error_status if form.errors else 200
    )


def _people(user: User, site: Site) -> list[User]:
    """Whose absence this person may plan: a coordinator everybody's of the site, a therapist their own."""
    if roles.COORDINATOR not in user.role_names:
        return [user]
    found = User.objects.filter(
        is_active=True,
        groups__name=roles.THERAPIST,
        sites=site,
        resources__kind="therapist",
        resources__active=True,
    ).distinct()
    return sorted(found, key=lambda one: (one.pk != user.pk, one.full_name))


def _span(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the first midnight to the midnight after the last day, at the site."""
    opening, closing = local_day(first, zone), local_day(last, zone)
    if opening is None or closing is None:  # a date that the place skipped has no hours
        return datetime.combine(first, datetime.min.time(), zone), datetime.combine(
            last + timedelta(days=1), datetime.min.time(), zone
        )
    return opening.start, closing.end


def _days(first: date, last: date) -> str:
    return day_in_words(first) if first == last else f"{day_in_words(first)} to {day_in_words(last)}"


def _line(line: cover.CoverLine, form: CoverForm, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """One session with its choices as the page draws them; what was sent stays chosen."""
    name = f"choice-{line.row.code}"
    chosen = form.data.get(name, line.suggested) if form.is_bound else line.suggested
    options = []
    for key, slot in line.keyed:
        same = slot.start == line.booked
        options.append(
            {
                "value": key,
                "who": slot.therapist.full_name,
                "when": soon_in_words(slot.start, zone, now),
                "same": same,
                "checked": key == chosen,
            }
        )
    return {
        "row": line.row,
        "name": name,
        "booked": line.booked,
        "ends": line.ends,
        "options": options,
        "video": chosen == cover.VIDEO,
        "by_video": line.by_video,
        "outside": line.outside,
        "to_outside": chosen == cover.OUTSIDE,
        "leave": chosen == cover.LEAVE,
        "missed": chosen == cover.MISSED,
    }


def _accept(
    request: HttpRequest, form: CoverForm, user: User, therapist: User, start: datetime, until: datetime
) -> HttpResponse | None:
    """Do it and go to the queue; None when it was refused (the form has the words)."""
    try:
        changed = cover.accept_cover(
            therapist=therapist, start=start, until=until, choices=form.choices(), by=user
        )
    except DomainError as refusal:
        form.add_refusal(refusal)
        return None
    moved = sum(1 for row in changed if row.state == row.State.BOOKED)
    left = len(changed) - moved
    words = f"Absence noted. Handed over: {moved}." + (
        f" Still open: {left}, on the work list." if left else ""
    )
    messages.success(request, words)
    return redirect("therapist_queue")
