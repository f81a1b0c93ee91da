"""Running late: how late, what that does to the chair's day, and one acceptance."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from scheduling.access import get_appointment_for
from scheduling.booking_pages import patient_banner, title_of
from scheduling.domain.localtime import in_words
from scheduling.forms_booking import LateForm
from scheduling.models import Appointment
from scheduling.services import replans
from scheduling.services.lateness import LATE_WORDS, LateLine, accepted, propose_late, seen_lines, start_by
from scheduling.views.acts import Act, person, posted, show, tell_recall, zone
from staff.clock import app_now
from staff.errors import DomainError, StaleVersion


@require_http_methods(["GET", "POST"])
@login_required
def visit_late(request: HttpRequest, code: str) -> HttpResponse:
    """GET asks how late; `look` shows the day, `accept` does exactly what was shown."""
    user = person(request)
    visit = get_appointment_for(user, code, action="appointment.move")
    form = LateForm(posted(request), version=visit.version, patient_code=visit.patient.code)
    lines: list[LateLine] = []
    if request.method == "POST" and form.is_valid():
        try:
            lines = propose_late(visit=visit, minutes=form.cleaned_data["minutes"], by=user)
            if request.POST.get("act") == "accept":
                _check_seen(request, lines)
                done = replans.apply(site=visit.site, by=user, series=accepted(lines), reason=LATE_WORDS)
                messages.success(request, "The new times hold. Messages follow them.")
                tell_recall(request, *done)
                return redirect(reverse("chair_board"))
        except DomainError as refusal:
            form.add_refusal(refusal)
    return _draw(request, visit, form, lines)


def _check_seen(request: HttpRequest, lines: list[LateLine]) -> None:
    if request.POST.getlist("seen") != seen_lines(lines):
        raise StaleVersion("The day has changed since you looked. Look at the new times again.")


def _draw(request: HttpRequest, visit: Appointment, form: LateForm, lines: list[LateLine]) -> HttpResponse:
    limit = start_by(visit)
    now_words = in_words(visit.during.lower, zone(visit))
    act = Act(
        title=f"{title_of(visit)} runs late",
        button="",
        done="",
        lede=f"Now {now_words}." + (f" Start by {in_words(limit, zone(visit))}." if limit else ""),
    )
    context = {
        "subject": visit,
        "banner": patient_banner(visit, app_now()),
        "act": act,
        "form": form,
        "lines": lines,
        "seen": seen_lines(lines),
        "may_accept": any(line.new is not None and line.new != line.old for line in lines)
        and not form.errors,
        "back_url": reverse("visit_detail", args=[visit.code]),
    }
    status = form.error_status if form.errors else 200
    return show(request, "scheduling/late.html", context, visit.site, status=status)
